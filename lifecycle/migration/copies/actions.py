"""What people do with copies: have one made."""

from uuid import UUID

from lifecycle.migration.models import Migration
from lifecycle.retiring.actions import retire
from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.guards import check_guards
from portal.jobs import actions as jobs
from portal.lib.errors import Absent, Conflict, Invalid
from tenants.models import Status, Tenant

from .models import RELEASABLE, State, TenantCopy
from .places import why_not

KIND = "migration.copy"


@action
def make_copy(tenant_id: UUID, region: str, *, actor: Actor, reason: str) -> TenantCopy:
    """Copy the tenant into a region and verify it there. It replaces the copy that lies there."""
    if not Tenant.objects.visible_to(actor).filter(pk=tenant_id).exists():
        raise Absent("There is no such tenant.")
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
    policy.require(actor, "migration.make_copy", tenant)
    if not reason.strip():
        raise Invalid(fields={"reason": "say why; it is kept in the record"})
    if fault := why_not(tenant, region):
        raise Invalid(fields={"region": fault})
    _require_rest(tenant)
    given = {"source": tenant.region, "region": region, "requested_by": actor.id, "reason": reason[:1000]}
    copy = TenantCopy.objects.create(tenant=tenant, **given)
    title, params = f"Copy {tenant.name} to {region}", {"copy_id": str(copy.pk)}
    copy.job_id = jobs.start_job(KIND, actor=actor, subject=copy, title=title, reason=reason, params=params).pk
    copy.save(update_fields=["job_id"])
    record("migration.copy_asked", copy, actor=actor, reason=reason, data={"region": region})
    return copy


@action
def release(copy_id: UUID, *, actor: Actor, reason: str) -> TenantCopy:
    """Let go of a copy, or of what is left of one that failed: it is erased, with evidence."""
    if not TenantCopy.objects.visible_to(actor).filter(pk=copy_id).exists():
        raise Absent("There is no such copy.")
    copy = TenantCopy.objects.select_for_update(of=("self",), no_key=True).select_related("tenant").get(pk=copy_id)
    policy.require(actor, "migration.make_copy", copy)
    if not reason.strip():
        raise Invalid(fields={"reason": "say why; it is kept in the record"})
    if copy.state not in RELEASABLE or not TenantCopy.objects.untouched().filter(pk=copy_id).exists():
        raise Conflict("Nothing of this copy lies there any more.", code="wrong-state")
    check_guards("copy.release", copy)
    record("migration.copy_released", copy, actor=actor, reason=reason)
    retire(copy.tenant_id, copy.region, occasion="copy", subject=copy.pk, actor=actor, reason=reason)
    return copy


def _require_rest(tenant: Tenant) -> None:
    if tenant.status not in (Status.ACTIVE, Status.SUSPENDED):
        raise Conflict(f"The tenant is {tenant.get_status_display()}; there is nothing to copy.", code="wrong-state")
    if TenantCopy.objects.filter(tenant=tenant, state=State.MAKING).exists():
        raise Conflict("A copy of this tenant is being made already.", code="copy-open")
    if move := moving(tenant.pk):
        raise Conflict(f"{move} is under way: what it has captured is its own.", code="migration-open")


def moving(tenant_id: UUID) -> Migration | None:
    """The move that has begun and not ended: it needs what is captured, so nobody else carries it off."""
    return Migration.objects.open().filter(tenant=tenant_id, started_at__isnull=False).first()
