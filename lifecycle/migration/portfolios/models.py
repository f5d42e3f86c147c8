"""Portfolios: several tenants moved to one region in waves, within a budget. Each move is signed for by itself."""

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lifecycle.migration.models import Migration
from portal.lib.clock import now
from portal.lib.ids import new_id
from tenants.models import Tenant


class State(models.TextChoices):
    PLANNED = "planned", _("planned")
    RUNNING = "running", _("running")
    STOPPED = "stopped", _("stopped")
    COMPLETED = "completed", _("completed")
    CANCELLED = "cancelled", _("cancelled")


class Portfolio(models.Model):
    """Waves of moves. Each begins once the one before is stable; the first that goes wrong stops the rest."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = models.PositiveIntegerField(unique=True)
    title = models.CharField(max_length=120)
    target = models.CharField(max_length=32)
    budget_inr = models.DecimalField(max_digits=16, decimal_places=2, help_text=_("For all of it, once"))
    is_rehearsal = models.BooleanField(default=False)
    justification = models.TextField(max_length=4000)
    state = models.CharField(max_length=12, choices=State.choices, default=State.PLANNED)
    state_reason = models.CharField(max_length=1000, blank=True)
    waits_for = models.CharField(max_length=1000, blank=True, help_text=_("Why nothing is started at the moment"))
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.CheckConstraint(name="portfolio_state_known", condition=Q(state__in=State.values)),
            models.CheckConstraint(name="portfolio_budget_positive", condition=Q(budget_inr__gt=Decimal(0))),
            models.CheckConstraint(
                name="portfolio_stopped_says_why", condition=~Q(state="stopped") | ~Q(state_reason="")
            ),
        ]

    def __str__(self) -> str:
        return f"PF-{self.number:04d}"


class Member(models.Model):
    """One tenant of a portfolio, its wave, and its move. One that was taken back may be left out when it goes on."""

    id = models.BigAutoField(primary_key=True)
    portfolio = models.ForeignKey(Portfolio, on_delete=models.PROTECT, related_name="members")
    wave = models.PositiveSmallIntegerField()
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    migration = models.OneToOneField(Migration, on_delete=models.PROTECT, related_name="member")
    left_out_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["wave", "id"]
        constraints = [
            models.UniqueConstraint(name="member_once_a_portfolio", fields=["portfolio", "tenant"]),
            models.CheckConstraint(name="member_wave_counts_from_one", condition=Q(wave__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.portfolio}, {self.wave}: {self.migration}"

    def access_scope(self) -> dict[str, Any]:
        return self.migration.access_scope()
