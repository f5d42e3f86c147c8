"""Begin a search, settle what it found, and sign for it."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from compliance.inventory.models import State as Listed
from compliance.inventory.models import System
from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs import actions as jobs
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid, NotAllowed

from .looks import Store
from .models import Scan, State, StoreFinding

KIND = "inventory.scan"


def quarter_of(day: date) -> str:
    return f"{day.year}-Q{(day.month - 1) // 3 + 1}"


@action
def begin(*, actor: Actor, reason: str) -> Scan:
    """Have every account searched now. One search at a time."""
    policy.require(actor, "system.edit")
    _need(reason)
    if Scan.objects.filter(state=State.RUNNING).exists():
        raise Conflict("A search is under way.", code="running")
    today = now().date()
    due_on = today + timedelta(days=settings.SCANS["sign_days"])
    made = Scan.objects.create(quarter=quarter_of(today), asked_by=actor.id, due_on=due_on)
    made.job_id = jobs.start_job(KIND, actor=actor, subject=made, title=f"Search every account, {made.quarter}").pk
    made.save(update_fields=["job_id"])
    record("scan.begun", made, actor=actor, reason=reason)
    return made


@action
def keep(scan_id: UUID, found: dict[str, tuple[int, list[Store]]], *, actor: Actor) -> Scan:
    """Write down what each place has, and what nobody listed; an owner is asked to sign."""
    made = Scan.objects.select_for_update().get(pk=scan_id)
    if made.state != State.RUNNING:
        return made
    places = []
    for place, (count, strange) in sorted(found.items()):
        account, _, region = place.rpartition("/")
        for one in strange:
            StoreFinding.objects.get_or_create(
                scan=made, account=account, region=region, kind=one.kind, name=one.name[:300], defaults={"why": one.why}
            )
        places.append({"account": account, "region": region, "stores": count, "unlisted": len(strange)})
    made.places, made.state, made.ended_at = places, State.OPEN, now()
    made.save()
    unlisted = sum(len(strange) for _count, strange in found.values())
    record("scan.ended", made, actor=actor, data={"places": len(places), "unlisted": unlisted})
    emit("scan.ended", {"scan_id": str(made.pk), "unlisted": unlisted})
    return made


@action
def settle(finding_id: Any, *, actor: Actor, reason: str, system: str = "") -> StoreFinding:
    """Say to which listed system a store belongs or, without one, why it holds nobody's data."""
    row = StoreFinding.objects.select_for_update().filter(pk=finding_id).first()
    if row is None:
        raise Absent("There is no such finding.")
    policy.require(actor, "system.edit")
    _need(reason)
    if row.resolved_at is not None:
        raise Conflict("It is settled.", code="wrong-state")
    if system and not System.objects.filter(name=system, state=Listed.ACTIVE).exists():
        raise Invalid(fields={"system": "a listed system"})
    row.system, row.resolution = system, reason.strip()[:500]
    row.resolved_by, row.resolved_at = actor.id, now()
    row.save()
    record("scan.settled", row, actor=actor, reason=reason, data={"system": system})
    return row


@action
def sign(scan_id: Any, *, actor: Actor, reason: str) -> Scan:
    """Sign for the result, once every finding is settled. A person does."""
    row = Scan.objects.select_for_update(of=("self",)).filter(pk=scan_id).first()
    if row is None:
        raise Absent("There is no such scan.")
    policy.require(actor, "scan.sign")
    _need(reason)
    if actor.user is None:
        raise NotAllowed("A person signs.")
    if row.state != State.OPEN:
        raise Conflict(f"It is {row.get_state_display()}.", code="wrong-state")
    if left := row.findings.filter(resolved_at=None).count():
        raise Conflict(f"{left} findings are not settled yet.", code="unsettled")
    row.state, row.signed_by, row.signed_at = State.SIGNED, actor.user, now()
    row.save()
    record("scan.signed", row, actor=actor, reason=reason)
    return row


def _need(reason: str) -> None:
    if not reason.strip():
        raise Invalid(fields={"reason": "say why; it is kept in the record"})
