"""Flags: how something new comes to tenants step by step. Each has an owner, a purpose in words, and an end.

What stays is no flag: it belongs to a tier or to the tenant's configuration. Migration 0002 repeats in the database
the cap, the end, the steps of a rollout and the one level of dependencies.
"""

from datetime import date
from typing import Any

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from portal.lib.clock import now
from portal.lib.ids import new_id
from tenants.models import Tenant, Tier

KEY_PATTERN = r"^[a-z][a-z0-9_-]{1,62}[a-z0-9]$"
MOST_ACTIVE = 50
MOST_DAYS = 90
STEPS = (0, 10, 50, 100)


class Kind(models.TextChoices):
    RELEASE = "release", _("Release")
    EXPERIMENT = "experiment", _("Experiment")
    KILL_SWITCH = "kill_switch", _("Kill switch")


class ValueType(models.TextChoices):
    BOOLEAN = "boolean", _("on or off")
    STRING = "string", _("a word")
    NUMBER = "number", _("a number")
    OBJECT = "object", _("a structure")


def today() -> date:
    return now().date()


class FlagQuerySet(models.QuerySet["Flag"]):
    def active(self) -> "FlagQuerySet":
        return self.filter(archived_at=None)

    def counted(self) -> "FlagQuerySet":
        """Those that count towards the cap."""
        return self.active().exclude(kind=Kind.KILL_SWITCH)


class Flag(models.Model):
    """One flag. Its key is never used again; it is archived, never removed."""

    key = models.CharField(primary_key=True, max_length=64, validators=[RegexValidator(KEY_PATTERN)])
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.RELEASE)
    type = models.CharField(max_length=8, choices=ValueType.choices, default=ValueType.BOOLEAN)
    title = models.CharField(max_length=120)
    purpose = models.CharField(max_length=500, help_text=_("What it is for, in words a tenant's people understand"))
    consequence = models.CharField(
        max_length=500, blank=True, help_text=_("What switching it off takes away, in words; a kill switch must say")
    )
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    variants = models.JSONField(help_text=_("Name of each variant and its value"))
    off_variant = models.CharField(max_length=40, help_text=_("What everybody gets when the flag is off"))
    default_variant = models.CharField(max_length=40, help_text=_("What a tenant gets without any rule"))
    rollout_variant = models.CharField(max_length=40, blank=True, help_text=_("What a rollout brings, step by step"))
    created_on = models.DateField(default=today, editable=False)
    expires_on = models.DateField(null=True, blank=True, help_text=_("Its last day; a kill switch has none"))
    is_off = models.BooleanField(default=False)
    off_reason = models.CharField(max_length=500, blank=True)
    stale_since = models.DateTimeField(null=True, blank=True, editable=False, help_text=_("When its end was told"))
    moved_at = models.DateTimeField(null=True, blank=True, editable=False, help_text=_("Moved to configuration"))
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=now, editable=False)

    objects = FlagQuerySet.as_manager()

    class Meta:
        ordering = ["key"]
        constraints = [
            models.CheckConstraint(name="flag_key_shape", condition=Q(key__regex=KEY_PATTERN)),
            models.CheckConstraint(name="flag_kind_known", condition=Q(kind__in=Kind.values)),
            models.CheckConstraint(name="flag_says_what_for", condition=~Q(purpose="") & ~Q(title="")),
            models.CheckConstraint(
                name="kill_switch_says_consequence", condition=~Q(kind=Kind.KILL_SWITCH) | ~Q(consequence="")
            ),
            models.CheckConstraint(
                name="flag_ends_unless_kill_switch",
                condition=Q(kind=Kind.KILL_SWITCH, expires_on=None)
                | (~Q(kind=Kind.KILL_SWITCH) & Q(expires_on__isnull=False) & Q(expires_on__gte=F("created_on"))),
            ),
        ]
        indexes = [models.Index(fields=["archived_at", "expires_on"])]

    def __str__(self) -> str:
        return self.key

    @property
    def is_stale(self) -> bool:
        """True once its last day has passed: it goes on giving what it gives, and takes nothing new."""
        return self.archived_at is None and self.expires_on is not None and self.expires_on < today()


class TierRule(models.Model):
    """What one tier gets of a flag: a default of its own, and how far the rollout has come there."""

    flag = models.ForeignKey(Flag, on_delete=models.PROTECT, related_name="tier_rules")
    tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="+")
    variant = models.CharField(max_length=40, blank=True, help_text=_("Empty: the flag's default"))
    percent = models.PositiveSmallIntegerField(default=0)
    percent_since = models.DateTimeField(default=now)

    class Meta:
        ordering = ["tier__rank", "tier_id"]
        constraints = [
            models.UniqueConstraint(name="one_rule_per_flag_and_tier", fields=["flag", "tier"]),
            models.CheckConstraint(name="rollout_goes_by_steps", condition=Q(percent__in=STEPS)),
        ]

    def __str__(self) -> str:
        return f"{self.flag_id} · {self.tier_id}"


class TenantFlags(Tenant):
    """A tenant seen through its flags."""

    class Meta:
        proxy = True
        verbose_name = _("tenant")
        verbose_name_plural = _("tenants")


class Override(models.Model):
    """What one tenant gets of a flag, whatever its tier gets."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    flag = models.ForeignKey(Flag, on_delete=models.PROTECT, related_name="overrides")
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="flag_overrides")
    variant = models.CharField(max_length=40)
    reason = models.CharField(max_length=500)
    set_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(name="one_override_per_flag_and_tenant", fields=["flag", "tenant"])]

    def __str__(self) -> str:
        return f"{self.flag_id} · {self.tenant_id}"

    def access_scope(self) -> dict[str, Any]:
        return {"tenant": self.tenant_id}


class Relation(models.Model):
    """One flag needs another to be on, or must not be on together with it. No flag stands on both sides of any."""

    class Word(models.TextChoices):
        NEEDS = "needs", _("needs")
        EXCLUDES = "excludes", _("is not on together with")

    flag = models.ForeignKey(Flag, on_delete=models.PROTECT, related_name="relations")
    other = models.ForeignKey(Flag, on_delete=models.PROTECT, related_name="related_from")
    word = models.CharField(max_length=8, choices=Word.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_relation_between_two_flags", fields=["flag", "other"]),
            models.CheckConstraint(name="no_flag_relates_to_itself", condition=~Q(flag=F("other"))),
        ]

    def __str__(self) -> str:
        return f"{self.flag_id} {self.word} {self.other_id}"


class Exposure(models.Model):
    """What one variant did on one day: who asked, and what the platform measured under it. Figures only grow."""

    flag = models.ForeignKey(Flag, on_delete=models.PROTECT, related_name="exposures")
    variant = models.CharField(max_length=40)
    on = models.DateField(default=today)
    last_at = models.DateTimeField(default=now, help_text=_("Evaluated last, to the minute"))
    requests = models.PositiveBigIntegerField(default=0)
    errors = models.PositiveBigIntegerField(default=0)
    latency_ms = models.PositiveBigIntegerField(default=0, help_text=_("Of all requests together"))

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_exposure_per_variant_and_day", fields=["flag", "variant", "on"]),
            models.CheckConstraint(name="no_more_errors_than_requests", condition=Q(errors__lte=F("requests"))),
        ]


class Review(models.Model):
    """A person went through the flags of a month. What they found is kept as it was."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    month = models.DateField(unique=True, help_text=_("Its first day"))
    findings = models.JSONField(default=dict)
    conclusion = models.CharField(max_length=500)
    reviewed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reviewed_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["-month"]
        constraints = [models.CheckConstraint(name="review_of_a_whole_month", condition=Q(month__day=1))]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"


class Feature(models.Model):
    """Something a tier includes or not, as data: what stays when a flag has done its work."""

    code = models.SlugField(primary_key=True, max_length=48)
    title = models.CharField(max_length=120)
    says = models.CharField(max_length=300, help_text=_("What a tenant can do with it"))

    class Meta:
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title


class TierFeature(models.Model):
    """A tier includes a feature."""

    tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="included")
    feature = models.ForeignKey(Feature, on_delete=models.PROTECT, related_name="in_tiers")

    class Meta:
        constraints = [models.UniqueConstraint(name="a_tier_includes_a_feature_once", fields=["tier", "feature"])]
