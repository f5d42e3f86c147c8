"""What happens to a store that a tenant has left: it is given up, worked on, and over."""

import secrets
from datetime import datetime
from typing import Any
from uuid import UUID

from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs import actions as jobs
from portal.jobs.models import Job
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid
from tenants.models import Tenant

from .models import Retirement, State

KIND = "store.retire"


@action
def retire(
    tenant_id: UUID,
    region: str,
    *,
    occasion: str,
    subject: UUID,
    actor: Actor,
    reason: str,
    retained_until: datetime | None = None,
) -> Retirement:
    """Have everything of the tenant in this region erased, not before `retained_until`; the same again changes nothing.

    Who calls has asked its own guards. Conflict where the tenant is served from there, or another one is under way.
    """
    known = Retirement.objects.filter(occasion=occasion, subject=subject).first()
    if known is not None:
        return known
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
    if tenant.region == region:
        raise Conflict(f"{tenant.name} is served from {region}.", code="served-there")
    if Retirement.objects.open().filter(tenant=tenant, region=region).exists():
        raise Conflict(f"What {tenant.name} has in {region} is being erased already.", code="retirement-open")
    row = Retirement.objects.create(
        tenant=tenant,
        region=region,
        occasion=occasion,
        subject=subject,
        requested_by=actor.id,
        reason=reason[:1000],
        retained_until=retained_until,
        key=secrets.token_bytes(32),
    )
    record("store.retirement_asked", row, actor=actor, reason=reason, data={"region": region, "occasion": occasion})
    _begin(row, actor, reason)
    return row


@action
def look_again(retirement_id: UUID, *, actor: Actor, reason: str) -> Retirement:
    """Go through it once more, with what came since: for one whose work has failed."""
    if not Retirement.objects.visible_to(actor).filter(pk=retirement_id).exists():
        raise Absent("There is no such retired store.")
    row = Retirement.objects.select_for_update(no_key=True).get(pk=retirement_id)
    policy.require(actor, "retirement.operate", row)
    if not reason.strip():
        raise Invalid(fields={"reason": "say why; it is kept in the record"})
    if row.state == State.ERASED:
        raise Conflict("It is erased.", code="wrong-state")
    if Job.objects.unfinished().filter(pk=row.job_id).exists():
        raise Conflict("It is being worked on.", code="retirement-open")
    record("store.retirement_again", row, actor=actor, reason=reason)
    _begin(row, actor, reason)
    return row


def _begin(row: Retirement, actor: Actor, reason: str) -> None:
    title, params = f"Erase what {row.tenant.name} has in {row.region}", {"retirement_id": str(row.pk)}
    row.job_id = jobs.start_job(KIND, actor=actor, subject=row, title=title, reason=reason, params=params).pk
    row.save(update_fields=["job_id"])


def started(row: Retirement) -> None:
    """Inside the worker's own transaction: from here on a destructive call may have been made."""
    Retirement.objects.filter(pk=row.pk, state=State.QUEUED).update(state=State.ERASING)


def over(row: Retirement, evidence: dict[str, Any], *, actor: Actor) -> None:
    """Inside the worker's own transaction: it is gone, with this evidence; its key is destroyed, others are told."""
    found = Retirement.objects.select_for_update(no_key=True).get(pk=row.pk)
    if found.state == State.ERASED:
        return
    found.state, found.evidence, found.key, found.ended_at = State.ERASED, evidence, None, now()
    found.save()
    record("store.retired", found, actor=actor, reason=found.reason, data=evidence)
    news = {"tenant_id": str(found.tenant_id), "region": found.region, "retirement_id": str(found.pk)}
    emit("store.retired", {**news, "occasion": found.occasion, "subject": str(found.subject)})
