"""What tenants used, as deltas that are only ever added, and the months they are charged in."""

from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import TruncMonth
from django.utils.translation import gettext_lazy as _

from portal.access.actor import Actor
from portal.access.policy import VERBS
from portal.access.queries import scope_filter
from portal.lib.clock import now
from portal.lib.ids import new_id


class Metric(models.TextChoices):
    """What is counted. A GB-month is 10⁹ bytes held for a whole calendar month, so a byte held for a day is a part.

    Minutes not served have no price: the service level is measured by them.
    """

    QUERIES = "queries", _("Queries")
    GB_MONTHS = "gb_months", _("GB-months")
    COMPUTE_HOURS = "compute_hours", _("Compute hours")
    DOWN_MINUTES = "down_minutes", _("Minutes not served")


class Month(models.Model):
    """A calendar month of charging (UTC). Once closed it stays closed, and nothing more is counted into it."""

    month = models.DateField(primary_key=True, help_text=_("Its first day"))
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-month"]
        constraints = [
            models.CheckConstraint(name="month_begins_on_its_first", condition=Q(month__day=1)),
            models.CheckConstraint(
                name="month_closed_by_somebody",
                condition=Q(closed_at=None, closed_by="") | Q(closed_at__isnull=False) & ~Q(closed_by=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.month:%B %Y}"


class DeltaQuerySet(models.QuerySet["Delta"]):
    def visible_to(self, actor: Actor) -> "DeltaQuerySet":
        """Usage of the tenants that the actor's grants reach."""
        reach = scope_filter(actor, VERBS["usage.view"], tenant="tenant_id", business_unit="tenant__business_unit_id")
        return self.filter(reach)


class Delta(models.Model):
    """One addition to what a tenant used on a day; a correction is a negative one with its reason."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.PROTECT, related_name="+", db_index=False)
    metric = models.CharField(max_length=16, choices=Metric.choices)
    amount = models.DecimalField(max_digits=26, decimal_places=12)
    day = models.DateField(help_text=_("When it was used, UTC"))
    month = models.ForeignKey(Month, on_delete=models.PROTECT, related_name="+", db_index=False)
    source = models.CharField(max_length=64)
    key = models.CharField(max_length=200, unique=True, help_text=_("The same key twice counts once"))
    reason = models.CharField(max_length=500, blank=True)
    recorded_by = models.CharField(max_length=64)
    recorded_at = models.DateTimeField(default=now)

    objects = DeltaQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(name="delta_is_not_nothing", condition=~Q(amount=0)),
            models.CheckConstraint(name="delta_metric_known", condition=Q(metric__in=Metric.values)),
            models.CheckConstraint(name="correction_has_a_reason", condition=Q(amount__gt=0) | ~Q(reason="")),
            models.CheckConstraint(name="delta_not_charged_early", condition=Q(month__gte=TruncMonth(F("day")))),
        ]
        indexes = [
            models.Index(fields=["month", "tenant", "metric", "day"], include=["amount"], name="usage_by_month"),
        ]

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} {self.metric}"

    def access_scope(self) -> dict[str, Any]:
        return {"tenant": self.tenant_id, "business_unit": self.tenant.business_unit_id}
