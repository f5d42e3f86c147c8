"""A tenant's change of tier: asked for, signed, in force, and, where it has an end, taken back by itself."""

from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
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
from tenants.models import Tenant, Tier


class State(models.TextChoices):
    PENDING_APPROVAL = "pending_approval", _("waiting for signatures")
    SCHEDULED = "scheduled", _("approved, not begun")
    APPLIED = "applied", _("in force")
    RETURNED = "returned", _("taken back")
    RETURN_CONFLICT = "return_conflict", _("not taken back: the tier has changed since")
    KEPT = "kept", _("left as it is")
    REJECTED = "rejected", _("rejected")
    EXPIRED = "expired", _("expired")
    CANCELLED = "cancelled", _("withdrawn")
    VOIDED = "voided", _("void: what was signed no longer holds")


S = State
OPEN = [S.PENDING_APPROVAL, S.SCHEDULED]
CAME_INTO_FORCE = [S.APPLIED, S.RETURNED, S.RETURN_CONFLICT, S.KEPT]


def _has_an_end(change: Any) -> bool:
    return change.ends_on is not None


class TierChangeQuerySet(models.QuerySet["TierChange"]):
    def visible_to(self, actor: Actor) -> "TierChangeQuerySet":
        """Those of the tenants that the actor's grants reach."""
        roles = VERBS["tier_change.view"]
        return self.filter(scope_filter(actor, roles, tenant="tenant_id", business_unit="tenant__business_unit_id"))


class TierChange(ConcurrentTransitionMixin, models.Model):
    """What is asked is fixed with the row; the database repeats that, the moves and the approval (migration 0002).

    `starts_on` empty: once it is approved. `ends_on` is the day on which the tenant goes back, empty: never. `cost`
    holds both estimates as JSON, `before` what the tenant had when the change came into force.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="tier_changes")
    from_tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="+")
    to_tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="+")
    starts_on = models.DateField(null=True, blank=True)
    ends_on = models.DateField(null=True, blank=True)
    expected_users = models.PositiveIntegerField(validators=[MinValueValidator(1), MaxValueValidator(10_000_000)])
    expected_documents = models.PositiveIntegerField(validators=[MaxValueValidator(1_000_000_000)])
    expected_queries_per_day = models.PositiveIntegerField(validators=[MaxValueValidator(1_000_000_000)])
    justification = models.TextField(max_length=4000)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    # found out
    cost = models.JSONField(default=dict)
    yearly_inr = models.DecimalField(
        max_digits=16, decimal_places=2, null=True, help_text=_("The difference a year; null: there is no price")
    )
    counted_inr = models.DecimalField(
        max_digits=16, decimal_places=2, help_text=_("What approvals count and the envelope holds: at least nothing")
    )
    exceeds = models.JSONField(default=list, help_text=_("What the tenant uses beyond the new tier's limits"))
    is_acknowledged = models.BooleanField(default=False)
    digest = models.CharField(max_length=64)
    # happened
    state = FSMField(default=State.PENDING_APPROVAL, choices=State.choices, protected=True)
    state_reason = models.CharField(max_length=1000, blank=True)
    state_changed_at = models.DateTimeField(default=now)
    case_id = models.UUIDField(null=True, blank=True)
    before = models.JSONField(default=dict, blank=True)
    applied_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)

    objects = TierChangeQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name, verbose_name_plural = _("change of tier"), _("changes of tier")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(name="one_open_tier_change", fields=["tenant"], condition=Q(state__in=OPEN)),
            models.CheckConstraint(name="tier_change_state_known", condition=Q(state__in=State.values)),
            models.CheckConstraint(name="tier_change_is_one", condition=~Q(from_tier=F("to_tier"))),
            models.CheckConstraint(
                name="tier_change_ends_after_it_starts",
                condition=Q(starts_on=None) | Q(ends_on=None) | Q(ends_on__gt=F("starts_on")),
            ),
            models.CheckConstraint(name="tier_change_has_digest", condition=~Q(digest="")),
            models.CheckConstraint(
                name="tier_change_counts_what_it_costs",
                condition=Q(counted_inr__gte=0) & (Q(yearly_inr=None) | Q(counted_inr__gte=F("yearly_inr"))),
            ),
            models.CheckConstraint(
                name="tier_change_in_force_was_applied",
                condition=Q(applied_at__isnull=False, state__in=CAME_INTO_FORCE)
                | Q(applied_at=None) & ~Q(state__in=CAME_INTO_FORCE),
            ),
            models.CheckConstraint(
                name="tier_change_returns_only_at_an_end",
                condition=~Q(state__in=[S.RETURNED, S.RETURN_CONFLICT, S.KEPT]) | Q(ends_on__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["state", "ends_on"]), models.Index(fields=["tenant", "-created_at"])]

    def __str__(self) -> str:
        return f"{self.tenant.name}: {self.from_tier.name} → {self.to_tier.name}"

    def access_scope(self) -> dict[str, Any]:
        return self.tenant.access_scope()

    @property
    def is_for_a_time(self) -> bool:
        return self.ends_on is not None

    def _moved(self, reason: str) -> None:
        self.state_changed_at, self.state_reason = now(), reason[:1000]

    @transition(state, source=S.PENDING_APPROVAL, target=S.SCHEDULED)
    def approve(self, reason: str = "") -> None:
        self._moved(reason)

    @transition(state, source=S.SCHEDULED, target=S.APPLIED)
    def apply(self, reason: str = "") -> None:
        self._moved(reason)
        self.applied_at = self.state_changed_at

    @transition(state, source=S.APPLIED, target=S.RETURNED, conditions=[_has_an_end])
    def take_back(self, reason: str = "") -> None:
        self._moved(reason)

    @transition(state, source=S.APPLIED, target=S.RETURN_CONFLICT, conditions=[_has_an_end])
    def meet_conflict(self, reason: str = "") -> None:
        self._moved(reason)

    @transition(state, source=[S.APPLIED, S.RETURN_CONFLICT], target=S.KEPT, conditions=[_has_an_end])
    def keep(self, reason: str = "") -> None:
        self._moved(reason)

    @transition(state, source=S.PENDING_APPROVAL, target=S.REJECTED)
    def reject(self, reason: str = "") -> None:
        self._moved(reason)

    @transition(state, source=S.PENDING_APPROVAL, target=S.EXPIRED)
    def expire(self, reason: str = "") -> None:
        self._moved(reason)

    @transition(state, source=OPEN, target=S.CANCELLED)
    def cancel(self, reason: str = "") -> None:
        self._moved(reason)

    @transition(state, source=OPEN, target=S.VOIDED)
    def void(self, reason: str = "") -> None:
        self._moved(reason)
