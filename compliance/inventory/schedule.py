"""By the clock: new regions are listed, every region is searched, and statements that end are asked for anew."""

from datetime import timedelta

from django.conf import settings

from portal.audit.actions import record
from portal.audit.context import acting, action_of
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.regions import load

from . import defaults
from .discovery import SYSTEM, drift
from .models import Attestation, State

AHEAD = timedelta(days=30)


def tick() -> None:
    """Search every region there is."""
    if not settings.REGIONS_FILE.is_file():
        return
    with acting(SYSTEM):
        defaults.install(SYSTEM)
    drift(load(settings.REGIONS_FILE).values())


def remind() -> None:
    """Ask once for a new statement, thirty days before the newest one of a system ends."""
    newest: dict[object, Attestation] = {}
    listed = Attestation.objects.filter(system__state=State.ACTIVE)
    for one in listed.select_related("system").order_by("added_at"):
        newest[one.system_id] = one
    for one in newest.values():
        if one.reminded_at is None and one.expires_on <= (now() + AHEAD).date():
            ask_again(one)


@action_of(SYSTEM)
def ask_again(one: Attestation) -> None:
    """Have a new statement asked for."""
    one.reminded_at = now()
    one.save()
    record("system.statement_ending", one.system, actor=SYSTEM, data={"until": one.expires_on})
    emit(
        "inventory.statement_ending",
        {"system": one.system.name, "system_id": str(one.system_id), "until": one.expires_on.isoformat()},
    )
