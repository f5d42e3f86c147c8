"""Moves of live tenants: where each stands, what it measured, and the playbooks and red flags that bind them.

`dual_write_enabled` is the seed's name for change capture with the copy complete; nothing is ever written twice.
"""

from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_fsm import RETURN_VALUE, ConcurrentTransitionMixin, FSMField, transition

from portal.access.actor import Actor
from portal.access.policy import VERBS
from portal.access.queries import scope_filter
from portal.lib.clock import now
from portal.lib.ids import new_id
from tenants.models import Tenant, Tier


class State(models.TextChoices):
    INITIATED = "initiated", _("initiated")
    PROVISIONING_GREEN = "provisioning_green", _("provisioning green")
    INITIAL_SYNC = "initial_sync", _("initial sync")
    DUAL_WRITE_ENABLED = "dual_write_enabled", _("changes captured")
    INCREMENTAL_SYNC = "incremental_sync", _("incremental sync")
    TRAFFIC_CUTOVER_STARTED = "traffic_cutover_started", _("cutover started")
    TRAFFIC_CUTOVER_COMPLETE = "traffic_cutover_complete", _("cutover complete")
    BLUE_DECOMMISSIONED = "blue_decommissioned", _("blue decommissioned")
    COMPLETED = "completed", _("completed")
    FAILED = "failed", _("failed")
    ROLLED_BACK = "rolled_back", _("rolled back")
    PAUSED = "paused", _("paused")


S = State
BEFORE_SWITCH = [
    S.PROVISIONING_GREEN,
    S.INITIAL_SYNC,
    S.DUAL_WRITE_ENABLED,
    S.INCREMENTAL_SYNC,
    S.TRAFFIC_CUTOVER_STARTED,
]
UNDER_WAY = [*BEFORE_SWITCH, S.TRAFFIC_CUTOVER_COMPLETE]
HALTED = [S.PAUSED, S.FAILED]
ENDED = [S.COMPLETED, S.ROLLED_BACK]
# what takes up one of a region's places: a switched or a failed one moves nothing
MOVING = [*BEFORE_SWITCH, S.PAUSED]


class Strategy(models.TextChoices):
    BLUE_GREEN = "blue_green", _("blue-green")
    SHORT_WINDOW = "short_window", _("short window")
    LONG_WINDOW = "long_window", _("long window")
    ROLLING = "rolling", _("rolling")
    HYBRID = "hybrid", _("hybrid")


class Capture(models.TextChoices):
    """Who notes what changes while a tenant moves: its guard's triggers, or its server's own stream of changes."""

    DIRTY_KEYS = "dirty_keys", _("keys kept by the guard")
    NATIVE = "native", _("the server's own stream")


class Playbook(models.Model):
    """How tenants of one tier are moved: the strategy, its window, and what its hours and gigabytes cost."""

    tier = models.OneToOneField(Tier, on_delete=models.PROTECT, primary_key=True, related_name="+")
    strategy = models.CharField(max_length=16, choices=Strategy.choices)
    window_min_minutes = models.PositiveIntegerField(
        default=0, help_text=_("0: clients never wait longer than a pause")
    )
    window_max_minutes = models.PositiveIntegerField(default=0)
    stability_hours = models.PositiveSmallIntegerField(default=24, validators=[MaxValueValidator(720)])
    notice_days = models.PositiveSmallIntegerField(default=7, help_text=_("The tenant is told so long before"))
    engineer_hours = models.DecimalField(max_digits=6, decimal_places=1)
    engineer_inr_an_hour = models.DecimalField(
        max_digits=12, decimal_places=2, null=True, blank=True, help_text=_("Empty: not known, which is not ₹0")
    )
    transfer_inr_a_gb = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)
    changed_at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["tier__rank"]
        constraints = [
            models.CheckConstraint(name="playbook_strategy_known", condition=Q(strategy__in=Strategy.values)),
            models.CheckConstraint(
                name="playbook_window_in_order",
                condition=Q(window_max_minutes__gte=models.F("window_min_minutes")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tier_id}: {self.get_strategy_display()}"


class RedFlag(models.Model):
    """A time in which nothing is moved: a freeze, a peak, an audit. Of one tenant, or of everybody."""

    class Kind(models.TextChoices):
        FREEZE = "freeze", _("change freeze")
        PEAK = "peak", _("peak traffic")
        AUDIT = "audit", _("audit")
        LAUNCH = "launch", _("launch")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    title = models.CharField(max_length=120)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True, blank=True)
    created_by = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["-starts_at"]
        constraints = [
            models.CheckConstraint(
                name="red_flag_kind_known", condition=Q(kind__in=["freeze", "peak", "audit", "launch"])
            ),
            models.CheckConstraint(name="red_flag_ends_later", condition=Q(ends_at__gt=models.F("starts_at"))),
        ]

    def __str__(self) -> str:
        return self.title


class MigrationQuerySet(models.QuerySet["Migration"]):
    def visible_to(self, actor: Actor) -> "MigrationQuerySet":
        reach = scope_filter(
            actor, VERBS["migration.view"], tenant="tenant_id", business_unit="tenant__business_unit_id"
        )
        return self.filter(reach)

    def open(self) -> "MigrationQuerySet":
        return self.exclude(state__in=ENDED)


class Migration(ConcurrentTransitionMixin, models.Model):
    """One move of one tenant from a region to another. Who owns the tenant is read from its placement, never here."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = models.PositiveIntegerField(unique=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="migrations")
    source = models.CharField(max_length=32)
    target = models.CharField(max_length=32)
    # planned
    strategy = models.CharField(max_length=16, choices=Strategy.choices)
    is_rehearsal = models.BooleanField(default=False)
    justification = models.TextField(max_length=4000)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    not_before = models.DateTimeField(help_text=_("The tenant's notice ends"))
    window_minutes = models.PositiveIntegerField(default=0)
    stability_seconds = models.PositiveIntegerField()
    findings = models.JSONField(default=list)
    estimate = models.JSONField(default=dict)
    vector_provider = models.CharField(max_length=16, blank=True)
    capture = models.CharField(max_length=10, choices=Capture.choices, default=Capture.DIRTY_KEYS)
    digest = models.CharField(max_length=64, blank=True)
    case_id = models.UUIDField(null=True, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    # happened
    state = FSMField(default=State.INITIATED, choices=State.choices, protected=True)
    state_reason = models.CharField(max_length=1000, blank=True)
    state_changed_at = models.DateTimeField(default=now)
    resumes_at = models.CharField(max_length=32, blank=True, help_text=_("Where a paused or failed one goes on"))
    job_id = models.UUIDField(null=True, blank=True)
    rollback_job_id = models.UUIDField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    switched_at = models.DateTimeField(null=True, blank=True)
    stable_at = models.DateTimeField(null=True, blank=True, help_text=_("Stability ends"))
    ended_at = models.DateTimeField(null=True, blank=True)
    green_released_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    # measured
    rows_total = models.BigIntegerField(null=True, blank=True)
    rows_copied = models.BigIntegerField(default=0)
    bytes_copied = models.BigIntegerField(default=0)
    copy_seconds = models.FloatField(default=0)
    keys_left = models.BigIntegerField(null=True, blank=True)
    lag_seconds = models.FloatField(null=True, blank=True)
    exposure = models.BigIntegerField(null=True, blank=True, help_text=_("Writes lost if green died now"))
    measured_at = models.DateTimeField(null=True, blank=True)
    log_retained = models.BigIntegerField(
        null=True, blank=True, help_text=_("Bytes of the servers' log that wait for a reader of this move")
    )
    verified_rows = models.BigIntegerField(null=True, blank=True)
    root_source = models.CharField(max_length=64, blank=True)
    root_target = models.CharField(max_length=64, blank=True)
    pause_ms = models.FloatField(null=True, blank=True)
    datasync = models.JSONField(
        default=dict, blank=True, help_text=_("What DataSync was to carry ahead, what it said, what was found of it")
    )

    objects = MigrationQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.CheckConstraint(name="migration_state_known", condition=Q(state__in=State.values)),
            models.CheckConstraint(name="migration_strategy_known", condition=Q(strategy__in=Strategy.values)),
            models.CheckConstraint(name="migration_capture_known", condition=Q(capture__in=Capture.values)),
            models.CheckConstraint(name="migration_goes_elsewhere", condition=~Q(source=models.F("target"))),
            models.CheckConstraint(
                name="migration_remembers_where_from",
                condition=Q(state__in=["paused", "failed"]) & ~Q(resumes_at="")
                | ~Q(state__in=["paused", "failed"]) & Q(resumes_at=""),
            ),
            models.UniqueConstraint(
                name="one_open_migration",
                fields=["tenant"],
                condition=~Q(state__in=["completed", "rolled_back"]),
            ),
        ]
        indexes = [models.Index(fields=["state", "-number"])]

    def __str__(self) -> str:
        return f"MV-{self.number:04d}"

    def access_scope(self) -> dict[str, Any]:
        return {"tenant": self.tenant_id, "business_unit": self.tenant.business_unit_id}

    @property
    def is_switched(self) -> bool:
        return self.switched_at is not None

    def _moved(self) -> None:
        self.state_changed_at = now()

    def _ended(self) -> None:
        self.state_changed_at = self.ended_at = now()
        self.resumes_at = ""

    @transition(state, source=S.INITIATED, target=S.PROVISIONING_GREEN)
    def start(self) -> None:
        self._moved()
        self.started_at = now()

    @transition(state, source=S.PROVISIONING_GREEN, target=S.INITIAL_SYNC)
    def begin_copy(self) -> None:
        self._moved()

    @transition(state, source=S.INITIAL_SYNC, target=S.DUAL_WRITE_ENABLED)
    def finish_copy(self) -> None:
        self._moved()

    @transition(state, source=S.DUAL_WRITE_ENABLED, target=S.INCREMENTAL_SYNC)
    def keep_up(self) -> None:
        self._moved()

    @transition(state, source=S.INCREMENTAL_SYNC, target=S.TRAFFIC_CUTOVER_STARTED)
    def begin_cutover(self) -> None:
        self._moved()

    @transition(state, source=S.TRAFFIC_CUTOVER_STARTED, target=S.TRAFFIC_CUTOVER_COMPLETE)
    def complete_cutover(self) -> None:
        self._moved()
        self.switched_at = now()

    @transition(state, source=S.TRAFFIC_CUTOVER_COMPLETE, target=S.BLUE_DECOMMISSIONED)
    def decommission(self) -> None:
        """From here on nothing follows green: what would be lost with it is all that is written since."""
        self._moved()
        self.exposure = None

    @transition(state, source=S.BLUE_DECOMMISSIONED, target=S.COMPLETED)
    def complete(self) -> None:
        self._ended()

    @transition(state, source=BEFORE_SWITCH, target=S.PAUSED)
    def pause(self) -> None:
        self._moved()
        self.resumes_at = self.state

    @transition(state, source=BEFORE_SWITCH, target=S.FAILED)
    def fail(self) -> None:
        self._moved()
        self.resumes_at = self.state

    @transition(state, source=HALTED, target=RETURN_VALUE(*BEFORE_SWITCH))
    def resume(self) -> str:
        self._moved()
        at, self.resumes_at = self.resumes_at, ""
        return at

    @transition(state, source=S.INITIATED, target=S.ROLLED_BACK)
    def cancel(self) -> None:
        self._ended()

    @transition(state, source=[*UNDER_WAY, *HALTED], target=S.ROLLED_BACK)
    def roll_back(self) -> None:
        self._ended()


class Passage(models.Model):
    """One change of a migration's state: its timeline."""

    id = models.BigAutoField(primary_key=True)
    migration = models.ForeignKey(Migration, on_delete=models.PROTECT, related_name="passages")
    old = models.CharField(max_length=32, blank=True)
    new = models.CharField(max_length=32)
    reason = models.CharField(max_length=1000, blank=True)
    actor = models.CharField(max_length=64)
    at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["-id"]


class Direction(models.TextChoices):
    FORWARD = "forward", _("to green")
    BACK = "back", _("back to blue")


class Round(models.Model):
    """One round of dirty keys, as it was measured."""

    id = models.BigAutoField(primary_key=True)
    migration = models.ForeignKey(Migration, on_delete=models.PROTECT, related_name="rounds")
    direction = models.CharField(max_length=8, choices=Direction.choices)
    keys = models.BigIntegerField()
    upserted = models.BigIntegerField()
    deleted = models.BigIntegerField()
    seconds = models.FloatField()
    left = models.BigIntegerField()
    at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["migration", "-id"])]


class Attempt(models.Model):
    """One attempt to switch: how long the tenant's writers waited, or why it was given up."""

    id = models.BigAutoField(primary_key=True)
    migration = models.ForeignKey(Migration, on_delete=models.PROTECT, related_name="attempts")
    direction = models.CharField(max_length=8, choices=Direction.choices)
    budget_ms = models.FloatField()
    outcome = models.CharField(
        max_length=12,
        choices=[("switched", _("switched")), ("over_budget", _("over budget")), ("aborted", _("aborted"))],
    )
    pause_ms = models.FloatField(null=True, blank=True)
    keys_inside = models.BigIntegerField(null=True, blank=True)
    epoch = models.PositiveBigIntegerField(null=True, blank=True)
    words = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="attempt_switched_was_measured",
                condition=~Q(outcome="switched") | Q(pause_ms__isnull=False, epoch__isnull=False),
            )
        ]
