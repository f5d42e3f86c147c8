"""What people do with rehearsals: ask for one, and say which tiers need one."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Max

from lifecycle.actions import requests
from lifecycle.migration.planning import regions
from lifecycle.migration.recording import versions
from lifecycle.models import TenantRequest
from lifecycle.queries import request_of_tenant
from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs import actions as jobs
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid, NotAllowed
from tenants.models import Tenant

from . import kill
from .models import Rehearsal, RehearsalDemand

KIND = "migration.rehearse"
LASTS = timedelta(days=30)
LONGEST = 32  # a tenant's name
SAME = (
    "business_unit", "cost_centre", "tier", "geography", "data_classes", "profiles", "vector_provider",
    "expected_users", "expected_documents", "expected_queries_per_day", "owner", "champion",
)  # fmt: skip


@action
def rehearse(tenant_id: UUID, target: str, *, actor: Actor, reason: str) -> Rehearsal:
    """Ask for a clone of the tenant, and have its move to the target rehearsed as soon as the clone is active.

    The clone is a tenant like any other, with a request and signatures of its own, for it holds the same data.
    """
    if not Tenant.objects.visible_to(actor).filter(pk=tenant_id).exists():
        raise Absent("There is no such tenant.")
    tenant = Tenant.objects.select_for_update(no_key=True).select_related("business_unit").get(pk=tenant_id)
    policy.require(actor, "migration.rehearse", tenant)
    _check(tenant, target, actor, reason)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('rehearsal.number', 0))")
    number = (Rehearsal.objects.aggregate(last=Max("number"))["last"] or 0) + 1
    request = _ask_for_clone(tenant, number, actor)
    found = Rehearsal(number=number, tenant=tenant, target=target, engine=versions()["engine"], kill_at=kill.draw())
    found.request_id, found.clone_id = request.pk, request.tenant_id
    found.requested_by, found.reason = actor.id, reason[:1000]
    found.save(force_insert=True)
    title, params = f"Rehearse the move of {tenant.name}", {"rehearsal_id": str(found.pk)}
    found.job_id = jobs.start_job(KIND, actor=actor, subject=found, title=title, reason=reason, params=params).pk
    found.save(update_fields=["job_id"])
    record("rehearsal.asked", found, actor=actor, reason=reason, data={"clone": request.name, "target": target})
    return found


def _check(tenant: Tenant, target: str, actor: Actor, reason: str) -> None:
    if actor.user is None:
        raise NotAllowed("A rehearsal is asked for by a person.")
    if not reason.strip():
        raise Invalid(fields={"reason": "say why; it is kept in the record"})
    if target == tenant.region or target not in regions():
        raise Invalid(fields={"target": "must be another region that is connected"})
    if Rehearsal.objects.filter(tenant=tenant, ok=None).exists():
        raise Conflict("A rehearsal with this tenant's clone is under way.", code="rehearsal-open")


def _ask_for_clone(tenant: Tenant, number: int, actor: Actor) -> TenantRequest:
    request = request_of_tenant(tenant)
    if request is None:
        raise Conflict("The tenant was not provisioned by this portal: nothing says what its clone must have.")
    suffix = f"-rehearsal-{number}"
    fields: dict[str, Any] = {name: getattr(request, name) for name in SAME} | {
        "name": tenant.name[: LONGEST - len(suffix)].rstrip("-") + suffix,
        "display_name": f"{tenant.display_name[:90]} (rehearsal {number})",
        "tier": tenant.tier,
        "region": tenant.region,
        "environment": "dev",
        "annual_budget_inr": Decimal("1.00"),  # the larger of this and the estimate counts
        "expires_on": (now() + LASTS).date(),
        "justification": f"A clone of {tenant.name} to rehearse its move on. It holds the same data.",
    }
    return requests.create(actor=actor, **fields)


@action
def demand(tier: str, *, actor: Actor, reason: str, days: int) -> RehearsalDemand:
    """Move tenants of this tier only after a rehearsal of the last so many days; 0 demands none."""
    policy.require(actor, "playbook.edit")
    found = RehearsalDemand.objects.select_for_update(no_key=True).filter(pk=tier).first()
    if found is None:
        raise Absent("There is no such tier.")
    if not 0 <= days <= 365:
        raise Invalid(fields={"days": "between 0 and 365"})
    found.days = days
    found.save()
    record("rehearsal.demanded", found, actor=actor, reason=reason, data={"days": days})
    return found
