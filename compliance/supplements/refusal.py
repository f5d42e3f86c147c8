"""The facts of a refusal: what was asked for, that nothing was touched, and where to turn. It names nobody.

The officer's own words stay with the request and are told to whoever asked; the certificate holds their digest under
a salt that lies in the archive, and the provisions that the words cite.
"""

import hashlib
import hmac
import re
import secrets
from datetime import datetime
from typing import Any, cast

from bailiwick_proof.canonical import canonical
from bailiwick_proof.erasure import Erasure, Holds, Inventory, Kind, RestoreGuard, Roles, Scope, System, Timeline

from compliance.erasing.models import ErasureRequest, Passage, State
from compliance.erasing.queries import erasure_ledger_digest
from compliance.inventory.queries import Listed, drift_count, snapshot

CITED = re.compile(
    r"(?:Art(?:icle|\.)?|s\.|section|§)\s?\d{1,4}(?:\.\d{1,3})?(?:\s?\(\d{1,2}\))?(?:\s?\([a-z]\))?", re.I
)
# by what the request rested on: what the law says of a refusal, and to whom one may turn
OWED_BY: dict[str, tuple[str, str]] = {
    "gdpr-17": (
        "Refused; the reasons were told within the time of Article 12(4) GDPR.",
        "A complaint may be lodged with a supervisory authority, and a court may be asked (Articles 77 and 79 GDPR).",
    ),
    "ccpa-1798-105": (
        "Refused; the reasons were told as the CCPA regulations (§ 7022) ask.",
        "A complaint may be lodged with the California Privacy Protection Agency.",
    ),
    "dpdp-12": (
        "Refused; the reasons were told to the data principal.",
        "A grievance may be raised, and the Data Protection Board be turned to (DPDP Act sections 13 and 27).",
    ),
}
NOBODY = ("registry",)


def is_owed(request: ErasureRequest) -> bool:
    """Whether the law owes whoever asked a reasoned answer: to a person, but not to a party of a contract."""
    return request.state == State.REFUSED and request.legal_basis in OWED_BY


def facts(request: ErasureRequest, key: bytes) -> tuple[Erasure, dict[str, bytes]]:
    """What a certificate of refusal says, and its archive. `key` is made for it: the same gives the same pseudonyms."""
    listed = snapshot()
    at = _refused_at(request)
    systems = tuple(_row(request, one) for one in listed.systems)
    words = _digest(key, "reason", request.state_reason)
    erasure = Erasure(
        request=_digest(key, "request", request.pk),
        approval=words,
        legal_basis=request.legal_basis,
        scope=Scope(cast(Kind, request.kind), request.subject, tuple(request.identifiers), (), NOBODY),
        roles=_roles(request, key),
        timeline=Timeline(request.received_at.isoformat(), at, at, at, at),
        inventory=Inventory(listed.version, listed.digest, len(systems), drift_count(), tuple(listed.removed)),
        systems=systems,
        obligations=(),
        exemptions=(),
        recipients=(),
        holds=Holds(at, 0, 0),
        neighbours=(),
        restore_guard=RestoreGuard("blocked", erasure_ledger_digest()),
    )
    told = {"reason": words, "salt": key.hex(), "cited": cited(request.state_reason)}
    return erasure, {"refusal.json": canonical(told)}


def new_key() -> bytes:
    return secrets.token_bytes(32)


def cited(words: str) -> list[str]:
    """The provisions that a reason names, and nothing else of it."""
    return list(dict.fromkeys(" ".join(one.split()) for one in CITED.findall(words)))[:8]


def _row(request: ErasureRequest, one: Listed) -> System:
    said, where_to_turn = OWED_BY[request.legal_basis]
    named = cited(request.state_reason)
    ground = f" Ground: {', '.join(named)}." if named else ""
    nothing: dict[str, Any] = dict.fromkeys(("targeted", "acknowledged", "absent_after", "residual"), 0)
    return System(
        name=one.name, title=one.title, region=one.region or "global", processor=one.processor,
        connector=one.connector or one.kind, version="1", categories=tuple(one.categories), outcome="not_checked",
        until=None, method=said + ground, limits=where_to_turn, manifest=None, checks=(), attestation=None,
        simulated=one.simulated, **nothing,
    )  # fmt: skip


def _roles(request: ErasureRequest, key: bytes) -> Roles:
    by = Passage.objects.filter(request=request, new=State.REFUSED).order_by("-id").values_list("actor", flat=True)
    decided = _digest(key, "person", by.first() or "")
    agents = _digest(key, "agent", "eraser"), _digest(key, "agent", "verifier")
    return Roles(_digest(key, "person", request.requested_by_id), (decided,), *agents, 1)


def _refused_at(request: ErasureRequest) -> str:
    at: datetime = request.ended_at or request.state_changed_at
    return at.isoformat()


def _digest(key: bytes, kind: str, what: object) -> str:
    return hmac.new(key, f"{kind}\0{what}".encode(), hashlib.sha256).hexdigest()
