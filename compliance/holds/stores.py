"""What the stores answered, as whoever asked them reports it; and what follows once all have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q

from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs.outbox import emit
from portal.lib.clock import now
from tenants.models import Tenant

from .models import STANDING, Hold, State, StoreHold
from .queries import stands

Answer = StoreHold.Answer


@dataclass(frozen=True)
class Told:
    """One region's answer. `destroyed` and `present` are counts by name, None where nobody could count."""

    region: str
    state: str
    version: int
    why: str = ""
    destroyed: dict[str, Any] | None = None
    present: dict[str, Any] | None = None


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
    if any(one.state == Answer.PENDING or one.version < stand.version for one in told):
        return False
    for hold in holds:
        _settle(hold, actor)
    if not stand.is_held and any(hold.closed_at for hold in holds):
        emit("hold.released", {"tenant_id": str(tenant_id), "version": stand.version})
    return True


def _keep(hold: Hold, told: Told) -> None:
    row, _made = StoreHold.objects.get_or_create(hold=hold, region=told.region)
    row.state, row.version, row.why = told.state, told.version, told.why[:500]
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
