"""What tenants are charged: agreed baselines, rates of exchange, corrections, and one statement a month."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from portal.access import policy
from portal.access.actor import Actor
from portal.access.queries import scope_filter
from portal.lib.clock import now
from portal.lib.ids import new_id
from tenants.models import PriceBook, Tenant
from tenants.usage.models import Month


class Agreement(models.Model):
    """The monthly baseline of a tenant from a day on, until the next one. Never edited; a change is a new row."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="agreements")
    effective_on = models.DateField()
    monthly_inr = models.DecimalField(max_digits=16, decimal_places=2)
    price_book = models.ForeignKey(PriceBook, on_delete=models.PROTECT, null=True, related_name="+")
    reason = models.CharField(max_length=500)
    agreed_by = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["effective_on", "created_at"]
        constraints = [models.CheckConstraint(name="baseline_not_negative", condition=Q(monthly_inr__gte=0))]

    def access_scope(self) -> dict[str, Any]:
        return self.tenant.access_scope()


class Rate(models.Model):
    """What one unit of a currency costs in rupees from a day on, by a source. Never edited."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    currency = models.CharField(max_length=3, validators=[RegexValidator(r"^[A-Z]{3}$")])
    effective_on = models.DateField()
    inr_per_unit = models.DecimalField(max_digits=18, decimal_places=6)
    source = models.CharField(max_length=200)
    published_by = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("rate"), _("rates")
        ordering = ["-effective_on", "currency"]
        constraints = [
            models.UniqueConstraint(name="one_rate_a_day", fields=["currency", "effective_on"]),
            models.CheckConstraint(name="rate_positive", condition=Q(inr_per_unit__gt=0)),
            models.CheckConstraint(
                name="rate_not_of_the_book", condition=Q(currency__regex=r"^[A-Z]{3}$") & ~Q(currency="INR")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.currency}, {self.effective_on:%d %b %Y}"


class Adjustment(models.Model):
    """A correction in money: a line of the first open month about one that is closed. Only added."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    month = models.ForeignKey(Month, on_delete=models.PROTECT, related_name="+", help_text=_("Charged in"))
    about = models.DateField(help_text=_("The month that it corrects"))
    amount_inr = models.DecimalField(max_digits=16, decimal_places=2)
    reason = models.CharField(max_length=500)
    made_by = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(name="adjustment_is_not_nothing", condition=~Q(amount_inr=0) & ~Q(reason="")),
            models.CheckConstraint(name="adjustment_after_its_month", condition=Q(month__gt=F("about"))),
        ]

    def access_scope(self) -> dict[str, Any]:
        return self.tenant.access_scope()


class Terms(models.Model):
    """What is agreed with the tenants of a tier from a day on: dunning, and credits for missed service. Never edited.

    `credits` are pairs of strings: below this percentage of the month, this percentage of the baseline is given back.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tier = models.ForeignKey("tenants.Tier", on_delete=models.PROTECT, related_name="+")
    effective_on = models.DateField()
    notice_days = models.PositiveSmallIntegerField(help_text=_("Overdue so long, the tenant is told"))
    grace_days = models.PositiveSmallIntegerField(help_text=_("Told so long ago, the tenant is suspended"))
    credits = models.JSONField(default=list, blank=True)
    source = models.CharField(max_length=200)
    published_by = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = _("terms")
        ordering = ["-effective_on", "tier"]
        constraints = [
            models.UniqueConstraint(name="one_set_of_terms_a_day", fields=["tier", "effective_on"]),
            models.CheckConstraint(name="terms_leave_time", condition=Q(grace_days__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.tier_id}, {self.effective_on:%d %b %Y}"


class ArrearsQuerySet(models.QuerySet["Arrears"]):
    def visible_to(self, actor: Actor) -> "ArrearsQuerySet":
        """Those of the tenants that the actor's grants reach."""
        roles = policy.VERBS["cost.view"]
        return self.filter(scope_filter(actor, roles, tenant="tenant_id", business_unit="tenant__business_unit_id"))


class Arrears(models.Model):
    """A time in which a tenant is overdue: told, given grace, suspended, until it is paid."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="arrears")
    since = models.DateField()
    noticed_on = models.DateField(null=True)
    suspends_on = models.DateField(null=True)
    suspended_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects = ArrearsQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = _("arrears")
        ordering = ["-since"]
        constraints = [
            models.UniqueConstraint(name="one_arrears_at_a_time", fields=["tenant"], condition=Q(ended_at=None)),
            models.CheckConstraint(
                name="grace_after_notice",
                condition=Q(noticed_on=None, suspends_on=None) | Q(suspends_on__gt=F("noticed_on")),
            ),
            models.CheckConstraint(
                name="suspended_after_notice", condition=Q(suspended_at=None) | Q(noticed_on__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant.name}, {self.since:%d %b %Y}"

    def access_scope(self) -> dict[str, Any]:
        return self.tenant.access_scope()


class State(models.TextChoices):
    OPEN = "open", _("so far")
    CLOSED = "closed", _("closed")


class StatementQuerySet(models.QuerySet["Statement"]):
    def visible_to(self, actor: Actor) -> "StatementQuerySet":
        """Statements of the tenants that the actor's grants reach."""
        roles = policy.VERBS["cost.view"]
        return self.filter(scope_filter(actor, roles, tenant="tenant_id", business_unit="business_unit_id"))


class Statement(models.Model):
    """What one tenant is charged for one month: so far while the month is open, for ever once it is closed.

    `lines` are dicts of kind, label, units, unit_price_inr, amount_inr and price_book, figures as strings; an amount
    that is null has no price. `known_inr` sums the others; `total_inr` is null while a line has no price.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="statements")
    month = models.ForeignKey(Month, on_delete=models.PROTECT, related_name="statements")
    business_unit = models.ForeignKey("tenants.BusinessUnit", on_delete=models.PROTECT, related_name="+")
    cost_centre = models.CharField(max_length=32, db_index=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    lines = models.JSONField(default=list)
    service = models.JSONField(default=dict, help_text=_("Target, attained, minutes allowed and not served"))
    unpriced = ArrayField(models.CharField(max_length=200), default=list)
    known_inr = models.DecimalField(max_digits=16, decimal_places=2)
    total_inr = models.DecimalField(max_digits=16, decimal_places=2, null=True)
    budget_inr = models.DecimalField(max_digits=16, decimal_places=2)
    variance_percent = models.DecimalField(max_digits=12, decimal_places=1, null=True)
    is_over = models.BooleanField(default=False)
    as_of = models.DateTimeField(default=now)
    closed_at = models.DateTimeField(null=True)

    objects = StatementQuerySet.as_manager()

    class Meta:
        ordering = ["-month", "cost_centre"]
        constraints = [
            models.UniqueConstraint(name="one_statement_a_month", fields=["tenant", "month"]),
            models.CheckConstraint(
                name="statement_total_is_known",
                condition=Q(total_inr=None, variance_percent=None) & ~Q(unpriced=[])
                | Q(total_inr=F("known_inr"), unpriced=[]),
            ),
            models.CheckConstraint(
                name="statement_over_budget",
                condition=Q(is_over=True, known_inr__gt=F("budget_inr"))
                | Q(is_over=False, known_inr__lte=F("budget_inr")),
            ),
            models.CheckConstraint(
                name="statement_closed_at",
                condition=Q(state="open", closed_at=None) | Q(state="closed", closed_at__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["month", "-variance_percent"])]

    def __str__(self) -> str:
        return f"{self.tenant.name}, {self.month}"

    def access_scope(self) -> dict[str, Any]:
        return {"tenant": self.tenant_id, "business_unit": self.business_unit_id}


class Overrun(models.Model):
    """That a cost centre went over its budget in a month, told once."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    cost_centre = models.CharField(max_length=32)
    month = models.ForeignKey(Month, on_delete=models.PROTECT, related_name="+")
    known_inr = models.DecimalField(max_digits=16, decimal_places=2)
    budget_inr = models.DecimalField(max_digits=16, decimal_places=2)
    at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="told_once_a_month", fields=["cost_centre", "month"]),
            models.CheckConstraint(name="overrun_is_over", condition=Q(known_inr__gt=F("budget_inr"))),
        ]


class Rise(models.Model):
    """That a tenant, or without one everything together, costs far more than the month before; told once."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True, related_name="+")
    month = models.ForeignKey(Month, on_delete=models.PROTECT, related_name="+")
    known_inr = models.DecimalField(max_digits=20, decimal_places=2)
    before_inr = models.DecimalField(max_digits=20, decimal_places=2)
    at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="rise_told_once", fields=["tenant", "month"], nulls_distinct=False),
            models.CheckConstraint(name="rise_is_one", condition=Q(known_inr__gt=F("before_inr"), before_inr__gt=0)),
        ]

    def access_scope(self) -> dict[str, Any]:
        return self.tenant.access_scope() if self.tenant else {}


class CentreMonthQuerySet(models.QuerySet["CentreMonth"]):
    def visible_to(self, actor: Actor) -> "CentreMonthQuerySet":
        """All for who oversees cost; a cost centre may span what others reach."""
        return self.all() if policy.can(actor, "cost.oversee") else self.none()


class CentreMonth(models.Model):
    """A month of one cost centre: the sum of its statements. A view of the database."""

    id = models.UUIDField(primary_key=True)
    cost_centre = models.CharField(max_length=32)
    month = models.ForeignKey(Month, on_delete=models.DO_NOTHING, related_name="+")
    tenants = models.PositiveIntegerField()
    known_inr = models.DecimalField(max_digits=20, decimal_places=2)
    total_inr = models.DecimalField(max_digits=20, decimal_places=2, null=True)
    budget_inr = models.DecimalField(max_digits=20, decimal_places=2)
    variance_percent = models.DecimalField(max_digits=12, decimal_places=1, null=True)
    state = models.CharField(max_length=8, choices=State.choices)
    is_over = models.BooleanField()
    is_escalated = models.BooleanField()
    as_of = models.DateTimeField()

    objects = CentreMonthQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "costs_centremonth"
        verbose_name, verbose_name_plural = _("cost centre"), _("cost centres")
        ordering = [F("month").desc(), F("variance_percent").desc(nulls_last=True), "cost_centre"]

    def __str__(self) -> str:
        return f"{self.cost_centre}, {self.month}"
