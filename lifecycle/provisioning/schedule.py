"""What happens by the clock: nightly validation of every tenant in use, and closer looks after activation."""

from datetime import datetime, timedelta

from django.db.models import Q

from portal.access.actor import Actor
from portal.jobs import actions as jobs
from portal.jobs.models import Job
from portal.lib.clock import now
from tenants.models import Status, Tenant

NIGHTLY, WATCHED, AGAIN = timedelta(hours=24), timedelta(hours=4), timedelta(hours=1)
AT_ONCE = 2


def tick() -> None:
    """Start validations that are due, a few at a time so that nobody's work waits behind them.

    A suspended tenant is left out: nobody uses it, and a person may still ask. A run that ended without a verdict is
    tried again after an hour, not at once, and the others come first meanwhile.
    """
    at = now()
    if Job.objects.unfinished().filter(kind="validate").count() >= AT_ONCE:
        return
    recent = Job.objects.filter(kind="validate", created_at__gt=at - AGAIN, tenant_id__isnull=False).values("tenant_id")
    busy = Job.objects.unfinished().filter(kind="validate", tenant_id__isnull=False).values("tenant_id")
    due = Tenant.objects.filter(status=Status.ACTIVE).filter(_overdue(at) | _watched(at))
    for tenant in due.exclude(pk__in=recent).exclude(pk__in=busy).order_by("validated_at")[:AT_ONCE]:
        trigger = "watch" if tenant.watched_until and tenant.watched_until > at else "nightly"
        jobs.start_job(
            "validate",
            actor=Actor.system("schedule"),
            subject=tenant,
            title=f"Validate {tenant.name}",
            params={"tenant_id": str(tenant.pk), "region": tenant.region, "trigger": trigger},
        )


def _overdue(at: datetime) -> Q:
    return Q(validated_at=None) | Q(validated_at__lt=at - NIGHTLY)


def _watched(at: datetime) -> Q:
    """In its first 72 hours, or as long as somebody asked for, a tenant is looked at every four hours."""
    return Q(watched_until__gt=at, validated_at__lt=at - WATCHED)
