"""How well tenants are: the scale, what was counted of each, and the scores there were."""

from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from portal.lib.clock import now
from tenants.models import Tenant

Percent = (MinValueValidator(0), MaxValueValidator(100))


class Scale(models.Model):
    """The one row that says what each part weighs and where its points begin and end (score.py has the formula)."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    uptime_weight = models.PositiveSmallIntegerField(default=30)
    errors_weight = models.PositiveSmallIntegerField(default=30)
    latency_weight = models.PositiveSmallIntegerField(default=25)
    storage_weight = models.PositiveSmallIntegerField(default=15)
    uptime_slack = models.FloatField(default=5, validators=Percent, help_text=_("Points of a percent under promise"))
    errors_full = models.FloatField(default=0.1, validators=Percent, help_text=_("Percent of requests"))
    errors_none = models.FloatField(default=5, validators=Percent, help_text=_("Percent of requests"))
    latency_none = models.FloatField(default=3, help_text=_("Times the tier's target"))
    storage_full = models.FloatField(default=80, validators=Percent, help_text=_("Percent of the limit"))
    half_life_minutes = models.PositiveSmallIntegerField(default=60, help_text=_("What is older counts half"))
    least_requests = models.PositiveSmallIntegerField(default=5, help_text=_("Fewer say nothing"))
    quiet_minutes = models.PositiveSmallIntegerField(default=10, help_text=_("No alarm after a job or a check"))
    matters_by = models.PositiveSmallIntegerField(default=5, help_text=_("Smaller changes are not kept"))

    class Meta:
        constraints = [
            models.CheckConstraint(name="scale_single_row", condition=Q(id=1)),
            models.CheckConstraint(
                name="weights_make_a_hundred",
                condition=Q(
                    uptime_weight=100 - F("errors_weight") - F("latency_weight") - F("storage_weight"),
                ),
            ),
            models.CheckConstraint(
                name="scale_spans_not_empty",
                condition=Q(uptime_slack__gt=0, errors_full__gte=0, errors_none__gt=F("errors_full"))
                & Q(latency_none__gt=1, storage_full__gte=0, storage_full__lt=100)
                & Q(half_life_minutes__gt=0, least_requests__gt=0, matters_by__gt=0),
            ),
        ]

    def weights(self) -> dict[str, int]:
        return {
            "uptime": self.uptime_weight,
            "errors": self.errors_weight,
            "latency": self.latency_weight,
            "storage": self.storage_weight,
        }

    def spans(self, promised: float) -> dict[str, tuple[float, float]]:
        """Per part the value that earns all points and the one that earns none."""
        return {
            "uptime": (promised, promised - self.uptime_slack / 100),
            "errors": (self.errors_full / 100, self.errors_none / 100),
            "latency": (1.0, self.latency_none),
            "storage": (self.storage_full / 100, 1.0),
        }


class Condition(models.Model):
    """Where one tenant stands: the platform's counters when last read, and what they make together."""

    tenant = models.OneToOneField(Tenant, on_delete=models.PROTECT, primary_key=True, related_name="condition")
    read_at = models.DateTimeField()
    started = models.FloatField(null=True, help_text=_("When the platform that counted began to"))
    counted = models.JSONField(default=dict)
    tally = models.JSONField(default=dict, help_text=_("What was counted, fading with age"))
    stored_bytes = models.BigIntegerField(null=True)
    values = models.JSONField(default=dict)
    points = models.JSONField(default=dict)
    score = models.PositiveSmallIntegerField(null=True)
    noted_at = models.DateTimeField(null=True, help_text=_("Of the newest reading that was kept"))
    suspected_at = models.DateTimeField(null=True)
    fresh = models.JSONField(default=dict, help_text=_("What was counted since it is suspected"))
    alarmed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="condition_score_in_range", condition=Q(score=None) | Q(score__lte=100)),
            models.CheckConstraint(
                name="alarm_was_suspected",
                condition=Q(alarmed_at=None) | Q(suspected_at__isnull=False, alarmed_at__gt=F("suspected_at")),
            ),
        ]

    def __str__(self) -> str:
        return "not known" if self.score is None else str(self.score)

    def access_scope(self) -> dict[str, Any]:
        return self.tenant.access_scope()


class Reading(models.Model):
    """A score that was measured: kept when it changes so that it matters, and once an hour."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField(default=now)
    score = models.PositiveSmallIntegerField(null=True)
    points = models.JSONField(default=dict)

    class Meta:
        ordering = ["-at"]
        constraints = [
            models.CheckConstraint(name="reading_score_in_range", condition=Q(score=None) | Q(score__lte=100))
        ]
        indexes = [models.Index(fields=["tenant", "-at"]), models.Index(fields=["at"])]

    def __str__(self) -> str:
        return "not known" if self.score is None else str(self.score)


class Watch(models.Model):
    """The minutes of one hour in which a tenant's platform was looked at, and in which it was down: one bit each."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    hour = models.DateTimeField()
    seen = models.BigIntegerField()
    down = models.BigIntegerField()
    is_reported = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_watch_an_hour", fields=["tenant", "hour"]),
            models.CheckConstraint(name="watch_of_an_hour", condition=Q(seen__gt=0, seen__lt=2**60, down__gte=0)),
            models.CheckConstraint(name="down_was_seen", condition=Q(seen=F("seen").bitor(F("down")))),  # type: ignore[arg-type]  # the stubs know numbers only
        ]
        indexes = [models.Index(fields=["hour", "is_reported"])]
