"""What the health gates said of a green side that serves its tenant, and the figures they said it by."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lifecycle.migration.models import Migration
from portal.lib.clock import now


class Outcome(models.TextChoices):
    PASS = "pass", _("pass")
    HOLD = "hold", _("inconclusive · hold")
    FAIL = "fail", _("fail")


class Judgement(models.Model):
    """A verdict for as long as every gate said the same; `at` and the figures are those of its last look."""

    id = models.BigAutoField(primary_key=True)
    migration = models.ForeignKey(Migration, on_delete=models.PROTECT, related_name="judgements")
    outcome = models.CharField(max_length=4, choices=Outcome.choices)
    reason = models.CharField(max_length=1000)
    findings = models.JSONField(help_text=_("Each gate's answer: gate, outcome, reason"))
    figures = models.JSONField(help_text=_("Counted since the switch"))
    counters = models.JSONField(default=dict, help_text=_("Of green's platform when last read"))
    since = models.DateTimeField(default=now)
    at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(name="judgement_outcome_known", condition=Q(outcome__in=["pass", "hold", "fail"])),
            models.CheckConstraint(name="judgement_looked_in_order", condition=Q(at__gte=models.F("since"))),
            models.UniqueConstraint(name="one_failed_judgement", fields=["migration"], condition=Q(outcome="fail")),
        ]

    def __str__(self) -> str:
        return f"{self.outcome}: {self.reason}"

    @property
    def outcomes(self) -> dict[str, str]:
        return {one["gate"]: one["outcome"] for one in self.findings}

    @property
    def gates(self) -> list[dict[str, Any]]:
        return in_words(self.findings)


TITLES = {"cpu": _("CPU"), "memory": _("Memory"), "pool": _("Connection pool")}


def in_words(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each gate by its title, with its outcome in words."""
    words = dict(Outcome.choices)
    return [
        {**one, "title": TITLES.get(one["gate"], one["gate"].capitalize()), "words": words[one["outcome"]]}
        for one in findings
    ]
