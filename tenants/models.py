"""What is: business units, tiers, dated prices, tenants and the names they hold."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django_fsm import ConcurrentTransitionMixin, FSMField, transition
from simple_history.models import HistoricalRecords

from portal.access.actor import Actor
from portal.access.policy import VERBS
from portal.access.queries import scope_filter
from portal.lib import standby
from portal.lib.clock import now
from portal.lib.ids import new_id

NAME_PATTERN = r"^[a-z][a-z0-9-]{1,30}[a-z0-9]$"
RESERVED_NAMES = frozenset(
    "admin api app auth bailiwick bw control default demo health internal local master metrics none null operator "
    "platform portal postgres public rag root service shared staging static status support sys system template "
    "tenant test verify www".split()
)


class DataClass(models.TextChoices):
    PII = "pii", _("Personal data")
    PHI = "phi", _("Health data")
    FINANCIAL = "financial", _("Financial records")
    PRIVILEGED = "privileged", _("Legally privileged")


class Geography(models.TextChoices):
    IN = "IN", _("India")
    EU = "EU", _("European Union")
    US = "US", _("United States")
    SG = "SG", _("Singapore")
    GLOBAL = "GLOBAL", _("several countries")


class BusinessUnit(models.Model):
    """A unit of the company that owns tenants and a budget envelope for the year."""

    code = models.CharField(primary_key=True, max_length=16, validators=[RegexValidator(r"^[A-Z][A-Z0-9-]{0,15}$")])
    name = models.CharField(max_length=120)
    cost_centre = models.CharField(max_length=32)
    envelope_inr = models.DecimalField(
        max_digits=16, decimal_places=2, validators=[MinValueValidator(0)], help_text=_("Annual budget, INR")
    )
    home_country = models.CharField(max_length=8, choices=Geography.choices, default=Geography.IN)
    created_at = models.DateTimeField(default=now, editable=False)
    history = HistoricalRecords()

    class Meta:
        ordering = ["code"]
        constraints = [models.CheckConstraint(name="envelope_not_negative", condition=Q(envelope_inr__gte=0))]

    def __str__(self) -> str:
        return self.name

    def access_scope(self) -> dict[str, Any]:
        return {"business_unit": self.code}


class ReservationState(models.TextChoices):
    """What a request asks for, is promised, has become, is charged for, and gave back."""

    REQUESTED = "requested", _("requested")
    RESERVED = "reserved", _("reserved")
    COMMITTED = "committed", _("committed")
    ACTUAL = "actual", _("actual")
    RELEASED = "released", _("released")


HELD = (ReservationState.RESERVED, ReservationState.COMMITTED, ReservationState.ACTUAL)


class Reservation(models.Model):
    """A part of an envelope set aside for one request. Written under the business unit's row lock."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    business_unit = models.ForeignKey(BusinessUnit, on_delete=models.PROTECT, related_name="reservations")
    holder_id = models.UUIDField(unique=True, help_text=_("The request that reserved it"))
    tenant_id = models.UUIDField()
    amount_inr = models.DecimalField(max_digits=16, decimal_places=2)
    state = models.CharField(max_length=12, choices=ReservationState.choices, default=ReservationState.REQUESTED)
    created_at = models.DateTimeField(default=now, editable=False)
    changed_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.CheckConstraint(name="reservation_positive", condition=Q(amount_inr__gt=0)),
            models.CheckConstraint(name="reservation_state_known", condition=Q(state__in=ReservationState.values)),
        ]


class Movement(models.Model):
    """One step of a reservation, written by the database itself: what left `old` and came to `new`.

    Empty is outside, so what came into a state less what left it is what the reservations in it hold.
    """

    id = models.BigAutoField(primary_key=True)
    reservation = models.ForeignKey(Reservation, on_delete=models.PROTECT, related_name="movements")
    old = models.CharField(max_length=12, blank=True)
    new = models.CharField(max_length=12, blank=True)
    amount_inr = models.DecimalField(max_digits=16, decimal_places=2)
    actor = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]


class Tier(models.Model):
    """A service level as data: a new one needs a row and a price, no code."""

    code = models.SlugField(primary_key=True, max_length=32)
    name = models.CharField(max_length=64)
    rank = models.PositiveSmallIntegerField(default=50, help_text=_("Order in lists, highest service first"))
    sla_percent = models.DecimalField(max_digits=6, decimal_places=3)
    support = models.CharField(max_length=64)
    p95_target_ms = models.PositiveIntegerField()
    validated_concurrency = models.PositiveSmallIntegerField(default=4)
    max_users = models.PositiveIntegerField()
    max_documents = models.PositiveIntegerField()
    max_queries_per_day = models.PositiveIntegerField()
    max_storage_gb = models.PositiveIntegerField()
    requests_per_minute = models.PositiveIntegerField()
    needs_champion = models.BooleanField(default=False, help_text=_("The champion accepts before activation"))
    champion_hours = models.PositiveSmallIntegerField(default=48)
    lease_seconds = models.DecimalField(max_digits=5, decimal_places=1, default=2)
    on_outage = models.CharField(
        max_length=8, default="refuse", choices=[("refuse", _("refuse")), ("go_on", _("go on"))]
    )
    suspension_grace_days = models.PositiveSmallIntegerField(default=30)
    archive_retention_days = models.PositiveSmallIntegerField(default=90)
    backup_retention_days = models.PositiveSmallIntegerField(default=14)
    log_retention_days = models.PositiveSmallIntegerField(default=90)
    is_offered = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=now, editable=False)
    history = HistoricalRecords()

    class Meta:
        ordering = ["rank", "code"]
        constraints = [
            models.CheckConstraint(name="tier_sla_in_range", condition=Q(sla_percent__gt=0, sla_percent__lte=100))
        ]

    def __str__(self) -> str:
        return self.name

    def limits(self) -> dict[str, int]:
        names = ("max_users", "max_documents", "max_queries_per_day", "max_storage_gb", "requests_per_minute")
        return {name: getattr(self, name) for name in names}


class PriceBook(models.Model):
    """All prices in force from a date, INR. A published book is never edited; a new version follows it."""

    version = models.CharField(primary_key=True, max_length=32, help_text=_("For example 2026-11 v3"))
    effective_from = models.DateTimeField()
    source = models.CharField(max_length=200)
    low_factor = models.DecimalField(max_digits=4, decimal_places=2, default="0.90")
    high_factor = models.DecimalField(max_digits=4, decimal_places=2, default="1.12")
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["-effective_from"]

    def __str__(self) -> str:
        return self.version


class PriceKind(models.TextChoices):
    TIER_BASE = "tier_base", _("Platform, a month")
    USER = "user", _("User, a month")
    DOCUMENTS = "documents_1000", _("1,000 documents, a month")
    REGION = "region_multiplier", _("Region multiplier")
    QUERY = "query", _("Query")
    GB_MONTH = "gb_month", _("GB, a month")
    COMPUTE_HOUR = "compute_hour", _("Compute hour")


class Price(models.Model):
    """One line of a price book: `key` is a tier for tier prices, a region for a multiplier, else empty."""

    book = models.ForeignKey(PriceBook, on_delete=models.PROTECT, related_name="prices")
    kind = models.CharField(max_length=20, choices=PriceKind.choices)
    key = models.CharField(max_length=32, blank=True)
    amount = models.DecimalField(max_digits=14, decimal_places=4, validators=[MinValueValidator(0)])

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_price_per_line", fields=["book", "kind", "key"]),
            models.CheckConstraint(name="price_not_negative", condition=Q(amount__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.key}".strip()


class Status(models.TextChoices):
    REQUESTED = "requested", _("requested")
    PROVISIONING = "provisioning", _("provisioning")
    ACTIVE = "active", _("active")
    SUSPENDED = "suspended", _("suspended")
    ARCHIVED = "archived", _("archived")
    ERASING = "erasing", _("erasing")
    DELETED = "deleted", _("deleted")
    FAILED = "failed", _("failed")


class TenantQuerySet(models.QuerySet["Tenant"]):
    def visible_to(self, actor: Actor) -> "TenantQuerySet":
        """Only what the actor's grants reach."""
        return self.filter(scope_filter(actor, VERBS["tenant.view"], tenant="id", business_unit="business_unit_id"))


class TenantName(models.Model):
    """Who holds a tenant name. The partial unique index is what makes names unique under concurrency."""

    name = models.CharField(max_length=32, validators=[RegexValidator(NAME_PATTERN)])
    tenant_id = models.UUIDField()
    reserved_at = models.DateTimeField(default=now)
    released_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="tenant_name_held_once", fields=["name"], condition=Q(released_at=None)),
            models.CheckConstraint(name="tenant_name_shape", condition=Q(name__regex=NAME_PATTERN)),
        ]


class Tenant(ConcurrentTransitionMixin, models.Model):
    """One tenant of the shared platform. The row is never removed (trigger in migration 0002)."""

    # identity
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=32, validators=[RegexValidator(NAME_PATTERN)])
    display_name = models.CharField(max_length=120)
    business_unit = models.ForeignKey(BusinessUnit, on_delete=models.PROTECT, related_name="tenants")
    cost_centre = models.CharField(max_length=32)
    environment = models.CharField(max_length=16, default="prod")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    champion = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    # service level and limits
    tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="tenants")
    max_users = models.PositiveIntegerField()
    max_documents = models.PositiveIntegerField()
    max_queries_per_day = models.PositiveIntegerField()
    max_storage_gb = models.PositiveIntegerField()
    requests_per_minute = models.PositiveIntegerField()
    features = models.JSONField(default=dict, blank=True)
    # where and under which law
    region = models.CharField(max_length=32)
    geography = models.CharField(max_length=8, choices=Geography.choices)
    data_classes = ArrayField(models.CharField(max_length=16, choices=DataClass.choices), default=list, blank=True)
    compliance_profiles = ArrayField(models.CharField(max_length=16), default=list, blank=True)
    vector_provider = models.CharField(max_length=16)
    # placement (D3: routing_epoch is the only authority for routing)
    routing_epoch = models.PositiveBigIntegerField(default=1)
    operation = models.CharField(max_length=16, blank=True, help_text=_("A long operation beside the status"))
    module_version = models.CharField(max_length=64, blank=True)
    # billing
    annual_budget_inr = models.DecimalField(max_digits=16, decimal_places=2)
    monthly_cost_inr = models.DecimalField(max_digits=16, decimal_places=2, null=True, blank=True)
    price_book = models.ForeignKey(PriceBook, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    billing_contact = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    payment_status = models.CharField(
        max_length=12,
        default="current",
        choices=[("current", _("current")), ("overdue", _("overdue")), ("disputed", _("disputed"))],
    )
    # lifecycle
    status = FSMField(default=Status.REQUESTED, choices=Status.choices, protected=True)
    status_reason = models.CharField(max_length=500, blank=True)
    status_changed_at = models.DateTimeField(default=now)
    is_restricted = models.BooleanField(default=False, help_text=_("Access restricted by an open incident"))
    activated_at = models.DateTimeField(null=True, blank=True)
    suspended_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    expires_on = models.DateField(null=True, blank=True)
    watched_until = models.DateTimeField(null=True, blank=True)
    # health
    health_score = models.PositiveSmallIntegerField(null=True, blank=True)
    validated_at = models.DateTimeField(null=True, blank=True)
    validation_outcome = models.CharField(max_length=12, blank=True)
    # audit
    config_version = models.PositiveBigIntegerField(default=1)
    created_by = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(default=now)

    objects = TenantQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                name="tenant_name_live", fields=["name"], condition=~Q(status__in=["failed", "deleted"])
            ),
            models.CheckConstraint(name="tenant_status_known", condition=Q(status__in=Status.values)),
            models.CheckConstraint(name="tenant_budget_not_negative", condition=Q(annual_budget_inr__gte=0)),
            models.CheckConstraint(
                name="tenant_active_was_activated",
                condition=~Q(status__in=["active", "suspended"]) | Q(activated_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["status", "name"]),
            models.Index(fields=["tier", "status"]),
            models.Index(fields=["business_unit", "status"]),
            models.Index(fields=["payment_status"]),
            models.Index(fields=["health_score"]),
            models.Index(fields=["region"]),
        ]

    def __str__(self) -> str:
        return self.name

    is_tenant_content = True

    def access_scope(self) -> dict[str, Any]:
        return {"tenant": self.pk, "business_unit": self.business_unit_id}

    def limits(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in self.tier.limits()}

    def _moved(self) -> None:
        self.status_changed_at = now()

    @transition(status, source=Status.REQUESTED, target=Status.PROVISIONING)
    def start_provisioning(self) -> None:
        self._moved()

    @transition(status, source=Status.PROVISIONING, target=Status.ACTIVE)
    def activate(self) -> None:
        self._moved()
        self.activated_at = now()

    @transition(status, source=Status.PROVISIONING, target=Status.FAILED)
    def fail(self) -> None:
        self._moved()

    @transition(status, source=Status.ACTIVE, target=Status.SUSPENDED)
    def suspend(self) -> None:
        self._moved()
        self.suspended_at = now()

    @transition(status, source=Status.SUSPENDED, target=Status.ACTIVE)
    def reactivate(self) -> None:
        self._moved()
        self.suspended_at = None

    @transition(status, source=Status.SUSPENDED, target=Status.ARCHIVED)
    def archive(self) -> None:
        self._moved()
        self.archived_at = now()

    @transition(status, source=[Status.ACTIVE, Status.SUSPENDED, Status.ARCHIVED], target=Status.ERASING)
    def start_erasing(self) -> None:
        self._moved()

    @transition(status, source=Status.ERASING, target=Status.DELETED)
    def finish_erasing(self) -> None:
        self._moved()
        self.deleted_at = now()


class StatusVersion(models.Model):
    """The one counter of status changes, locked until commit so that its order is the commit order (D5)."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    value = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(name="status_version_single_row", condition=Q(id=1))]

    @classmethod
    def next(cls) -> int:
        """Take the next version; holds the row until the transaction ends, which a standby confirms."""
        standby.require()
        cls.objects.filter(pk=1).update(value=F("value") + 1)
        return cls.objects.get(pk=1).value


class StatusChange(models.Model):
    """One change of a tenant's status with its global version."""

    version = models.PositiveBigIntegerField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="status_changes")
    old = models.CharField(max_length=16, blank=True)
    new = models.CharField(max_length=16)
    reason = models.CharField(max_length=500, blank=True)
    actor = models.CharField(max_length=64)
    at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["-version"]
