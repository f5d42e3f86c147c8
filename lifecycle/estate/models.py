"""What really stands in the regions against what registry and state say: pins, findings, decisions, endings."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.access.actor import Actor
from portal.access.policy import VERBS
from portal.access.queries import scope_filter
from portal.lib.clock import now
from portal.lib.ids import new_id
from tenants.models import Tenant, Tier


class ModuleVersion(models.Model):
    """One tree of Terraform modules, whole: `files` maps paths to texts, and `digest` is over both."""

    digest = models.CharField(max_length=64, primary_key=True)
    files = models.JSONField()
    kept_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["-kept_at"]

    def __str__(self) -> str:
        return self.digest[:12]


class Pin(models.Model):
    """The modules a tenant was last made with, and the state they left: its lineage and its serial."""

    tenant = models.OneToOneField(Tenant, primary_key=True, on_delete=models.PROTECT, related_name="pin")
    version = models.ForeignKey(ModuleVersion, on_delete=models.PROTECT, related_name="pins")
    lineage = models.CharField(max_length=64, blank=True)
    serial = models.PositiveBigIntegerField(default=0)
    pinned_at = models.DateTimeField(default=now)

    def __str__(self) -> str:
        return f"{self.tenant_id}: {self.version_id[:12]}"


class NoiseRule(models.Model):
    """A drift that nobody needs to hear of until `expires_on`; somebody answers for it, and says why."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    resource_type = models.CharField(max_length=80, blank=True, help_text=_("Empty: every type"))
    words = models.CharField(max_length=200, blank=True, help_text=_("Part of what the deviation says; empty: any"))
    tenant = models.ForeignKey(Tenant, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=1000)
    expires_on = models.DateField()
    ended_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["-created_at"]
        verbose_name, verbose_name_plural = _("noise rule"), _("noise rules")
        constraints = [
            models.CheckConstraint(name="noise_says_what", condition=~Q(resource_type="", words="")),
            models.CheckConstraint(name="noise_says_why", condition=~Q(reason="")),
        ]

    def __str__(self) -> str:
        return " ".join(filter(None, (self.resource_type or "any type", self.words and f"“{self.words}”")))


class Placed(models.Model):
    """What a row of the estate is about. `tenant_id` is what a tag says: the registry need not know it."""

    tenant_id = models.UUIDField()
    tenant_name = models.CharField(max_length=64, blank=True)
    business_unit = models.CharField(max_length=32, blank=True)
    region = models.CharField(max_length=32)

    class Meta:
        abstract = True

    def access_scope(self) -> dict[str, Any]:
        return {"tenant": self.tenant_id, "business_unit": self.business_unit or None}


class PlacedQuerySet(models.QuerySet[Any]):
    def visible_to(self, actor: Actor) -> "PlacedQuerySet":
        """Those of the tenants that the actor's grants reach; of an unknown tenant only with a global grant."""
        reach = scope_filter(actor, VERBS["estate.view"], tenant="tenant_id", business_unit="business_unit")
        return self.filter(reach)


class Remedy(models.TextChoices):
    ADOPT = "adopt", _("adopt into the state")
    REPAIR = "repair", _("put right by the module")
    DESTROY = "destroy", _("destroy")
    IGNORE = "ignore", _("leave until a day")


class Decision(Placed):
    """What is to be done about findings of one tenant: asked by one person, signed by others, carried out by a job."""

    class State(models.TextChoices):
        PENDING = "pending_approval", _("waiting for signatures")
        APPROVED = "approved", _("approved, under way")
        DONE = "done", _("carried out")
        FAILED = "failed", _("failed")
        REJECTED = "rejected", _("rejected")
        EXPIRED = "expired", _("expired")
        CANCELLED = "cancelled", _("withdrawn")
        VOIDED = "voided", _("void: what was signed no longer holds")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    remedy = models.CharField(max_length=8, choices=Remedy.choices)
    until = models.DateField(null=True, blank=True)
    holds = models.JSONField(default=dict, help_text=_("The data that would be destroyed, counted when it was asked"))
    is_acknowledged = models.BooleanField(default=False)
    reason = models.CharField(max_length=1000)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    digest = models.CharField(max_length=64)
    case_id = models.UUIDField(null=True, blank=True)
    job_id = models.UUIDField(null=True, blank=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.PENDING)
    state_reason = models.CharField(max_length=1000, blank=True)
    evidence = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = PlacedQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        verbose_name, verbose_name_plural = _("decision"), _("decisions")
        constraints = [
            models.CheckConstraint(
                name="decision_waits_until_a_day", condition=Q(remedy="ignore") ^ Q(until__isnull=True)
            ),
            models.CheckConstraint(
                name="decision_on_data_is_acknowledged",
                condition=~Q(remedy="destroy") | Q(holds={}) | Q(is_acknowledged=True),
            ),
            models.CheckConstraint(name="decision_says_why", condition=~Q(reason="")),
        ]

    def __str__(self) -> str:
        remedy = str(self.get_remedy_display())
        return f"{remedy[:1].upper()}{remedy[1:]}: {self.tenant_name or self.tenant_id} in {self.region}"


class Finding(Placed):
    """One thing that is not as registry and state say. `monthly_inr` null: nobody knows the price."""

    class Kind(models.TextChoices):
        DRIFT = "drift", _("drift")
        ORPHAN = "orphan", _("orphan")
        MISSING = "missing", _("missing")
        STATE = "state", _("state not as left")
        KEPT = "kept", _("kept by law")

    class State(models.TextChoices):
        OPEN = "open", _("open")
        DECIDED = "decided", _("decided")
        GONE = "gone", _("gone")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    address = models.CharField(max_length=300, blank=True, help_text=_("In the tenant's stack; empty: it has none"))
    resource_type = models.CharField(max_length=80, blank=True)
    resource = models.CharField(max_length=500, blank=True)
    words = models.CharField(max_length=1000)
    detail = models.JSONField(default=dict, blank=True)
    monthly_inr = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    first_seen = models.DateTimeField(default=now)
    last_seen = models.DateTimeField(default=now)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    gone_at = models.DateTimeField(null=True, blank=True)
    ignored_until = models.DateField(null=True, blank=True)
    quiet_by = models.ForeignKey(NoiseRule, null=True, blank=True, on_delete=models.PROTECT, related_name="findings")
    decision = models.ForeignKey(Decision, null=True, blank=True, on_delete=models.PROTECT, related_name="findings")

    objects = PlacedQuerySet.as_manager()

    class Meta:
        ordering = ["-first_seen", "address"]
        verbose_name, verbose_name_plural = _("finding"), _("findings")
        constraints = [
            models.UniqueConstraint(
                name="one_live_finding",
                fields=["tenant_id", "region", "kind", "address", "resource"],
                condition=~Q(state="gone"),
            ),
            models.CheckConstraint(
                name="finding_gone_has_a_moment", condition=Q(state="gone") ^ Q(gone_at__isnull=True)
            ),
        ]
        indexes = [models.Index(fields=["state", "kind"]), models.Index(fields=["tenant_id", "region"])]

    def __str__(self) -> str:
        return f"{self.tenant_name or self.tenant_id}: {self.address or self.resource}"


class Environment(models.TextChoices):
    DEV = "dev", _("dev")
    STAGING = "staging", _("staging")
    PROD = "prod", _("prod")


class Lifetime(models.Model):
    """How long a tenant of a tier lives in an environment when nobody said a day; reminders come before its end."""

    tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="+")
    environment = models.CharField(max_length=16, choices=Environment.choices)
    days = models.PositiveIntegerField()

    class Meta:
        ordering = ["tier", "environment"]
        verbose_name, verbose_name_plural = _("lifetime"), _("lifetimes")
        constraints = [
            models.UniqueConstraint(name="one_lifetime", fields=["tier", "environment"]),
            models.CheckConstraint(name="lifetime_is_somewhere", condition=Q(environment__in=Environment.values)),
            models.CheckConstraint(name="lifetime_is_some_days", condition=Q(days__gte=1, days__lte=3650)),
        ]

    def __str__(self) -> str:
        return f"{self.tier_id} in {self.environment}: {self.days} days"


class Ending(Placed):
    """A tenant's day has come near: who was reminded when, and the request that it be put out of use."""

    class State(models.TextChoices):
        NEAR = "near", _("near its end")
        ASKED = "asked", _("its end is asked for")
        ENDED = "ended", _("put out of use")
        KEPT = "kept", _("kept")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    ends_at = models.DateTimeField()
    reminded = models.JSONField(default=list)
    digest = models.CharField(max_length=64)
    case_id = models.UUIDField(null=True, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.NEAR)
    state_reason = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)

    objects = PlacedQuerySet.as_manager()

    class Meta:
        ordering = ["ends_at"]
        verbose_name, verbose_name_plural = _("last day"), _("last days")
        constraints = [
            models.UniqueConstraint(name="one_ending", fields=["tenant_id", "ends_at"]),
            models.CheckConstraint(
                name="ending_is_asked_by_a_case",
                condition=Q(state="near", case_id=None) | ~Q(state="near") & Q(case_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_name}: {self.ends_at:%d %b %Y}"
