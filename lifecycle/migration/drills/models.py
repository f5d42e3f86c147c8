"""Drills of the way back: a tenant taken back on purpose while all is well, how long it took, and when it is due."""

from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lifecycle.migration.models import Migration
from portal.access.actor import Actor
from portal.access.policy import VERBS
from portal.access.queries import scope_filter
from portal.lib.clock import now
from portal.lib.ids import new_id
from tenants.models import Tier


class Outcome(models.TextChoices):
    RUNNING = "running", gettext_lazy("running")
    PASSED = "passed", gettext_lazy("within the bar")
    MISSED = "missed", gettext_lazy("slower than the bar")
    UNMEASURED = "unmeasured", gettext_lazy("taken back, but not measured")


class DrillQuerySet(models.QuerySet["Drill"]):
    def visible_to(self, actor: Actor) -> "DrillQuerySet":
        roles, way = VERBS["migration_drill.view"], "migration__tenant"
        return self.filter(scope_filter(actor, roles, tenant=f"{way}_id", business_unit=f"{way}__business_unit_id"))


class Drill(models.Model):
    """One drill. Its time runs from the request until the tenant's owner takes writes again."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    migration = models.OneToOneField(Migration, on_delete=models.PROTECT, related_name="drill")
    tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="+")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=now)
    bar_seconds = models.FloatField(help_text=gettext_lazy("What was promised when it was asked for"))
    outcome = models.CharField(max_length=12, choices=Outcome.choices, default=Outcome.RUNNING)
    served_at = models.DateTimeField(null=True, blank=True, help_text=gettext_lazy("The owner took writes again"))
    seconds = models.FloatField(null=True, blank=True)
    pause_ms = models.FloatField(null=True, blank=True)
    keys_carried = models.BigIntegerField(null=True, blank=True)

    objects = DrillQuerySet.as_manager()

    class Meta:
        ordering = ["-asked_at"]
        constraints = [
            models.CheckConstraint(name="drill_outcome_known", condition=Q(outcome__in=Outcome.values)),
            models.CheckConstraint(
                name="drill_outcome_as_measured",
                condition=Q(outcome="passed", seconds__lte=F("bar_seconds"), served_at__isnull=False)
                | Q(outcome="missed", seconds__gt=F("bar_seconds"), served_at__isnull=False)
                | Q(outcome__in=["running", "unmeasured"], seconds=None, served_at=None),
            ),
        ]
        indexes = [models.Index(fields=["tier", "-asked_at"])]

    def __str__(self) -> str:
        return _("Drill of %(move)s") % {"move": self.migration}

    def access_scope(self) -> dict[str, Any]:
        return self.migration.access_scope()


class DrillRule(models.Model):
    """How often the way back of a tier's tenants is drilled."""

    tier = models.OneToOneField(Tier, on_delete=models.PROTECT, primary_key=True, related_name="+")
    every_days = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(730)])
    since = models.DateField(help_text=gettext_lazy("From here on it counts"))
    changed_at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["tier__rank"]
        constraints = [models.CheckConstraint(name="drill_rule_counts_days", condition=Q(every_days__gte=1))]

    def __str__(self) -> str:
        return _("%(tier)s: every %(days)d days") % {"tier": self.tier_id, "days": self.every_days}
