"""An erasure as the engine hands it over: what a finished one found, its manifests and its evidence.

Three systems: rows that are gone, backups beyond use, a partner on whose word we rely. Nobody is named anywhere.
"""

import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bailiwick_proof.archive import LEAVES
from bailiwick_proof.canonical import canonical
from bailiwick_proof.erasure import (
    Attestation,
    Check,
    Erasure,
    Holds,
    Inventory,
    Neighbour,
    Obligation,
    RestoreGuard,
    Roles,
    Scope,
    System,
    Timeline,
    Tree,
)
from bailiwick_proof.manifest import Manifest

KEY = b"manifest key of one request.0123"
IDS = [f"doc-{number:04d}" for number in range(21)]
ROWS = "postgres-ap-south-1"
PERSON = ("Anita Rao", "anita.rao", "+91 98200 00000", "finance-notes")  # whom it is about; nowhere in what is made


@dataclass(frozen=True)
class Finished:
    """A finished erasure: the facts, the archive's files, the leaves of its manifest."""

    erasure: Erasure
    files: dict[str, bytes]
    leaves: list[bytes]


def pseudonym(what: str) -> str:
    return hmac.new(b"pseudonym key", what.encode(), hashlib.sha256).hexdigest()


def at(verified: datetime, seconds: float) -> str:
    return (verified + timedelta(seconds=seconds)).isoformat()


def finished(verified: datetime | None = None, ids: list[str] = IDS, **changes: Any) -> Finished:
    """One whose last verification ended just now, or when `verified` says; `changes` replace parts of the facts."""
    verified = verified or datetime.now(UTC)
    manifest = Manifest(KEY, ROWS)
    leaves = [manifest.add(one) for one in ids]
    check = {"verifier": "sql-catalogue/1", "credential": pseudonym("bw_verifier"), "query": "c" * 64, "planted": True}
    checks = (
        Check(stage="before", at=at(verified, -600), found=len(ids), **check),
        Check(stage="after", at=at(verified, -300), found=0, **check),
        Check(stage="resweep", at=at(verified, 0), found=0, **check),
    )
    until = (verified + timedelta(days=90)).date().isoformat()
    counted = dict.fromkeys(("targeted", "acknowledged", "absent_after"), len(ids))
    nothing = dict.fromkeys(("targeted", "acknowledged", "absent_after", "residual"), 0)
    row = {
        "region": "ap-south-1", "processor": "this installation", "version": "1.0",
        "categories": ("documents", "answers"), "until": None, "attestation": None, "simulated": True,
        "manifest": None, "checks": (),
    }  # fmt: skip
    systems = (
        System(**row | counted | {
            "name": ROWS, "title": "PostgreSQL, Mumbai", "connector": "postgresql", "outcome": "erased", "residual": 0,
            "method": "Deleted in batches under the hold fence, child tables first; then VACUUM and ANALYZE.",
            "limits": "Pages of the write-ahead log are recycled within 7 days.",
            "manifest": Tree(manifest.root, manifest.leaves), "checks": checks,
        }),
        System(**row | nothing | {
            "name": "backups", "title": "Backups", "connector": "backups", "outcome": "beyond_use", "until": until,
            "method": "The tenant's envelope key was destroyed; copies of the key end on the day stated.",
            "limits": "Until that day a copy of the key exists.",
        }),
        System(**row | nothing | {
            "name": "partner-crm", "title": "Partner CRM", "connector": "attestation",
            "outcome": "attested_by_processor", "processor": "Example Partner Private Limited", "simulated": False,
            "method": "The processor's signed statement.", "limits": "Not verified by the issuer.",
            "attestation": Attestation("Example Partner Private Limited", "a" * 64, until),
        }),
    )  # fmt: skip
    erasure = Erasure(
        request=pseudonym("request"),
        approval=pseudonym("approval"),
        legal_basis="gdpr-17",
        scope=Scope("person", pseudonym(PERSON[1]), ("user_id", "email"), ("documents", "answers"), ("invoices",)),
        roles=Roles(
            pseudonym("meera"), (pseudonym("farah"), pseudonym("arjun")), pseudonym("engine"), pseudonym("verifier"), 3
        ),
        timeline=Timeline(
            at(verified, -90_000), at(verified, -7_200), at(verified, -900), at(verified, -600), at(verified, 0)
        ),
        inventory=Inventory(7, "1" * 64, len(systems), 0, ()),
        systems=systems,
        obligations=(Obligation("backups", until, "Purge the copies and their key."),),
        exemptions=(),
        recipients=(),
        holds=Holds(at(verified, 0), 3, 0),
        neighbours=tuple(Neighbour(pseudonym(f"n{n}"), 1_204 + n, f"{n}" * 64, f"{n}" * 64) for n in range(3)),
        restore_guard=RestoreGuard("blocked", "2" * 64),
    )
    answers = {"query": "c" * 64, "rows": [pseudonym(one) for one in ids], "found": 0}
    files = {LEAVES.format(ROWS): b"".join(leaves), f"answers/{ROWS}/after.json": canonical(answers)}
    return Finished(replace(erasure, **changes), files, leaves)


def with_system(erasure: Erasure, which: str, /, **changes: Any) -> Erasure:
    """The same with one system changed."""
    rows = tuple(replace(one, **changes) if one.name == which else one for one in erasure.systems)
    return replace(erasure, systems=rows)


def issued_row(tenant_id: Any, business_unit: str, key: str, done: Finished | None = None) -> Any:
    """A certificate as if it had been issued, written past the trigger that wants to see the seal."""
    from django.db import connection

    from compliance.certificates import issuing, keys, store
    from compliance.certificates.models import Certificate
    from portal.access.actor import Actor

    done = done or finished()
    row = issuing.issue(
        done.erasure, done.files, key=key, type_="final", tenant_id=tenant_id, business_unit=business_unit,
        actor=Actor.system("erasure"), reason="Erased.",
    )  # fmt: skip
    given = {
        "state": "issued", "issued_at": datetime.now(UTC), "signing_key": keys.current(), "signature": "s",
        "timestamp": "t", "receipt": "r", "document": "{}", "pdf_digest": store.keep("pdf", b"%PDF-"),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE certificates_certificate DISABLE TRIGGER certificate_rules")
        Certificate.objects.filter(pk=row.pk).update(**given)
        cursor.execute("ALTER TABLE certificates_certificate ENABLE TRIGGER certificate_rules")
    return Certificate.objects.get(pk=row.pk)
