"""Reads of drills: when each tier's next one is due."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Max

from lifecycle.migration.models import Migration
from portal.lib.clock import now
from tenants.models import Status, Tenant

from .models import Drill, DrillRule, Outcome

MEASURED = (Outcome.PASSED, Outcome.MISSED)


@dataclass(frozen=True)
class Due:
    """When a tier's next drill is due; a tier without tenants owes none."""

    rule: DrillRule
    last: datetime | None
    has_tenants: bool

    @property
    def on(self) -> date:
        return (self.last.date() if self.last else self.rule.since) + timedelta(days=self.rule.every_days)

    @property
    def is_overdue(self) -> bool:
        return self.has_tenants and self.on < now().date()


def is_drill(migration: Migration) -> bool:
    """True for a move that is taken back on purpose: it counts as rehearsed, not as failed."""
    return Drill.objects.filter(migration=migration).exists()


def due_of(rules: list[DrillRule]) -> dict[str, Due]:
    """By tier, in two queries. Only a drill that was measured counts."""
    served = Tenant.objects.filter(status=Status.ACTIVE).order_by().values_list("tier_id", flat=True).distinct()
    drilled = Drill.objects.filter(outcome__in=MEASURED).order_by().values_list("tier").annotate(Max("asked_at"))
    tenants, last = set(served), dict(drilled)
    return {one.pk: Due(one, last.get(one.pk), one.pk in tenants) for one in rules}
