"""Have an active tenant validated now instead of tonight."""

from uuid import UUID

from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs import actions as jobs
from portal.jobs.models import Job
from portal.lib.errors import Absent, Conflict, Invalid
from tenants.models import Status, Tenant


@action
def validate_now(tenant_id: UUID, *, actor: Actor, reason: str) -> Job:
    """Queue the nine checks over an active tenant, one that an incident restricts included."""
    rows = Tenant.objects.visible_to(actor).select_for_update(of=("self",), no_key=True)
    tenant = rows.filter(pk=tenant_id).first()
    if tenant is None:
        raise Absent("There is no such tenant.")
    policy.require(actor, "tenant.validate", tenant)
    if not reason.strip():
        raise Invalid(fields={"reason": "say why; it is kept in the record"})
    if tenant.status != Status.ACTIVE:
        raise Conflict(f"Only an active tenant is validated; {tenant.name} is {tenant.get_status_display()}.")
    if Job.objects.unfinished().filter(kind="validate", tenant_id=tenant.pk).exists():
        raise Conflict("A validation of this tenant is under way.", code="validation-running")
    record("tenant.validate", tenant, actor=actor, reason=reason)
    return jobs.start_job(
        "validate",
        actor=actor,
        subject=tenant,
        title=f"Validate {tenant.name}",
        reason=reason,
        params={"tenant_id": str(tenant.pk), "region": tenant.region, "trigger": "person"},
    )
