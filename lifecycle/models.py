"""What is done: tenant requests, their plans, manual set-up, validation runs and incidents."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django_fsm import ConcurrentTransitionMixin, FSMField, transition
from simple_history.models import HistoricalRecords

from portal.access.actor import Actor
from portal.access.policy import VERBS
from portal.access.queries import scope_filter
from portal.lib.clock import now
from portal.lib.ids import new_id
from tenants.models import NAME_PATTERN, BusinessUnit, DataClass, Geography, Tier


class State(models.TextChoices):
    DRAFT = "draft", _("draft")
    SUBMITTED = "submitted", _("submitted")
    PENDING_APPROVAL = "pending_approval", _("waiting for signatures")
    APPROVED = "approved", _("approved")
    PENDING_MANUAL_SETUP = "pending_manual_setup", _("waiting for manual set-up")
    PROVISIONING = "provisioning", _("provisioning")
    VALIDATING = "validating", _("validating")
    AWAITING_CHAMPION = "awaiting_champion", _("waiting for the champion")
    ACTIVE = "active", _("active")
    REJECTED = "rejected", _("rejected")
    EXPIRED = "expired", _("expired")
    CANCELLED = "cancelled", _("cancelled")
    FAILED = "failed", _("failed")
    ROLLED_BACK = "rolled_back", _("rolled back")
    ROLLBACK_INCOMPLETE = "rollback_incomplete", _("roll-back incomplete")
    APPROVAL_VOIDED = "approval_voided", _("approval void: the plan changed")


S = State
BEFORE_APPROVAL = [S.DRAFT, S.SUBMITTED, S.PENDING_APPROVAL, S.APPROVAL_VOIDED]
UNDER_WAY = [S.PROVISIONING, S.PENDING_MANUAL_SETUP, S.VALIDATING, S.AWAITING_CHAMPION]
ENDED = [S.ACTIVE, S.REJECTED, S.EXPIRED, S.CANCELLED, S.ROLLED_BACK]


class RequestQuerySet(models.QuerySet["TenantRequest"]):
    def visible_to(self, actor: Actor) -> "RequestQuerySet":
        return self.filter(
            scope_filter(actor, VERBS["request.view"], tenant="tenant_id", business_unit="business_unit_id")
        )


class TenantRequest(ConcurrentTransitionMixin, models.Model):
    """A business unit asks for a tenant. What was approved is the content named by `digest`, nothing else."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.UUIDField(default=new_id, unique=True, editable=False)
    # asked for
    name = models.CharField(max_length=32, validators=[RegexValidator(NAME_PATTERN)])
    display_name = models.CharField(max_length=120)
    business_unit = models.ForeignKey(BusinessUnit, on_delete=models.PROTECT, related_name="requests")
    cost_centre = models.CharField(max_length=32)
    environment = models.CharField(
        max_length=16, default="prod", choices=[("dev", "dev"), ("staging", "staging"), ("prod", "prod")]
    )
    tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="+")
    region = models.CharField(max_length=32)
    geography = models.CharField(max_length=8, choices=Geography.choices)
    data_classes = ArrayField(models.CharField(max_length=16, choices=DataClass.choices), default=list, blank=True)
    profiles = ArrayField(models.CharField(max_length=16), default=list, blank=True)
    integrations = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    vector_provider = models.CharField(max_length=16, blank=True)
    expected_users = models.PositiveIntegerField(validators=[MaxValueValidator(10_000_000)])
    expected_documents = models.PositiveIntegerField(validators=[MaxValueValidator(1_000_000_000)])
    expected_queries_per_day = models.PositiveIntegerField(default=0, validators=[MaxValueValidator(1_000_000_000)])
    annual_budget_inr = models.DecimalField(max_digits=16, decimal_places=2)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    champion = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    justification = models.TextField(max_length=4000)
    expires_on = models.DateField(null=True, blank=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    # found out
    estimate = models.JSONField(default=dict, blank=True)
    counted_inr = models.DecimalField(
        max_digits=16,
        decimal_places=2,
        null=True,
        blank=True,
        help_text=_("The larger of budget and own estimate, a year"),
    )
    placement = models.JSONField(default=dict, blank=True)
    manual_reasons = models.JSONField(default=list, blank=True)
    plan = models.JSONField(default=dict, blank=True)
    plan_digest = models.CharField(max_length=64, blank=True)
    digest = models.CharField(max_length=64, blank=True)
    # happened
    state = FSMField(default=State.DRAFT, choices=State.choices, protected=True)
    state_reason = models.CharField(max_length=1000, blank=True)
    state_changed_at = models.DateTimeField(default=now)
    case_id = models.UUIDField(null=True, blank=True)
    plan_job_id = models.UUIDField(null=True, blank=True)
    job_id = models.UUIDField(null=True, blank=True)
    rollback_job_id = models.UUIDField(null=True, blank=True)
    remainder = models.JSONField(default=list, blank=True)
    champion_due_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    accepted_at = models.DateTimeField(null=True, blank=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    provisioning_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)

    objects = RequestQuerySet.as_manager()
    history = HistoricalRecords(excluded_fields=["plan"])

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(name="request_state_known", condition=Q(state__in=State.values)),
            models.CheckConstraint(name="request_name_shape", condition=Q(name__regex=NAME_PATTERN)),
            models.CheckConstraint(name="request_budget_not_negative", condition=Q(annual_budget_inr__gte=0)),
            models.CheckConstraint(
                name="request_champion_accepts_for_others",
                condition=Q(accepted_by=None) | Q(accepted_by=F("champion")),
            ),
        ]
        indexes = [
            models.Index(fields=["state", "-created_at"]),
            models.Index(fields=["business_unit", "-created_at"]),
        ]

    def __str__(self) -> str:
        return self.name

    is_tenant_content = True

    def access_scope(self) -> dict[str, Any]:
        return {"tenant": self.tenant_id, "business_unit": self.business_unit_id}

    def _moved(self) -> None:
        self.state_changed_at = now()

    def _ended(self) -> None:
        self.state_changed_at = self.ended_at = now()

    @transition(state, source=[S.DRAFT, S.APPROVAL_VOIDED], target=S.SUBMITTED)
    def submit(self) -> None:
        self._moved()
        self.submitted_at = now()

    @transition(state, source=S.SUBMITTED, target=S.PENDING_APPROVAL)
    def ask_approval(self) -> None:
        self._moved()

    @transition(state, source=S.PENDING_APPROVAL, target=S.APPROVED)
    def approve(self) -> None:
        self._moved()

    @transition(state, source=S.PENDING_APPROVAL, target=S.REJECTED)
    def reject(self) -> None:
        self._ended()

    @transition(state, source=[S.PENDING_APPROVAL, S.AWAITING_CHAMPION], target=S.EXPIRED)
    def expire(self) -> None:
        self._ended()

    @transition(state, source=BEFORE_APPROVAL, target=S.CANCELLED)
    def cancel(self) -> None:
        self._ended()

    @transition(state, source=[S.PENDING_APPROVAL, S.APPROVED], target=S.APPROVAL_VOIDED)
    def void(self) -> None:
        self._moved()

    @transition(state, source=S.APPROVED, target=S.PROVISIONING)
    def start(self) -> None:
        self._moved()
        self.provisioning_at = now()

    @transition(state, source=S.PROVISIONING, target=S.PENDING_MANUAL_SETUP)
    def await_manual_setup(self) -> None:
        self._moved()

    @transition(state, source=[S.PROVISIONING, S.PENDING_MANUAL_SETUP], target=S.VALIDATING)
    def validate_now(self) -> None:
        self._moved()

    @transition(state, source=S.VALIDATING, target=S.AWAITING_CHAMPION)
    def await_champion(self) -> None:
        self._moved()

    @transition(state, source=[S.VALIDATING, S.AWAITING_CHAMPION], target=S.ACTIVE)
    def activate(self) -> None:
        self._ended()

    @transition(state, source=[S.SUBMITTED, S.APPROVED, *UNDER_WAY], target=S.FAILED)
    def fail(self) -> None:
        self._moved()

    @transition(state, source=[S.FAILED, S.EXPIRED, S.ROLLBACK_INCOMPLETE], target=S.ROLLED_BACK)
    def finish_rollback(self) -> None:
        self._ended()

    @transition(state, source=[S.FAILED, S.EXPIRED, S.ROLLBACK_INCOMPLETE], target=S.ROLLBACK_INCOMPLETE)
    def leave_rollback(self) -> None:
        self._moved()

    @transition(state, source=S.FAILED, target=S.PROVISIONING)
    def resume(self) -> None:
        self._moved()


class ManualRule(models.Model):
    """When a request needs a person's hands. Several conditions in one rule must all hold."""

    id = models.BigAutoField(primary_key=True)
    rule_id = models.CharField(max_length=16)
    version = models.PositiveIntegerField(default=1)
    title = models.CharField(max_length=200)
    profiles = ArrayField(models.CharField(max_length=16), default=list, blank=True)
    integrations = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    regions = ArrayField(models.CharField(max_length=32), default=list, blank=True)
    budget_at_least_inr = models.DecimalField(max_digits=16, decimal_places=2, null=True, blank=True)
    checklist = ArrayField(models.CharField(max_length=200))
    is_active = models.BooleanField(default=True)
    history = HistoricalRecords()

    class Meta:
        constraints = [models.UniqueConstraint(name="manual_rule_version", fields=["rule_id", "version"])]

    def __str__(self) -> str:
        return f"{self.rule_id} v{self.version}"


class Ticket(models.Model):
    """Manual set-up of one request: a checklist in the portal and a reference in the team's own tracker."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    request = models.OneToOneField(TenantRequest, on_delete=models.PROTECT, related_name="ticket")
    reference = models.CharField(max_length=64)
    items = models.JSONField(help_text=_("[{text, done_by, done_at}]"))
    opened_at = models.DateTimeField(default=now)
    closed_at = models.DateTimeField(null=True, blank=True)
    history = HistoricalRecords()


class ValidationRun(models.Model):
    """One run of the nine checks over a tenant."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.UUIDField()
    request = models.ForeignKey(
        TenantRequest, on_delete=models.PROTECT, null=True, blank=True, related_name="validations"
    )
    job_id = models.UUIDField(null=True, blank=True)
    trigger = models.CharField(max_length=16, help_text=_("provisioning, nightly, person"))
    outcome = models.CharField(
        max_length=8,
        default="running",
        choices=[("running", _("running")), ("pass", _("pass")), ("warn", _("warning")), ("fail", _("fail"))],
    )
    started_at = models.DateTimeField(default=now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-started_at"]
        indexes = [models.Index(fields=["tenant_id", "-started_at"])]

    def access_scope(self) -> dict[str, Any]:
        return {"tenant": self.tenant_id}


class ValidationCheck(models.Model):
    """One check of a run with what it measured and saw."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    run = models.ForeignKey(ValidationRun, on_delete=models.PROTECT, related_name="checks")
    name = models.CharField(max_length=40)
    title = models.CharField(max_length=120)
    category = models.CharField(
        max_length=12,
        choices=[("security", _("security")), ("compliance", _("compliance")), ("performance", _("performance"))],
    )
    outcome = models.CharField(
        max_length=16,
        choices=[
            ("pass", _("pass")),
            ("warn", _("warning")),
            ("fail", _("fail")),
            ("could_not_run", _("could not run")),
        ],
    )
    summary = models.CharField(max_length=500)
    evidence = models.JSONField()
    seconds = models.FloatField()
    at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["at"]
        constraints = [models.UniqueConstraint(name="check_once_per_run", fields=["run", "name"])]


class Incident(models.Model):
    """A possible breach on an active tenant: access is restricted, evidence kept, the clock runs."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    severity = models.CharField(max_length=4, default="P0")
    tenant_id = models.UUIDField()
    affected = models.JSONField(default=list, help_text=_("Ids of every tenant concerned"))
    title = models.CharField(max_length=200)
    evidence = models.JSONField()
    run = models.ForeignKey(ValidationRun, on_delete=models.PROTECT, null=True, blank=True)
    opened_at = models.DateTimeField(default=now)
    notify_by = models.DateTimeField(help_text=_("72 hours after it was known (GDPR art. 33)"))
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.TextField(blank=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["-opened_at"]
        constraints = [
            models.UniqueConstraint(
                name="one_open_incident", fields=["tenant_id", "title"], condition=Q(resolved_at=None)
            )
        ]

    def access_scope(self) -> dict[str, Any]:
        return {"tenant": self.tenant_id}


class TerraformCommand(models.Model):
    """One supervised Terraform command: open while it runs, then how long it took."""

    id = models.BigAutoField(primary_key=True)
    job_id = models.UUIDField()
    region = models.CharField(max_length=32)
    command = models.CharField(max_length=16)
    seconds = models.FloatField(null=True, blank=True, help_text=_("Wall time, seconds"))
    exit_code = models.SmallIntegerField(null=True, blank=True)
    at = models.DateTimeField(default=now)

    class Meta:
        indexes = [models.Index(fields=["region"], condition=Q(exit_code=None), name="terraform_running")]
