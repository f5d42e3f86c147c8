"""What a tenant's connections hear: when an account ends, the keys it gave out end with it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from portal.access.jwt import MAX_LIFE
from portal.jobs.outbox import emit
from portal.lib.clock import now

from . import connect
from .models import Status

AGAIN = timedelta(minutes=5)
AFTERWARDS = MAX_LIFE + timedelta(minutes=1)


def account_ended(payload: dict[str, Any]) -> None:
    """Ask for each platform apart, at once and again when the account's last platform token has expired.

    A platform token cannot be called back and may make keys as long as it lives, so the second time finds those.
    """
    user = payload["user_id"]
    for tenant in connect.tenants_reached_by(user):
        for due_at in (None, now() + AFTERWARDS):
            emit("platform_keys.orphaned", {"user_id": user, "tenant_id": tenant}, due_at=due_at)


def platform_keys_orphaned(payload: dict[str, Any]) -> None:
    """Revoke what the person issued for this tenant. Doing it twice revokes nothing more.

    The platform serves nothing of a suspended tenant, these keys included: it is asked again every few minutes, so that
    they end soon after the tenant comes back. Of one that never does, they end with its data.
    """
    try:
        connect.revoke_keys_of(UUID(payload["user_id"]), UUID(payload["tenant_id"]))
    except connect.NotServed as refused:
        if refused.status == Status.SUSPENDED:
            emit("platform_keys.orphaned", payload, due_at=now() + AGAIN)
