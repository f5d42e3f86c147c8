"""Reads of exports: what an actor may do, who was handed one, and what lies around still."""

from collections.abc import Iterator
from uuid import UUID

from portal.access import policy
from portal.access.actor import Actor
from portal.lib.clock import now

from .actions import is_tenants_own
from .models import Export, State


def available_verbs(found: Export, actor: Actor) -> list[str]:
    """Words the actor may use on it now."""
    words = []
    if found.state == State.READY and found.downloads and not found.received_at:
        words += ["confirm"] if policy.can(actor, "export.confirm", found) else []
    if found.state in (State.READY, State.FAILED) and policy.can(actor, "export.request", found):
        words.append("withdraw")
    return words


def may_take(found: Export, actor: Actor) -> bool:
    """Whether the actor may download it now."""
    if found.state != State.READY or actor.user is None or not policy.can(actor, "export.download", found):
        return False
    in_time = found.expires_at is not None and found.expires_at > now()
    return in_time and (actor.user.pk != found.requested_by_id or is_tenants_own(actor, found))


def standing(tenant_id: UUID, region: str = "") -> list[Export]:
    """Exports of the tenant of which something may lie in a store: of one region, or of any."""
    rows = Export.objects.standing().filter(tenant_id=tenant_id)
    return list(rows.filter(region=region) if region else rows)


def handed_over(tenant_id: UUID) -> Iterator[Export]:
    """Every export that somebody outside has taken away, oldest first."""
    yield from Export.objects.handed_over().filter(tenant_id=tenant_id).order_by("number")
