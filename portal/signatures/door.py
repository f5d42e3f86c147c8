"""The door: a token with a registered key writes signed, or not at all. That is asked before anything is done."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import IntegrityError, transaction
from rest_framework import exceptions
from rest_framework.request import Request

from portal.access import jwt
from portal.access.actor import Actor
from portal.access.authentication import Bearer
from portal.access.models import User
from portal.audit.context import acting
from portal.lib.clock import now

from . import base
from .keys import raw
from .models import ClientKey, SignedRequest

READS = ("GET", "HEAD", "OPTIONS")
AGE = timedelta(minutes=5)


class SignatureRefused(exceptions.AuthenticationFailed):
    default_detail = "This token signs what it writes"
    default_code = "signature_refused"


class SignedBearer(Bearer):
    """`Bearer`, and of a token that has a key in force a signature over every write (RFC 9421)."""

    def authenticate(self, request: Request) -> tuple[User, jwt.Claims] | None:
        found = super().authenticate(request)
        if found is not None and found[1].token and request.method not in READS:
            require_signed(request, found[1].token, found[0])
        return found


def require_signed(request: Any, token_id: str, user: User) -> None:
    """Refuse with 401 what is not signed as the token's keys ask; keep what is. A token without keys signs nothing."""
    keys = {one.pk: one for one in ClientKey.objects.filter(token_id=UUID(token_id), revoked_at=None)}
    if not keys:
        return
    try:
        _verify_and_keep(request._request, keys, user)
    except base.Unsigned as error:
        raise SignatureRefused(str(error)) from error


def _verify_and_keep(request: Any, keys: dict[str, ClientKey], user: User) -> None:
    given = [request.headers.get(name, "") for name in ("Signature-Input", "Signature")]
    if not all(given):
        raise base.Unsigned("A key is registered for this token: send Signature-Input and Signature (RFC 9421).")
    said = base.read(*given)
    key = keys.get(said.keyid)
    if key is None:
        raise base.Unsigned("keyid names no key that is in force for this token.")
    if abs(now() - datetime.fromtimestamp(said.created, UTC)) > AGE:
        raise base.Unsigned("created lies more than five minutes away.")
    base.require_digest(request.headers.get("Content-Digest"), request.body)
    signed = base.base_of(_message(request), said.components, said.parameters)
    try:
        Ed25519PublicKey.from_public_bytes(raw(key.public_key)).verify(said.signature, signed)
    except InvalidSignature:
        raise base.Unsigned("The signature is not this key's over this request.") from None
    _keep(request, key, signed, given[1], user)


def _message(request: Any) -> base.Message:
    url = request.build_absolute_uri()
    query = request.META.get("QUERY_STRING", "")
    return base.Message(request.method, url, request.get_host().lower(), request.path, query, request.headers.get)


def _keep(request: Any, key: ClientKey, signed: bytes, header: str, user: User) -> None:
    """Beside the entries of the same request; the same signature is taken once."""
    actor = Actor(str(user.pk), user, "token", request_id=getattr(request, "request_id", ""))
    value = header.strip().partition("=:")[2].removesuffix(":")
    try:
        with transaction.atomic(), acting(actor, "signed request"):
            SignedRequest.objects.create(
                key=key, request_id=actor.request_id, base=signed.decode()[:8000], signature=value
            )
    except IntegrityError as error:
        raise base.Unsigned("This signature has been used; sign again.") from error
