"""What happens by the clock: nightly validation of every tenant in use, and closer looks after activation."""

from datetime import timedelta

from django.db.models import Q

from portal.access.actor import Actor
from portal.jobs import actions as jobs
from portal.jobs.models import Job
from portal.lib.clock import now
from tenants.models import Status, Tenant

NIGHTLY, WATCHED = timedelta(hours=24), timedelta(hours=4)
AT_ONCE = 2


def tick() -> None:
    """Start validations that are due, a few at a time so that nobody's work waits behind them."""
    at = now()
    if Job.objects.unfinished().filter(kind="validate").count() >= AT_ONCE:
        return
    overdue = Q(validated_at=None) | Q(validated_at__lt=at - NIGHTLY)
    watched = Q(watched_until__gt=at, validated_at__lt=at - WATCHED)
    due = Tenant.objects.filter(overdue | watched, status=Status.ACTIVE).order_by("validated_at")
    busy = set(Job.objects.unfinished().filter(kind="validate").values_list("tenant_id", flat=True))
    for tenant in due[: AT_ONCE + len(busy)]:
        if tenant.pk not in busy:
            jobs.start_job(
                "validate",
                actor=Actor.system("schedule"),
                subject=tenant,
                title=f"Validate {tenant.name}",
                params={"tenant_id": str(tenant.pk), "region": tenant.region, "trigger": "nightly"},
            )
