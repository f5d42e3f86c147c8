"""Findings and decisions as a person makes them, and steps of their jobs run here."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F

from lifecycle.estate.models import Decision, Ending, Finding, ModuleVersion, NoiseRule
from lifecycle.estate.upgrades.models import Member, Upgrade
from portal.access.actor import Actor
from portal.approvals.models import Case
from portal.jobs import actions as jobs
from portal.jobs.context import StepContext
from portal.jobs.kinds import get
from portal.jobs.models import Job
from portal.jobs.outbox import deliver_due, emit
from portal.lib.clock import now
from tenants.models import Tenant
from tests.admin.world import person

SYSTEM = Actor.system("estate")


def kiran() -> Actor:
    return Actor.of_user(person("kiran"))


def held(job: Job) -> Job:
    """As a worker has it in its hands."""
    mine, at = Job.objects.filter(pk=job.pk), now()
    mine.update(state="running", job_epoch=F("job_epoch") + 1, lease_until=at + timedelta(hours=1), lease_holder="test")
    return mine.get()


def run_all(job: Job) -> dict[str, Any]:
    """Every step of a job in turn; returns what each has left."""
    job, left = held(job), {}
    for definition in get(job.kind).steps:
        ctx = StepContext(job, job.steps.get(name=definition.name), definition)
        left[definition.name] = definition.func(ctx)
        ctx.note(**left[definition.name])
    return left


def forgotten(of: Tenant) -> None:
    """The registry says it is deleted, whatever the region says."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE tenants_tenant DISABLE TRIGGER USER")
        cursor.execute("UPDATE tenants_tenant SET status = 'deleted' WHERE id = %s", [of.pk])
        cursor.execute("ALTER TABLE tenants_tenant ENABLE TRIGGER USER")


def compared(of: Tenant) -> dict[str, Any]:
    params = {"tenant_id": str(of.pk), "region": of.region}
    return dict(run_all(jobs.start_job("estate.compare", actor=SYSTEM, subject=of, params=params))["compare"])


def open_findings(of: Tenant | UUID) -> dict[str, Finding]:
    """What is open of a tenant, by address or resource."""
    rows = Finding.objects.filter(tenant_id=getattr(of, "pk", of), state="open", quiet_by=None)
    return {one.address or one.resource: one for one in rows}


def approved(decision: Decision) -> Decision:
    """As if everybody had signed and that had been sealed, written past the triggers that want to see it."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE approvals_case DISABLE TRIGGER USER")
        cursor.execute("UPDATE approvals_case SET state = 'approved' WHERE id = %s", [decision.case_id])
        cursor.execute("ALTER TABLE approvals_case ENABLE TRIGGER USER")
    about = {"case_id": decision.case_id, "subject_type": "estate.decision", "subject_id": decision.pk}
    emit("approval.approved", about)
    while deliver_due():
        pass
    return Decision.objects.get(pk=decision.pk)


def carried_out(decision: Decision) -> Decision:
    done = approved(decision)
    run_all(Job.objects.get(pk=done.job_id))
    return Decision.objects.get(pk=decision.pk)


def finding(of: Tenant, **more: Any) -> Finding:
    said = {"kind": "drift", "address": "module.tenant.region_bucket.this", "resource_type": "region_bucket",
            "words": "versioning is Suspended", **more}  # fmt: skip
    where = {"tenant_id": of.pk, "tenant_name": of.name, "business_unit": of.business_unit_id, "region": of.region}
    return Finding.objects.create(**{**where, **said})


def decision(of: Tenant, **more: Any) -> Decision:
    where = {"tenant_id": of.pk, "tenant_name": of.name, "business_unit": of.business_unit_id, "region": of.region}
    said = {"remedy": "repair", "reason": "test", "requested_by": person("kiran"), "digest": "d" * 64, **more}
    return Decision.objects.create(**{**where, **said})


def ending(of: Tenant, **more: Any) -> Ending:
    """One that is near."""
    where = {"tenant_id": of.pk, "tenant_name": of.name, "business_unit": of.business_unit_id, "region": of.region}
    return Ending.objects.create(**where, **{"ends_at": now() + timedelta(hours=30), "digest": "d" * 64, **more})


def upgrade(of: Tenant, state: str = "pending_approval") -> Upgrade:
    """One of a single tenant in whatever state, with its approved case, past the rules of the machine."""
    version = ModuleVersion.objects.get_or_create(pk="f" * 64, defaults={"files": {}})[0]
    made = Upgrade.objects.create(version=version, reason="test", requested_by=person("kiran"), digest="d" * 64)
    Member.objects.create(upgrade=made, tenant=of, wave=1)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE upgrades_upgrade DISABLE TRIGGER upgrades_rules")
        cursor.execute("ALTER TABLE approvals_case DISABLE TRIGGER USER")
        case = Case.objects.create(
            kind="module_upgrade", title="Upgrade", subject_type=Upgrade._meta.label_lower, subject_id=str(made.pk),
            digest=made.digest, requested_by=person("kiran"), state="approved", opened_at=now(),
            expires_at=now() + timedelta(days=9), decided_at=now(),
        )  # fmt: skip
        cursor.execute("ALTER TABLE approvals_case ENABLE TRIGGER USER")
        cursor.execute("UPDATE upgrades_upgrade SET state = %s, case_id = %s WHERE id = %s", [state, case.pk, made.pk])
        cursor.execute("ALTER TABLE upgrades_upgrade ENABLE TRIGGER upgrades_rules")
    return Upgrade.objects.get(pk=made.pk)


def noise(**more: Any) -> NoiseRule:
    until = now().date() + timedelta(days=30)
    said = {"resource_type": "region_iam_user", "owner": person("kiran"), "reason": "Rotated by the bank.", **more}
    return NoiseRule.objects.create(**{"expires_on": until, **said})
