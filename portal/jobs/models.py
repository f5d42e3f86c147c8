"""Jobs, their steps and log, the leases they hold, and the outbox. Migration 0002 repeats the rules in the database."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_fsm import ConcurrentTransitionMixin, FSMField, transition

from portal.access import policy
from portal.access.actor import Actor
from portal.access.queries import scope_filter
from portal.lib.clock import now
from portal.lib.ids import new_id


class JobState(models.TextChoices):
    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    WAITING = "waiting", _("waiting")
    CANCELLING = "cancelling", _("cancelling")
    SUCCEEDED = "succeeded", _("succeeded")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


WORKED_ON = (JobState.RUNNING, JobState.CANCELLING)
IDLE = (JobState.QUEUED, JobState.WAITING)
FINISHED = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


class StepState(models.TextChoices):
    PENDING = "pending", _("pending")
    RUNNING = "running", _("running")
    WAITING = "waiting", _("waiting")
    SUCCEEDED = "succeeded", _("succeeded")
    FAILED = "failed", _("failed")
    SKIPPED = "skipped", _("skipped")
    CANCELLED = "cancelled", _("cancelled")


STEP_DONE = (StepState.SUCCEEDED, StepState.SKIPPED)


def _one_of(field: str, states: Collection[str]) -> Q:
    return Q(**{f"{field}__in": sorted(str(state) for state in states)})


class JobQuerySet(models.QuerySet["Job"]):
    def visible_to(self, actor: Actor) -> "JobQuerySet":
        """The jobs the actor's grants reach."""
        roles = policy.VERBS["job.view"]
        return self.filter(scope_filter(actor, roles, tenant="tenant_id", business_unit="business_unit"))

    def unfinished(self) -> "JobQuerySet":
        return self.exclude(_one_of("state", FINISHED))


class Job(ConcurrentTransitionMixin, models.Model):
    """One piece of work with steps. Only the holder of the newest `job_epoch` may write to it while it runs.

    A succeeded or cancelled job never changes again; a failed one only by being resumed.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=64)
    title = models.CharField(max_length=200)
    tenant_id = models.UUIDField(null=True, blank=True)
    business_unit = models.CharField(max_length=64, blank=True)
    subject_type = models.CharField(max_length=64, blank=True)
    subject_id = models.CharField(max_length=64, blank=True)
    resource_class = models.CharField(max_length=64, blank=True)
    params = models.JSONField(default=dict)
    state = FSMField(default=JobState.QUEUED, choices=JobState.choices, protected=True)
    job_epoch = models.BigIntegerField(default=0)
    lease_holder = models.CharField(max_length=128, blank=True)
    lease_until = models.DateTimeField(null=True)
    wake_at = models.DateTimeField(null=True)
    wait_reason = models.CharField(max_length=500, blank=True)
    driven_at = models.DateTimeField(null=True)
    requested_by = models.CharField(max_length=64)
    reason = models.TextField(blank=True)
    retries = models.PositiveIntegerField(default=0)
    log_lines = models.PositiveBigIntegerField(default=0)
    compensates = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="compensation"
    )
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="job_state_known", condition=_one_of("state", JobState.values)),
            models.CheckConstraint(
                name="job_finished_has_a_time",
                condition=(_one_of("state", FINISHED) & Q(finished_at__isnull=False))
                | (~_one_of("state", FINISHED) & Q(finished_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="job_worked_on_has_a_lease",
                condition=~_one_of("state", WORKED_ON) | (Q(lease_until__isnull=False) & ~Q(lease_holder="")),
            ),
        ]
        indexes = [
            models.Index(name="job_idle", fields=["wake_at", "created_at"], condition=_one_of("state", IDLE)),
            models.Index(name="job_worked_on", fields=["lease_until"], condition=_one_of("state", WORKED_ON)),
            models.Index(name="job_of_tenant", fields=["tenant_id", "-created_at"]),
            models.Index(name="job_of_subject", fields=["subject_type", "subject_id", "-created_at"]),
            models.Index(name="job_of_kind", fields=["kind", "state", "-finished_at"]),
            models.Index(name="job_newest", fields=["-created_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.state})"

    def access_scope(self) -> dict[str, Any]:
        return {"tenant": self.tenant_id, "business_unit": self.business_unit}

    @property
    def is_finished(self) -> bool:
        return self.state in FINISHED

    @transition(field=state, source=["queued", "waiting", "running"], target="running")
    def begin(self, at: datetime) -> None:
        self.started_at = self.started_at or at
        self.wake_at, self.wait_reason, self.driven_at = None, "", None

    @transition(field=state, source="running", target="waiting")
    def wait(self, until: datetime | None, reason: str) -> None:
        self.wake_at, self.wait_reason = until, reason[:500]
        self._let_go()

    @transition(field=state, source="running", target="succeeded")
    def succeed(self, at: datetime) -> None:
        self.finished_at = at
        self._let_go()

    @transition(field=state, source="running", target="failed")
    def fail(self, at: datetime, error: str) -> None:
        self.finished_at, self.error = at, error
        self._let_go()

    @transition(field=state, source="running", target="cancelling")
    def request_cancel(self) -> None:
        """A worker is inside a step: it stops at the next boundary."""

    @transition(field=state, source=["queued", "waiting", "cancelling"], target="cancelled")
    def cancel(self, at: datetime, error: str = "") -> None:
        self.finished_at, self.error = at, error
        self.wake_at, self.wait_reason = None, ""
        self._let_go()

    @transition(field=state, source="failed", target="queued")
    def resume(self) -> None:
        self.finished_at, self.error = None, ""
        self.retries += 1
        self._let_go()

    def _let_go(self) -> None:
        self.lease_holder, self.lease_until, self.driven_at = "", None, None


class Step(models.Model):
    """One step of a job. `evidence` is what it found or made: ids, counts, digests; never a secret."""

    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="steps")
    seq = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=64)
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=16, choices=StepState.choices, default=StepState.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    losses = models.PositiveIntegerField(default=0)
    evidence = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    done = models.PositiveBigIntegerField(null=True)
    total = models.PositiveBigIntegerField(null=True)
    eta_seconds = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["job", "seq"]
        constraints = [
            models.UniqueConstraint(name="step_seq_once", fields=["job", "seq"]),
            models.UniqueConstraint(name="step_name_once", fields=["job", "name"]),
            models.CheckConstraint(name="step_state_known", condition=_one_of("state", StepState.values)),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.state})"


class LogLine(models.Model):
    """One line of a job's log; `seq` counts from 1 without gaps, so a reader asks for what follows its last one."""

    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="log")
    seq = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    step = models.CharField(max_length=64, blank=True)
    level = models.CharField(max_length=8, default="info")
    text = models.TextField()

    class Meta:
        ordering = ["job", "seq"]
        constraints = [models.UniqueConstraint(name="logline_seq_once", fields=["job", "seq"])]

    def __str__(self) -> str:
        return self.text


class Wake(models.Model):
    """Somebody asked a job to look again. A row instead of a column: it needs no lock on the job, and cannot get lost
    between a step's last look and its going to wait."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="wakes")
    at = models.DateTimeField(default=now)

    def __str__(self) -> str:
        return f"wake {self.job_id}"


class ResourceLease(models.Model):
    """The job that has a tenant's resource class, from its first claim until it has finished, waits included."""

    tenant_id = models.UUIDField()
    resource_class = models.CharField(max_length=64)
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="resource_lease")
    epoch = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(name="lease_once", fields=["tenant_id", "resource_class"])]

    def __str__(self) -> str:
        return f"{self.resource_class} of {self.tenant_id}"


class LeaseRule(models.Model):
    """Whether two different resource classes of one tenant may be held at once. Without a row they may."""

    first = models.CharField(max_length=64)
    second = models.CharField(max_length=64)
    is_compatible = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="leaserule_once", fields=["first", "second"]),
            models.CheckConstraint(name="leaserule_in_order", condition=Q(first__lt=models.F("second"))),
        ]

    def __str__(self) -> str:
        return f"{self.first} {'beside' if self.is_compatible else 'against'} {self.second}"


class EpochCounter(models.Model):
    """The last `job_epoch` given out for a tenant's resource class; it only ever rises."""

    tenant_id = models.UUIDField()
    resource_class = models.CharField(max_length=64)
    value = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(name="epoch_once", fields=["tenant_id", "resource_class"])]

    def __str__(self) -> str:
        return f"{self.resource_class} of {self.tenant_id}: {self.value}"


class OutboxEvent(models.Model):
    """News of a change, written in the change's own transaction."""

    event = models.CharField(max_length=64)
    payload = models.JSONField(default=dict)
    at = models.DateTimeField(default=now)
    after_entry = models.BigIntegerField(null=True, help_text=_("Held back until this entry of the ledger is anchored"))

    class Meta:
        indexes = [models.Index(name="outbox_by_time", fields=["at"])]

    def __str__(self) -> str:
        return f"{self.event} #{self.pk}"


class DeliveryState(models.TextChoices):
    PENDING = "pending", _("pending")
    DELIVERED = "delivered", _("delivered")
    DEAD = "dead", _("given up")


class Delivery(models.Model):
    """One event for one subscriber. Read by state, never by a position, so a late commit is not overlooked."""

    event = models.ForeignKey(OutboxEvent, on_delete=models.CASCADE, related_name="deliveries")
    subscriber = models.CharField(max_length=200)
    state = models.CharField(max_length=16, choices=DeliveryState.choices, default=DeliveryState.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(default=now)
    delivered_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(name="delivery_once", fields=["event", "subscriber"]),
            models.CheckConstraint(name="delivery_state_known", condition=_one_of("state", DeliveryState.values)),
        ]
        indexes = [
            models.Index(name="delivery_due", fields=["next_at", "event"], condition=Q(state="pending")),
            models.Index(name="delivery_dead", fields=["event"], condition=Q(state="dead")),
        ]

    def __str__(self) -> str:
        return f"{self.subscriber} ({self.state})"


class ScheduleRun(models.Model):
    """When a schedule entry last ran and who runs it now, so that two schedulers do not run it twice."""

    entry = models.CharField(max_length=200, primary_key=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    holder = models.CharField(max_length=128, blank=True)
    held_until = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.entry
