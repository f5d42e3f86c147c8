"""Registering and ending a client's key. A person does either, of their own token or as who administers access."""

import base64
import binascii
import hashlib
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from portal.access import policy
from portal.access.actor import Actor
from portal.access.models import ApiToken
from portal.audit.actions import record
from portal.audit.context import action
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid, NotAllowed

from .models import ClientKey

MOST = 2  # so that one can be brought in before the other ends


@action
def register(*, token: Any, public_key: str, actor: Actor, reason: str) -> ClientKey:
    """From now on the token's writes are signed with this key, or with the other that is in force."""
    require_person(actor)
    found = _own(token, actor)
    if found is None:
        raise Invalid(fields={"token": "no token of yours has this id"})
    data = _read(public_key)
    if ClientKey.objects.filter(token=found, revoked_at=None).count() >= MOST:
        raise Conflict("Two keys are in force; end one first.", code="too-many-keys")
    keyid = hashlib.sha256(data).hexdigest()[:16]
    if ClientKey.objects.filter(pk=keyid).exists():
        raise Conflict("This key has been registered before.", code="key-known")
    made = ClientKey.objects.create(
        id=keyid, token=found, public_key=base64.b64encode(data).decode(), registered_by=actor.id
    )
    record("client_key.registered", made, actor=actor, reason=reason, data={"token": str(found.pk)})
    return made


@action
def revoke(key_id: Any, *, actor: Actor, reason: str) -> ClientKey:
    """End a key. Without another one the token's writes need no signature any more: where it is lost, revoke that."""
    row = ClientKey.objects.select_for_update().filter(pk=key_id).first()
    if row is None:
        raise Absent("There is no such key.")
    require_own(row, actor)
    if row.revoked_at is None:
        row.revoked_at = now()
        row.save(update_fields=["revoked_at"])
        record("client_key.revoked", row, actor=actor, reason=reason)
    return row


def raw(public_key: str) -> bytes:
    return base64.b64decode(public_key)


def require_person(actor: Actor) -> None:
    """A token changes no token's keys."""
    if actor.via == "token":
        raise NotAllowed("A token does not change keys; sign in.", code="token-by-token")


def require_own(key: ClientKey, actor: Actor) -> None:
    """The key is of a token of whoever acts or administers access; to others there is none."""
    require_person(actor)
    if _own(key.token_id, actor) is None:
        raise Absent("There is no such key.")


def _own(token_id: Any, actor: Actor) -> ApiToken | None:
    row = ApiToken.objects.select_for_update().filter(pk=token_id, revoked_at=None).first()
    owns = row is not None and actor.user is not None and row.user_id == actor.user.pk
    return row if owns or policy.can(actor, "access.edit") else None


def _read(public_key: str) -> bytes:
    """The 32 bytes of an Ed25519 key: PEM, or base64."""
    text = public_key.strip()
    try:
        if text.startswith("-----BEGIN PUBLIC KEY"):
            key = load_pem_public_key(text.encode())
        else:
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("another kind of key")
        return key.public_bytes_raw()
    except (ValueError, binascii.Error, UnsupportedAlgorithm) as error:
        raise Invalid(fields={"public_key": "an Ed25519 public key, as PEM or base64"}) from error
