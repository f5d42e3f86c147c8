"""The pairs that sign: made or mounted, in force for their term, replaced, revoked. Private halves lie in files only.

A pair is `certificates/<number>.json` in the secrets directory: the note's key and the PDF's key with its certificate.
The embedded runtime makes it; elsewhere it is mounted there before the rotation is asked for.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import structlog
from bailiwick_proof.keys import LOG, generate
from bailiwick_proof.keys import SigningKey as NoteKey
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings
from django.db import connection

from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.lib.clock import now
from portal.lib.errors import Absent, Blocked, Conflict
from portal.lib.keys import read_or_create

from .models import SigningKey
from .x509 import self_signed

log = structlog.get_logger(__name__)
SYSTEM = Actor.system("certificates.keys")
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('certificates.keys', 0))"


@dataclass(frozen=True)
class Pair:
    """Both private halves of one signing key."""

    note: NoteKey
    pem: bytes
    x509: bytes

    @property
    def id(self) -> str:
        return self.note.verifier.id.hex()


def current() -> SigningKey:
    """The key in force, made at the first need where the runtime may make secrets; Blocked when there is none."""
    at = now()
    found = SigningKey.objects.filter(since__lte=at, until__gt=at, revoked_at=None).order_by("-number").first()
    if found is not None:
        return found
    if SigningKey.objects.exists() or not settings.CREATE_SECRETS:
        raise Blocked("No signing key is in force. An administrator rotates to a new one.", by="signing-key")
    return rotate(actor=SYSTEM, reason="The first signing key.")


@action
def rotate(*, actor: Actor, reason: str) -> SigningKey:
    """Bring the next pair into force; certificates signed by the one before it stay valid for ever."""
    policy.require(actor, "certificate_key.rotate")
    with connection.cursor() as cursor:
        cursor.execute(LOCK)
    number = (SigningKey.objects.values_list("number", flat=True).first() or 0) + 1
    made = pair(number)
    certificate = x509.load_pem_x509_certificate(made.x509)
    row = SigningKey.objects.create(
        id=made.id,
        number=number,
        verifier=str(made.note.verifier),
        x509=made.x509.decode(),
        since=certificate.not_valid_before_utc,
        until=certificate.not_valid_after_utc,
    )
    record("certificate_key.rotated", row, actor=actor, reason=reason, data={"key": row.pk, "until": row.until})
    return row


@action
def revoke(key_id: str, *, actor: Actor, reason: str) -> SigningKey:
    """Trust nothing that this key signs from now on; what it signed before, by its time stamps, stays valid."""
    policy.require(actor, "certificate_key.rotate")
    row = SigningKey.objects.select_for_update().filter(pk=key_id).first()
    if row is None:
        raise Absent("There is no such key.")
    if row.revoked_at is not None:
        raise Conflict("This key is revoked already.")
    row.revoked_at, row.revoked_reason = now(), reason[:500]
    row.save(update_fields=["revoked_at", "revoked_reason"])
    record("certificate_key.revoked", row, actor=actor, reason=reason, data={"key": row.pk})
    return row


def pair(number: int) -> Pair:
    """The pair of this number; Blocked when it has not been mounted."""
    path = settings.SECRETS_DIR / "certificates" / f"{number}.json"
    return _pair(path, settings.CERTIFICATES["issuer"], settings.CERTIFICATES["key_days"], settings.CREATE_SECRETS)


@cache
def _pair(path: Path, issuer: str, days: int, create: bool) -> Pair:
    try:
        held = json.loads(read_or_create(path, _made(issuer, days) if create and not path.exists() else None))
    except FileNotFoundError as error:
        raise Blocked(f"Mount the next signing key as {path.name} first.", by="signing-key") from error
    return Pair(NoteKey.parse(held["note"]), held["pem"].encode(), held["x509"].encode())


def _made(issuer: str, days: int) -> bytes:
    private = generate_private_key(SECP256R1())
    certificate = self_signed(private, f"Erasure certificates of {issuer}", timedelta(days=days))
    parts = {
        "note": generate(issuer, LOG),
        "pem": private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "x509": certificate.public_bytes(Encoding.PEM).decode(),
    }
    return json.dumps(parts).encode()


def ends_soon(at: datetime) -> SigningKey | None:
    """The newest key, when it ends within the warning time and nobody has been told in the last week."""
    newest = SigningKey.objects.first()
    if newest is None or newest.revoked_at or newest.until - at > timedelta(days=settings.CERTIFICATES["warn_days"]):
        return None
    return None if newest.warned_at and at - newest.warned_at < timedelta(days=7) else newest
