"""What the stores answered, as whoever asked them reports it; and what follows once all have."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Q

from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs.outbox import emit
from portal.lib.clock import now
from tenants.models import Tenant

from .models import OPEN, STANDING, Hold, State, StoreHold, Suspended
from .queries import stands

Answer = StoreHold.Answer


@dataclass(frozen=True)
class Told:
    """One region's answer. `destroyed` and `present` are counts by name, None where nobody could count.

    `systems` says of each that lets things expire by itself whether it still does: `state`, `what` and `why`.
    """

    region: str
    state: str
    version: int
    why: str = ""
    destroyed: dict[str, Any] | None = None
    present: dict[str, Any] | None = None
    systems: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def not_effective(self) -> dict[str, str]:
        """Where something still expires, or does not expire again, and why."""
        return {name: one["why"] for name, one in self.systems.items() if one["state"] in OPEN}


@action
def report(tenant_id: UUID, told: Sequence[Told], *, actor: Actor) -> bool:
    """Keep the answers; activate or close the holds they settle. True once every store has the newest version.

    News of a release leave here, after the last store: what waited goes on when nothing refuses it any more.
    """
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
    holds = list(
        Hold.objects.select_for_update(of=("self",), no_key=True)
        .filter(Q(state__in=STANDING) | Q(state=State.RELEASED, closed_at=None), tenant_id=tenant_id)
        .order_by("number")
    )
    for hold in holds:
        for one in told:
            _keep(hold, one)
    stand = stands(tenant_id)
    if any(one.state == Answer.PENDING or one.version < stand.version or one.not_effective for one in told):
        return False
    for hold in holds:
        _settle(hold, actor)
    if not stand.is_held and any(hold.closed_at for hold in holds):
        emit("hold.released", {"tenant_id": str(tenant_id), "version": stand.version})
    return True


def _keep(hold: Hold, told: Told) -> None:
    row, _made = StoreHold.objects.get_or_create(hold=hold, region=told.region)
    row.state, row.version, row.why, row.systems = told.state, told.version, told.why[:500], told.systems
    if told.state != Answer.PENDING:
        row.answered_at = now()
    if told.state == Answer.HELD and row.present is None:
        row.destroyed, row.present = told.destroyed, told.present
    row.save()


def _settle(hold: Hold, actor: Actor) -> None:
    if hold.state == State.PLACING:
        hold.activate()
        hold.save()
        record("hold.active", hold, actor=actor)
    elif hold.state == State.RELEASED:
        hold.closed_at = now()
        hold.save()


@action
def note_before(
    tenant_id: UUID, region: str, system: str, resource: str, before: dict[str, Any], *, actor: Actor
) -> Suspended:
    """Keep what is in force, before a store is told to stop it. What was put in force since takes its place."""
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
    where = {"tenant": tenant, "region": region, "system": system, "resource": resource, "restored_at": None}
    row, made = Suspended.objects.get_or_create(**where, defaults={"before": before})
    if row.before != before:
        row.before, row.suspended_at = before, now()
        row.save()
    if made:
        record("hold.expiry_suspended", row.tenant, actor=actor, data={"system": system, "region": region})
    return row


@action
def note_restored(row_id: int, *, actor: Actor, left: str = "") -> None:
    """What was in force is again, or was left as somebody else has set it meanwhile."""
    row = Suspended.objects.select_for_update(of=("self",), no_key=True).select_related("tenant").get(pk=row_id)
    if row.restored_at is None:
        row.restored_at, row.left = now(), left[:200]
        row.save()
        said = {"system": row.system, "region": row.region, "left": left}
        record("hold.expiry_restored", row.tenant, actor=actor, data=said)
