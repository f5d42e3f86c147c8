"""Reads of cost: a year of budget and actual, envelopes, and what a statement shows in another currency."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from portal.lib.clock import now
from tenants.models import Tenant
from tenants.usage.actions import next_month

from .models import Agreement, CentreMonth, Statement
from .rates import Shown, in_force


@dataclass(frozen=True)
class MonthOfYear:
    """One month of the chart."""

    month: date
    budget_inr: Decimal
    known_inr: Decimal

    @property
    def is_over(self) -> bool:
        return self.known_inr > self.budget_inr


def agreed_baseline(tenant: Tenant) -> Decimal | None:
    """The monthly baseline that counts today: agreed, else what the tenant was expected to cost; None while unknown."""
    agreed = Agreement.objects.filter(tenant=tenant, effective_on__lte=now().date())
    found = agreed.order_by("-effective_on", "-created_at").values_list("monthly_inr", flat=True).first()
    return tenant.monthly_cost_inr if found is None else found


def twelve_months(until: date, cost_centre: str = "") -> list[MonthOfYear]:
    """Budget and actual of the twelve months until `until`, oldest first; a month without statements is nought."""
    months = [until.replace(day=1)]
    while len(months) < 12:
        months.insert(0, (months[0] - timedelta(days=1)).replace(day=1))
    rows = Statement.objects.filter(month_id__gte=months[0], month_id__lte=months[-1])
    if cost_centre:
        rows = rows.filter(cost_centre=cost_centre)
    sums = rows.order_by().values("month_id").annotate(budget=Sum("budget_inr"), known=Sum("known_inr"))
    found = {one["month_id"]: (one["budget"], one["known"]) for one in sums}
    return [MonthOfYear(month, *found.get(month, (Decimal(0), Decimal(0)))) for month in months]


def shown_in(currency: str, statement: Statement | CentreMonth) -> Shown:
    """The rate a statement is shown at: the one in force on its month's last day, or today while that is to come."""
    last = next_month(statement.month_id) - timedelta(days=1)
    return in_force(currency.upper(), min(last, now().date()))


def shown_lines(statement: Statement, shown: Shown) -> list[dict[str, Any]]:
    """The lines as figures, each with its amount in the currency asked for."""

    def number(text: str | None) -> Decimal | None:
        return None if text is None else Decimal(text)

    figures = ("units", "unit_price_inr", "amount_inr")
    lines = [{**line, **{name: number(line[name]) for name in figures}} for line in statement.lines]
    return [{**line, "shown": shown.of(line["amount_inr"])} for line in lines]
