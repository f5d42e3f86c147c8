"""A possible breach: restrict, freeze the evidence, start the clock, and close it only by a person."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from lifecycle.models import Incident, ValidationRun
from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid
from tenants import actions as registry
from tenants.models import Tenant

NOTIFY_WITHIN = timedelta(hours=72)


@action
def open_incident(
    tenant_id: UUID, *, title: str, affected: list[str], evidence: dict[str, Any], run: ValidationRun, actor: Actor
) -> Incident:
    """Open a P0 on an active tenant and refuse all access to it (GDPR art. 33: 72 hours to notify)."""
    found = Incident.objects.filter(tenant_id=tenant_id, title=title, resolved_at=None).first()
    if found:
        return found
    incident = Incident.objects.create(
        tenant_id=tenant_id,
        affected=sorted({str(tenant_id), *affected}),
        title=title,
        evidence=evidence,
        run=run,
        notify_by=now() + NOTIFY_WITHIN,
    )
    registry.restrict(tenant_id, actor=actor, reason=title)
    record("incident.opened", incident, actor=actor, reason=title, data={"affected": incident.affected})
    emit("incident.opened", {"incident_id": str(incident.pk), "tenant_id": str(tenant_id), "title": title})
    return incident


@action
def resolve(incident_id: UUID, *, actor: Actor, reason: str) -> Incident:
    """Close an incident with its explanation; access opens again when the tenant has no other one open."""
    incident = Incident.objects.select_for_update().filter(pk=incident_id).first()
    if incident is None or not policy.can(actor, "incident.view", incident):
        raise Absent("There is no such incident.")
    policy.require(actor, "incident.resolve", incident)
    if not reason.strip():
        raise Invalid(fields={"reason": "say what happened and why it is over"})
    if incident.resolved_at:
        raise Conflict("The incident is closed already.")
    last = ValidationRun.objects.filter(tenant_id=incident.tenant_id).exclude(outcome="running").first()
    if last is None or last.outcome == "fail" or last.started_at < incident.opened_at:
        raise Conflict("Run the validation again first; it must pass after the incident began.")
    incident.resolved_at, incident.resolution = now(), reason
    incident.save()
    record("incident.resolved", incident, actor=actor, reason=reason)
    Tenant.objects.select_for_update(no_key=True).get(pk=incident.tenant_id)  # one that opens now is seen, or restricts
    if not Incident.objects.filter(tenant_id=incident.tenant_id, resolved_at=None).exists():
        registry.restrict(incident.tenant_id, actor=actor, reason=reason, restricted=False)
    return incident
