"""One case: what is asked, who must sign, and the signatures. Content is fixed when the case opens."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, FSMModelMixin, transition

from portal.access.models import Role, User
from portal.lib.clock import now
from portal.lib.ids import new_id

if TYPE_CHECKING:
    from portal.access.actor import Actor


class CaseQuerySet(models.QuerySet["Case"]):
    def visible_to(self, actor: "Actor") -> "CaseQuerySet":
        """Cases the actor may read: by grant, as requester, or as a live delegate."""
        from ..visibility import reachable_by

        return self.filter(reachable_by(actor))


class Case(FSMModelMixin, models.Model):
    """A question to named roles. The database repeats every rule that matters (migration 0002)."""

    class State(models.TextChoices):
        OPEN = "open", _("Waiting for signatures")
        SIGNED = "signed", _("Signed, taking effect")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")
        EXPIRED = "expired", _("Expired")
        CANCELLED = "cancelled", _("Cancelled")
        VOIDED = "voided", _("Voided")

    class Period(models.TextChoices):
        YEAR = "year", _("a year")
        ONCE = "once", _("once")

    LIVE = (State.OPEN, State.SIGNED)
    COUNTED = (State.OPEN, State.SIGNED, State.APPROVED)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=64)
    title = models.CharField(max_length=200)
    subject_type = models.CharField(max_length=64)
    subject_id = models.CharField(max_length=64)
    business_unit = models.CharField(max_length=64, blank=True)
    tenant_id = models.UUIDField(null=True)
    amount_inr = models.DecimalField(max_digits=16, decimal_places=2, null=True, help_text=_("Empty: not known"))
    period = models.CharField(max_length=4, choices=Period.choices, default=Period.YEAR, help_text=_("Of the amount"))
    aggregation_key = models.CharField(max_length=128, blank=True)
    aggregated_inr = models.DecimalField(max_digits=20, decimal_places=2, null=True)
    aggregated_with = models.JSONField(default=list, help_text=_("The other cases counted in"))
    facts = models.JSONField(default=dict)
    snapshot = models.JSONField(default=dict, help_text=_("What the approver sees: cost, plan, verdicts"))
    digest = models.CharField(max_length=128)
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="approval_cases")
    opened_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()
    state = FSMField(default=State.OPEN, choices=State.choices, protected=True)
    blocked_reason = models.CharField(max_length=300, blank=True, help_text=_("Why nobody can move it on"))
    signed_at = models.DateTimeField(null=True)
    intent = models.BigIntegerField(null=True, help_text=_("The entry that must be anchored before the effect"))
    decided_at = models.DateTimeField(null=True)
    decided_reason = models.CharField(max_length=1000, blank=True)

    objects = CaseQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-opened_at"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["kind", "subject_type", "subject_id"],
                condition=Q(state__in=["open", "signed"]),
                name="approval_one_live_case_per_subject",
            ),
            models.CheckConstraint(name="approval_case_has_digest", condition=~Q(digest="")),
            models.CheckConstraint(name="approval_case_period_known", condition=Q(period__in=["year", "once"])),
            models.CheckConstraint(
                name="approval_case_amount_not_negative", condition=Q(amount_inr=None) | Q(amount_inr__gte=0)
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["state", "expires_at"]),
            models.Index(fields=["aggregation_key", "opened_at"]),
            models.Index(fields=["subject_type", "subject_id"]),
        ]

    def __str__(self) -> str:
        return self.title

    def access_scope(self) -> dict[str, Any]:
        return {"tenant": self.tenant_id, "business_unit": self.business_unit}

    @property
    def url(self) -> str:
        """The page a link in a mail or chat opens; opening it never acts."""
        return f"{settings.PUBLIC_URL}/approvals/{self.pk}/"

    @property
    def is_blocked(self) -> bool:
        return self.state == self.State.OPEN and bool(self.blocked_reason)

    @transition(state, source=State.OPEN, target=State.SIGNED)
    def all_signed(self) -> None:
        self.signed_at = now()

    @transition(state, source=State.SIGNED, target=State.APPROVED)
    def take_effect(self) -> None:
        self.decided_at = now()

    @transition(state, source=State.OPEN, target=State.REJECTED)
    def refuse(self, reason: str) -> None:
        self.decided_at, self.decided_reason = now(), reason

    @transition(state, source=State.OPEN, target=State.EXPIRED)
    def run_out(self) -> None:
        self.decided_at, self.decided_reason = now(), "Not everyone signed in time."

    @transition(state, source=[State.OPEN, State.SIGNED], target=State.CANCELLED)
    def withdraw(self, reason: str) -> None:
        self.decided_at, self.decided_reason = now(), reason

    @transition(state, source=[State.OPEN, State.SIGNED, State.APPROVED], target=State.VOIDED)
    def annul(self, reason: str) -> None:
        self.decided_at, self.decided_reason = now(), reason


class Requirement(FSMModelMixin, models.Model):
    """One role's signature in one case, with the rules that asked for it copied in as they were."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Next")
        OPEN = "open", _("Waiting")
        MET = "met", _("Signed")
        WAIVED = "waived", _("Waived")
        BLOCKED = "blocked", _("Blocked")

    SETTLED = (State.MET, State.WAIVED)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="requirements")
    rule_id = models.CharField(max_length=32)
    rule_version = models.PositiveIntegerField()
    rule_title = models.CharField(max_length=200)
    rules = models.JSONField(default=list, help_text=_("Every rule that asked for this role, as it was"))
    role = models.CharField(max_length=32, choices=Role.choices)
    order = models.PositiveSmallIntegerField()
    quorum = models.PositiveSmallIntegerField()
    sla_hours = models.PositiveIntegerField()
    escalate_to = models.CharField(max_length=32, choices=Role.choices)
    state = FSMField(default=State.WAITING, choices=State.choices, protected=True)
    blocked_reason = models.CharField(max_length=300, blank=True)
    opened_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    escalated_at = models.DateTimeField(null=True)
    met_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["order", "role"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["case", "role"], condition=~Q(state="waived"), name="approval_one_requirement_per_role"
            ),
            models.CheckConstraint(name="approval_requirement_quorum_positive", condition=Q(quorum__gte=1)),
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["state", "role"])]

    def __str__(self) -> str:
        return f"{self.get_role_display()}: {self.get_state_display()}"

    @transition(state, source=[State.WAITING, State.BLOCKED], target=State.OPEN)
    def open_up(self) -> None:
        at = now()
        self.opened_at, self.due_at, self.blocked_reason = at, at + timedelta(hours=self.sla_hours), ""

    @transition(state, source=[State.WAITING, State.OPEN], target=State.BLOCKED)
    def block(self, reason: str) -> None:
        self.blocked_reason = reason

    @transition(state, source=State.OPEN, target=State.MET)
    def meet(self) -> None:
        self.met_at = now()


class Signature(models.Model):
    """One person's decision on exactly the content whose digest it names. Never changed, never deleted."""

    class Decision(models.TextChoices):
        SIGN = "sign", _("signed")
        REJECT = "reject", _("rejected")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="signatures")
    requirement = models.ForeignKey(Requirement, on_delete=models.PROTECT, related_name="signatures")
    signer = models.ForeignKey(User, on_delete=models.PROTECT, related_name="signatures")
    on_behalf_of = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="signatures_by_delegate")
    delegation = models.ForeignKey("approvals.Delegation", on_delete=models.PROTECT, null=True)
    decision = models.CharField(max_length=8, choices=Decision.choices)
    reason = models.CharField(max_length=1000)
    digest = models.CharField(max_length=128)
    at = models.DateTimeField(default=now)
    via = models.CharField(max_length=16)
    reauthenticated_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["at"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["case", "signer"], name="approval_one_signature_per_person"),
            models.UniqueConstraint(fields=["case", "on_behalf_of"], name="approval_one_signature_on_behalf"),
            models.CheckConstraint(
                name="approval_delegated_signature_names_both",
                condition=Q(on_behalf_of=None, delegation=None)
                | Q(on_behalf_of__isnull=False, delegation__isnull=False),
            ),
            models.CheckConstraint(
                name="approval_signature_not_for_oneself", condition=~Q(signer=models.F("on_behalf_of"))
            ),
            models.CheckConstraint(name="approval_signature_by_a_person", condition=Q(via__in=["session", "jwt"])),
            models.CheckConstraint(name="approval_signature_has_reason", condition=~Q(reason="")),
        ]

    def __str__(self) -> str:
        return f"{self.get_decision_display()} {self.at:%Y-%m-%d %H:%M}"


class Question(models.Model):
    """Something an approver asked the requester, kept with the case."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="questions")
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="approval_questions")
    text = models.CharField(max_length=2000)
    asked_at = models.DateTimeField(default=now)
    answer = models.CharField(max_length=2000, blank=True)
    answered_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="approval_answers")
    answered_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["asked_at"]

    def __str__(self) -> str:
        return self.text[:60]
