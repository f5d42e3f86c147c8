"""What scans found, who excepted it until when, and what became of the changes that were asked for.

A finding keeps its key for ever: the same rule about the same resource is the same row in every scan.
"""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django_fsm import ConcurrentTransitionMixin, FSMField, transition

from portal.access import policy
from portal.access.actor import Actor
from portal.lib.clock import now
from portal.lib.ids import new_id


class Outcome(models.TextChoices):
    RUNNING = "running", _("running")
    COMPLETE = "complete", _("complete")
    PARTIAL = "partial", _("partial")
    FAILED = "failed", _("failed")


class Scan(models.Model):
    """One scan. `gaps` is what it could not see; with one it is partial. `digest` is that of the report's bytes."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    regions = ArrayField(models.CharField(max_length=32))
    at = models.DateTimeField(default=now, help_text=_("The moment of which the report is"))
    outcome = models.CharField(max_length=8, choices=Outcome.choices, default=Outcome.RUNNING)
    asked_by = models.CharField(max_length=64)
    job_id = models.UUIDField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    counts = models.JSONField(default=dict, blank=True)
    totals = models.JSONField(default=dict, blank=True)
    gaps = models.JSONField(default=list, blank=True)
    doubts = models.JSONField(default=list, blank=True, help_text=_("What was not measured for long enough"))
    findings = models.PositiveIntegerField(default=0)
    prices = models.CharField(max_length=300, blank=True)
    digest = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-at"]
        constraints = [
            models.UniqueConstraint(
                name="optimizer_one_scan_at_a_time", fields=["outcome"], condition=Q(outcome=Outcome.RUNNING)
            ),
            models.CheckConstraint(
                name="optimizer_scan_finished_has_a_time",
                condition=Q(outcome="running", finished_at=None) | ~Q(outcome="running") & Q(finished_at__isnull=False),
            ),
            models.CheckConstraint(
                name="optimizer_scan_complete_saw_all", condition=~Q(outcome="complete") | Q(gaps=[])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.at:%d %b %Y, %H:%M}"


class FindingQuerySet(models.QuerySet["Finding"]):
    def visible_to(self, actor: Actor) -> "FindingQuerySet":
        """All for who may see findings: they are of the whole account."""
        return self.all() if policy.can(actor, "finding.view") else self.none()


class Finding(models.Model):
    """A finding as the last scan saw it. `state` follows from what is recorded beside it; only scans resolve one."""

    class State(models.TextChoices):
        OPEN = "open", _("open")
        EXCEPTED = "excepted", _("excepted")
        RESOLVED = "resolved", _("gone")

    key = models.CharField(primary_key=True, max_length=20)
    rule = models.CharField(max_length=40)
    rule_version = models.PositiveSmallIntegerField()
    region = models.CharField(max_length=32)
    resource = models.CharField(max_length=128)
    title = models.CharField(max_length=400)
    category = models.CharField(
        max_length=12,
        choices=[
            ("cost", _("cost")),
            ("security", _("security")),
            ("resilience", _("resilience")),
            ("tags", _("tags")),
        ],
    )
    action = models.CharField(max_length=12)
    environment = models.CharField(max_length=64, blank=True)
    tenant = models.CharField(max_length=64, blank=True, help_text=_("As the resource's tag says"))
    confidence = models.CharField(
        max_length=6, choices=[("low", _("low")), ("medium", _("medium")), ("high", _("high"))]
    )
    reasons = models.JSONField(default=list, blank=True)
    effort = models.CharField(max_length=6)
    risk = models.CharField(max_length=6)
    evidence = models.JSONField(default=dict)
    saves = models.BooleanField(default=False, help_text=_("Whether money is meant; without a price it is unknown"))
    monthly_inr = models.DecimalField(max_digits=16, decimal_places=2, null=True)
    annual_inr = models.DecimalField(max_digits=16, decimal_places=2, null=True)
    cost_usd = models.DecimalField(max_digits=16, decimal_places=2, null=True, help_text=_("Of the resource, a month"))
    price = models.JSONField(default=dict, blank=True, help_text=_("Source, day, rate, or what is missing"))
    change = models.JSONField(null=True, help_text=_("The change of tfvars, if one would help"))
    instead = models.CharField(max_length=20, blank=True, help_text=_("The finding that ends this one's resource"))
    after = models.JSONField(default=list, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    first_seen = models.DateTimeField(default=now)
    last_seen = models.DateTimeField(default=now)
    resolved_at = models.DateTimeField(null=True, blank=True)

    objects = FindingQuerySet.as_manager()

    class Meta:
        ordering = [F("monthly_inr").desc(nulls_last=True), "rule", "key"]
        constraints = [
            models.CheckConstraint(
                name="optimizer_money_is_meant", condition=Q(saves=True) | Q(monthly_inr=None, annual_inr=None)
            ),
            models.CheckConstraint(
                name="optimizer_resolved_has_a_time",
                condition=Q(state="resolved", resolved_at__isnull=False) | ~Q(state="resolved") & Q(resolved_at=None),
            ),
        ]
        indexes = [models.Index(fields=["state", "category"]), models.Index(fields=["region", "resource"])]

    def __str__(self) -> str:
        return f"{self.resource}: {self.title}"

    @property
    def target(self) -> str:
        """What its change would set: the attribute, and of a group's rules the one with this source."""
        if self.change is None:
            return ""
        attribute, source = ".".join(self.change["path"][2:]), self.change["before"]
        is_rule = attribute.startswith(("ingress.", "egress.")) and isinstance(source, str)
        return "/".join([self.region, self.resource, attribute, *([source] if is_rule else [])])


class FindingException(models.Model):
    """Somebody answers for a finding until a day. Afterwards it is open again, by itself."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="exceptions")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=500)
    expires_on = models.DateField()
    made_by = models.CharField(max_length=64)
    made_at = models.DateTimeField(default=now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-made_at"]
        constraints = [
            models.UniqueConstraint(
                name="optimizer_one_exception_in_force", fields=["finding"], condition=Q(ended_at=None)
            ),
            models.CheckConstraint(name="optimizer_exception_says_why", condition=~Q(reason="")),
        ]

    def __str__(self) -> str:
        return f"{self.finding_id}, until {self.expires_on}"


class State(models.TextChoices):
    PENDING_APPROVAL = "pending_approval", _("waiting for signatures")
    APPROVED = "approved", _("approved, to be applied")
    APPLIED = "applied", _("applied, being measured")
    MEASURED = "measured", _("measured")
    REJECTED = "rejected", _("rejected")
    EXPIRED = "expired", _("expired")
    CANCELLED = "cancelled", _("withdrawn")
    VOIDED = "voided", _("void: what was signed no longer holds")


S = State
LIVE = [S.PENDING_APPROVAL, S.APPROVED, S.APPLIED]


class FindingChange(ConcurrentTransitionMixin, models.Model):
    """A change of tfvars that somebody asked for because of a finding; fixed with the row (migration 0002).

    A scan sees it applied in the resource itself; fourteen days later the next one measures what it saved.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="changes")
    change = models.JSONField()
    monthly_inr = models.DecimalField(
        max_digits=16, decimal_places=2, null=True, help_text=_("Expected; null: unknown")
    )
    cost_usd = models.DecimalField(max_digits=16, decimal_places=2, null=True, help_text=_("A month, before"))
    justification = models.CharField(max_length=1000)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    digest = models.CharField(max_length=64)
    target = models.CharField(max_length=300, editable=False, help_text=_("One attribute of one resource"))
    created_at = models.DateTimeField(default=now, editable=False)
    # happened
    state = FSMField(default=State.PENDING_APPROVAL, choices=State.choices, protected=True)
    state_reason = models.CharField(max_length=500, blank=True)
    case_id = models.UUIDField(null=True, blank=True)
    job_id = models.UUIDField(null=True, blank=True, help_text=_("That carries it out; none: whoever runs its stack"))
    carried_out_at = models.DateTimeField(null=True, blank=True)
    applied_at = models.DateTimeField(null=True, blank=True)
    measured_at = models.DateTimeField(null=True, blank=True)
    realised_inr = models.DecimalField(
        max_digits=16, decimal_places=2, null=True, help_text=_("A month; null: not measured, or there is no price")
    )

    class Meta:
        verbose_name, verbose_name_plural = _("change"), _("changes")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(name="optimizer_one_live_change", fields=["target"], condition=Q(state__in=LIVE)),
            models.CheckConstraint(name="finding_change_state_known", condition=Q(state__in=State.values)),
            models.CheckConstraint(
                name="finding_change_is_carried_out_by_a_job",
                condition=Q(carried_out_at=None) | Q(job_id__isnull=False),
            ),
            models.CheckConstraint(
                name="finding_change_measured_after_it_was_applied",
                condition=Q(measured_at=None, realised_inr=None) | Q(applied_at__isnull=False, state="measured"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.finding.resource}: {'.'.join(self.change['path'][2:])}"

    @property
    def saves(self) -> bool:
        return self.finding.saves

    @property
    def sets(self) -> dict[str, str]:
        """Every attribute that it sets, as the stack's `overrides` take them."""
        beside = {name: str(both["after"]) for name, both in self.change.get("with", {}).items()}
        return {self.change["path"][2]: str(self.change["after"]), **beside}

    def _moved(self, reason: str) -> None:
        self.state_reason = reason[:500]

    @transition(state, source=S.PENDING_APPROVAL, target=S.APPROVED)
    def approve(self, reason: str = "") -> None:
        self._moved(reason)

    @transition(state, source=S.APPROVED, target=S.APPLIED)
    def apply(self, reason: str = "") -> None:
        self._moved(reason)
        self.applied_at = now()

    @transition(state, source=S.APPLIED, target=S.MEASURED)
    def measure(self, reason: str = "") -> None:
        self._moved(reason)
        self.measured_at = now()

    @transition(state, source=S.APPLIED, target=S.APPROVED)
    def reappear(self, reason: str = "") -> None:
        self._moved(reason)
        self.applied_at = None

    @transition(state, source=S.PENDING_APPROVAL, target=S.REJECTED)
    def reject(self, reason: str = "") -> None:
        self._moved(reason)

    @transition(state, source=S.PENDING_APPROVAL, target=S.EXPIRED)
    def expire(self, reason: str = "") -> None:
        self._moved(reason)

    @transition(state, source=[S.PENDING_APPROVAL, S.APPROVED], target=S.CANCELLED)
    def cancel(self, reason: str = "") -> None:
        self._moved(reason)

    @transition(state, source=[S.PENDING_APPROVAL, S.APPROVED], target=S.VOIDED)
    def void(self, reason: str = "") -> None:
        self._moved(reason)
