"""Proof that the person at a session is still the one who opened it: asked before money and credentials move.

The password is proved in the very request it permits, so there is no proof to keep, replay or forge. Who signs in
through an identity provider has none here; a sign-in of this session within the last five minutes stands for it.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from portal.lib.clock import now
from portal.lib.errors import NotAllowed

from .actions import NotSignedIn, sign_in

FRESH = timedelta(minutes=5)
SIGNED_IN = "signed_in_at"


def proof(request: Any, password: str | None) -> datetime | None:
    """Return when the person proved themselves, None if they did not; raise for a wrong password.

    Failures count as failed sign-ins.
    """
    if not request.user.has_usable_password():
        return _signed_in_at(request)
    if not password:
        return None
    try:
        base = getattr(request, "_request", request)
        address = request.META.get("REMOTE_ADDR", "")
        sign_in(username=request.user.username, password=password, address=address, request=base)
    except NotSignedIn:
        raise NotAllowed("The password is not right.", code="wrong-password") from None
    return now()


def demand(request: Any, password: str | None) -> datetime:
    """The same, raising NotAllowed without a proof that is fresh."""
    proved_at = proof(request, password)
    if proved_at is None or not timedelta(0) <= now() - proved_at <= FRESH:
        how = "Enter your password" if request.user.has_usable_password() else "Sign out and in again"
        raise NotAllowed(f"{how} to do this.", code="reauthenticate")
    return proved_at


def _signed_in_at(request: Any) -> datetime | None:
    at = request.session.get(SIGNED_IN) if hasattr(request, "session") else None
    return datetime.fromtimestamp(at, UTC) if isinstance(at, float) else None
