"""What is allowed: residency rules, where providers exist, compliance profiles, and the verdicts they gave."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from portal.lib.clock import now
from portal.lib.ids import new_id

CAPABILITIES = ("database", "vectors", "objects", "backups", "logs", "embeddings")


class DatedQuerySet(models.QuerySet[Any]):
    def in_force(self, at: Any = None) -> "DatedQuerySet":
        """Rows effective at an instant."""
        at = at or now()
        return self.filter(Q(effective_until=None) | Q(effective_until__gt=at), effective_from__lte=at)


class ResidencyRule(models.Model):
    """Where data of some people and kind may live, by law. Changing one means adding a version."""

    id = models.BigAutoField(primary_key=True)
    rule_id = models.CharField(max_length=16, help_text=_("For example RES-014"))
    version = models.PositiveIntegerField(default=1)
    title = models.CharField(max_length=200)
    law = models.CharField(max_length=60)
    source = models.CharField(max_length=300)
    geographies = ArrayField(models.CharField(max_length=8), help_text=_("Empty means anybody's"), blank=True)
    data_classes = ArrayField(models.CharField(max_length=16), help_text=_("Empty means every class"), blank=True)
    capabilities = ArrayField(models.CharField(max_length=16), help_text=_("Empty means every path"), blank=True)
    allowed_regions = ArrayField(models.CharField(max_length=32))
    effective_from = models.DateTimeField(default=now)
    effective_until = models.DateTimeField(null=True, blank=True)

    objects = DatedQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        ordering = ["rule_id", "-version"]
        constraints = [
            models.UniqueConstraint(name="residency_rule_version", fields=["rule_id", "version"]),
            models.CheckConstraint(
                name="residency_rule_dates",
                condition=Q(effective_until=None) | Q(effective_until__gt=F("effective_from")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} v{self.version}"

    def speaks_of(self, *, geography: str, data_classes: list[str], capability: str) -> bool:
        return (
            (not self.geographies or geography in self.geographies)
            and (not self.data_classes or bool(set(self.data_classes) & set(data_classes)))
            and (not self.capabilities or capability in self.capabilities)
        )


class ProviderRegion(models.Model):
    """Whether a provider offers a capability in a region. What is not listed is not offered."""

    id = models.BigAutoField(primary_key=True)
    provider = models.CharField(max_length=16)
    region = models.CharField(max_length=32)
    capabilities = ArrayField(models.CharField(max_length=16))
    preference = models.PositiveSmallIntegerField(default=50, help_text=_("The lowest allowed one is taken"))
    source = models.CharField(max_length=200)
    effective_from = models.DateTimeField(default=now)
    effective_until = models.DateTimeField(null=True, blank=True)

    objects = DatedQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        ordering = ["region", "preference"]
        constraints = [
            models.UniqueConstraint(name="provider_region_once", fields=["provider", "region", "effective_from"])
        ]

    def __str__(self) -> str:
        return f"{self.provider} in {self.region}"


class Profile(models.Model):
    """A set of duties that a law or contract puts on a tenant, from one of three layers."""

    id = models.BigAutoField(primary_key=True)
    code = models.CharField(max_length=16)
    version = models.PositiveIntegerField(default=1)
    title = models.CharField(max_length=120)
    layer = models.CharField(
        max_length=10, choices=[("parent", _("parent company")), ("india", _("India")), ("client", _("client"))]
    )
    source = models.CharField(max_length=300)
    geographies = ArrayField(models.CharField(max_length=8), blank=True, default=list)
    data_classes = ArrayField(models.CharField(max_length=16), blank=True, default=list)
    requires = models.JSONField(
        help_text=_("Duties: cmk, tls, access_logs, immutable_audit (true) and log_retention_days (number)")
    )
    effective_from = models.DateTimeField(default=now)
    effective_until = models.DateTimeField(null=True, blank=True)

    objects = DatedQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        ordering = ["code", "-version"]
        constraints = [models.UniqueConstraint(name="profile_version", fields=["code", "version"])]

    def __str__(self) -> str:
        return f"{self.code} v{self.version}"

    def applies_to(self, *, geography: str, data_classes: list[str]) -> bool:
        """A profile applies when the people or the data are those it names; one naming neither is opted into."""
        by_place = bool(self.geographies) and geography in self.geographies
        by_data = bool(self.data_classes) and bool(set(self.data_classes) & set(data_classes))
        if self.geographies and self.data_classes:
            return by_place and by_data
        return by_place or by_data


class Verdict(models.Model):
    """What one rule said about one subject, with the rule's version and the inputs it saw."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    subject_type = models.CharField(max_length=64)
    subject_id = models.CharField(max_length=64)
    tenant_id = models.UUIDField(null=True)
    business_unit = models.CharField(max_length=16, blank=True)
    rule_id = models.CharField(max_length=24)
    rule_version = models.CharField(max_length=24)
    outcome = models.CharField(
        max_length=8, choices=[("pass", _("pass")), ("refuse", _("refuse")), ("person", _("needs a person"))]
    )
    title = models.CharField(max_length=300)
    remedy = models.CharField(max_length=500, blank=True)
    inputs = models.JSONField()
    at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["at", "rule_id"]
        indexes = [
            models.Index(fields=["subject_type", "subject_id", "at"]),
            models.Index(fields=["tenant_id", "at"]),
            models.Index(fields=["outcome", "at"]),
        ]
