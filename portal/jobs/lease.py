"""Who may work on a job, and which job may have a tenant's resource class.

Lease times are judged by the database's clock alone. Safety never rests on them: it rests on the epoch, which every
claim raises and every write checks.
"""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import DateTimeField, ExpressionWrapper, Q, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

from . import holder
from .errors import Superseded
from .kinds import StepDef
from .models import WORKED_ON, Job, JobState, LeaseRule, ResourceLease, Wake


def seconds(definition: StepDef | None = None) -> float:
    """The length of a lease between two signs of progress."""
    usual: float = getattr(settings, "JOB_LEASE_SECONDS", 15)
    return (definition.lease_seconds if definition else None) or usual


def until(length: float) -> Combinable:
    """`length` seconds from when it is written, on the database's clock."""
    return ExpressionWrapper(Now() + Value(timedelta(seconds=length)), output_field=DateTimeField())


def renew(job_id: UUID, epoch: int, length: float) -> None:
    """Move the end of the lease on, or raise Superseded."""
    if not Job.objects.filter(pk=job_id, job_epoch=epoch, state__in=WORKED_ON).update(lease_until=until(length)):
        raise Superseded(f"job {job_id} epoch {epoch}")


def has_ended(job: Job) -> bool:
    """True if the lease has run out, or its holder was a process of this machine and is gone."""
    return holder.is_dead(job.lease_holder) or Job.objects.filter(pk=job.pk, lease_until__lt=Now()).exists()


def orphans() -> list[UUID]:
    """Jobs that were being worked on and whose worker let the lease run out or is known to be dead."""
    worked_on = Job.objects.filter(state__in=WORKED_ON).annotate(has_run_out=Q(lease_until__lt=Now()))
    rows = worked_on.order_by("lease_until").values_list("pk", "lease_holder", "has_run_out")
    return [pk for pk, who, has_run_out in rows if has_run_out or holder.is_dead(who)]


def next_epoch(job: Job) -> int:
    """Return an epoch above every one given out for the job's tenant and resource class, and above the job's own.

    The parts of a class count together: none of them ever has an epoch that another had.
    """
    if not (job.tenant_id and job.resource_class):
        return job.job_epoch + 1
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO jobs_epochcounter AS c (tenant_id, resource_class, value) VALUES (%s, %s, 1)"
            " ON CONFLICT (tenant_id, resource_class) DO UPDATE SET value = c.value + 1 RETURNING value",
            [job.tenant_id, _whole(job.resource_class)],
        )
        return int(cursor.fetchone()[0])


def in_the_way_of(job: Job) -> Job | None:
    """Return the job that has the resource class of this one's tenant, or one that does not go with it.

    Nothing is in the way of one that has it already: it keeps it through its waits, and the others stay out.
    Takers and leavers of one tenant queue behind one lock until commit, so that a job is never recorded as blocked by
    one that has just left, and two never both see the way free.
    """
    if not (job.tenant_id and job.resource_class) or ResourceLease.objects.filter(job=job).exists():
        return None
    _lock_tenant(job.tenant_id)
    held, whole = ResourceLease.objects.filter(tenant_id=job.tenant_id).exclude(job=job), _whole(job.resource_class)
    if whole != job.resource_class:  # its fellow parts go with it, and there may be thousands of them
        held = held.exclude(~Q(resource_class=job.resource_class), resource_class__startswith=f"{whole}:")
    asked: dict[str, bool] = {}
    for pk, other in held.values_list("job_id", "resource_class"):
        word = other if _whole(other) == whole else _whole(other)
        if word not in asked:
            asked[word] = _go_together(other, job.resource_class)
        if not asked[word]:
            return Job.objects.get(pk=pk)
    return None


def hold_resource(job: Job) -> None:
    """Record that the job has its tenant's resource class, at its epoch."""
    if not (job.tenant_id and job.resource_class) or ResourceLease.objects.filter(job=job).update(epoch=job.job_epoch):
        return
    have = {"tenant_id": job.tenant_id, "resource_class": job.resource_class, "epoch": job.job_epoch}
    ResourceLease.objects.create(job=job, **have)


def leave_resource(job: Job, heir: Job | None = None) -> None:
    """Give the resource class up, to the compensating job if there is one, and wake who waits for it."""
    if not (job.tenant_id and job.resource_class):
        return
    _lock_tenant(job.tenant_id)
    if heir is not None:
        ResourceLease.objects.filter(job=job).update(job=heir)
        return
    if ResourceLease.objects.filter(job=job).delete()[0]:
        blocked = Job.objects.filter(tenant_id=job.tenant_id, state=JobState.QUEUED, wake_at__isnull=False)
        Wake.objects.bulk_create([Wake(job_id=pk) for pk in blocked.values_list("pk", flat=True)])


def _go_together(one: str, other: str) -> bool:
    """Two parts of a class do (`erasure:7` and `erasure:8`), a part and the whole do not; else what the rule says."""
    first, second = sorted((_whole(one), _whole(other)))
    if first == second:
        return one != other and first not in (one, other)
    rule = LeaseRule.objects.filter(first=first, second=second).first()
    return rule is None or rule.is_compatible


def _whole(resource_class: str) -> str:
    return resource_class.partition(":")[0]


def _lock_tenant(tenant_id: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"resource-lease:{tenant_id}"])
