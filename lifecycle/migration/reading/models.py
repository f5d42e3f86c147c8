"""How far a tenant's reads have moved, what was seen of both sides, and what people report of the moved tenant."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lifecycle.migration.judging.models import Outcome, in_words
from lifecycle.migration.models import Migration
from portal.lib.clock import now
from portal.lib.ids import new_id
from tenants.reads.models import PERCENTS


class Reading(models.Model):
    """One move's reads: mirrored at first (0 %), then a growing share; each step from `since` on, judged at `at`."""

    migration = models.OneToOneField(Migration, on_delete=models.PROTECT, primary_key=True, related_name="reading")
    percent = models.PositiveSmallIntegerField(default=0)
    since = models.DateTimeField(default=now)
    at = models.DateTimeField(default=now)
    over_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=4, choices=Outcome.choices, default=Outcome.HOLD)
    reason = models.CharField(max_length=1000, blank=True)
    findings = models.JSONField(default=list)
    counters = models.JSONField(default=dict, help_text=_("Of both platforms when last read"))
    figures = models.JSONField(default=dict, help_text=_("Counted in this step; of blue since the first"))
    points = models.JSONField(default=list, help_text=_("One for each look, for the chart"))

    class Meta:
        constraints = [
            models.CheckConstraint(name="reading_in_steps", condition=Q(percent__in=PERCENTS)),
            models.CheckConstraint(name="reading_outcome_known", condition=Q(outcome__in=["pass", "hold", "fail"])),
            models.CheckConstraint(
                name="reading_ends_with_everybody", condition=Q(over_at=None) | Q(percent=100, outcome="pass")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.percent} %"

    @property
    def gates(self) -> list[dict[str, Any]]:
        return in_words(self.findings)


class ProblemReport(models.Model):
    """What somebody says is wrong with a tenant since its reads or itself moved. One person counts once a move."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    migration = models.ForeignKey(Migration, on_delete=models.PROTECT, related_name="problems")
    words = models.CharField(max_length=1000)
    reporter = models.CharField(max_length=64)
    at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["-at"]
        constraints = [models.UniqueConstraint(name="one_report_a_person", fields=["migration", "reporter"])]

    def __str__(self) -> str:
        return self.words
