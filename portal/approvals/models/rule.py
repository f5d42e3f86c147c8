"""Approval rules. A rule is never edited in place: an edit is a new version, and a case keeps its own copy."""

from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from portal.access.models import Role
from portal.lib.clock import now
from portal.lib.ids import new_id


class RuleQuerySet(models.QuerySet["Rule"]):
    def in_force(self, at: datetime | None = None) -> "RuleQuerySet":
        """The newest version of each rule that is active at an instant (default: now)."""
        at = at or now()
        live = self.filter(Q(effective_until=None) | Q(effective_until__gt=at), is_active=True, effective_from__lte=at)
        return live.order_by("rule_id", "-version").distinct("rule_id")


class Rule(models.Model):
    """One version of one rule: when its condition holds, a role signs, or another rule's demand is waived."""

    class Effect(models.TextChoices):
        REQUIRE = "require", _("asks for a signature")
        WAIVE = "waive", _("waives a signature")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    rule_id = models.CharField(max_length=32, help_text=_("Stable name, such as APR-002"))
    version = models.PositiveIntegerField(default=1)
    title = models.CharField(max_length=200)
    case_kind = models.CharField(max_length=64, help_text=_("Kind of case, such as tenant_request"))
    condition = models.JSONField(default=dict, blank=True, help_text=_("All parts must hold; empty means always"))
    effect = models.CharField(max_length=8, choices=Effect.choices, default=Effect.REQUIRE)
    role = models.CharField(max_length=32, choices=Role.choices)
    waives = models.JSONField(default=list, blank=True, help_text=_("For a waiver: the rules it sets aside"))
    order = models.PositiveSmallIntegerField(default=1, help_text=_("Lower signs first; equal orders sign together"))
    quorum = models.PositiveSmallIntegerField(default=1, help_text=_("How many different people sign"))
    sla_hours = models.PositiveIntegerField(default=48)
    expires_after_hours = models.PositiveIntegerField(default=336, help_text=_("The longest of a case's rules counts"))
    escalate_to = models.CharField(max_length=32, choices=Role.choices, default=Role.PLATFORM_ADMIN)
    effective_from = models.DateTimeField(default=now)
    effective_until = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    created_by = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)
    reason = models.CharField(max_length=500, blank=True)

    objects = RuleQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["rule_id", "-version"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["rule_id", "version"], name="approval_rule_version_once"),
            models.CheckConstraint(name="approval_rule_quorum_positive", condition=Q(quorum__gte=1)),
            models.CheckConstraint(name="approval_rule_clock_positive", condition=Q(sla_hours__gte=1)),
            models.CheckConstraint(
                name="approval_rule_expires_after_sla", condition=Q(expires_after_hours__gte=F("sla_hours"))
            ),
            models.CheckConstraint(
                name="approval_rule_waiver_names_rules",
                condition=Q(effect="waive") & ~Q(waives=[]) | Q(effect="require", waives=[]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} v{self.version}"

    def copied(self) -> dict[str, Any]:
        """What a case keeps of this rule when it opens."""
        return {"rule_id": self.rule_id, "version": self.version, "title": self.title, "condition": self.condition}
