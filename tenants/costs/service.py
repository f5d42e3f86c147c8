"""The service level of a month: how long a tenant may not be served, how much of that is gone, what is given back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from portal.lib.money import quantise
from tenants.models import Tenant, Tier
from tenants.usage.actions import next_month
from tenants.usage.models import Metric

from .models import Terms
from .pricing import HUNDRED, Line

MINUTES = Decimal(43_800)  # a twelfth of a year of 365 days: 99.99 % allows 4.38
CENT = Decimal("0.01")
ENOUGH = Decimal(95)  # percent of the time; what is missing are restarts of the portal


@dataclass(frozen=True)
class Service:
    """One tenant's month against its tier's promise; minutes. What nobody reported is unknown, and never 100 %.

    `watched_percent` says in how much of the time, so far, the portal itself looked every minute.
    """

    target_percent: Decimal
    down_minutes: Decimal | None
    watched_percent: Decimal | None = None

    @property
    def allowed_minutes(self) -> Decimal:
        return (HUNDRED - self.target_percent) * MINUTES / HUNDRED

    @property
    def attained_percent(self) -> Decimal | None:
        if self.down_minutes is None:
            return None
        return max(Decimal(0), HUNDRED - self.down_minutes * HUNDRED / MINUTES)

    @property
    def burnt_percent(self) -> Decimal | None:
        """How much of what is allowed is gone; None where nothing is allowed, or nothing known."""
        if self.down_minutes is None or not self.allowed_minutes:
            return None
        return self.down_minutes * HUNDRED / self.allowed_minutes

    def as_json(self) -> dict[str, str | None]:
        return {
            "target_percent": f"{self.target_percent.normalize():f}",
            "attained_percent": _said(self.attained_percent, "0.0001", "ROUND_DOWN", trim=True),
            "allowed_minutes": f"{self.allowed_minutes.quantize(CENT):f}",
            "down_minutes": _said(self.down_minutes, "0.01"),
            "burnt_percent": _said(self.burnt_percent, "0.1"),
            "watched_percent": _said(self.watched_percent, "1", "ROUND_DOWN"),
        }


def _said(value: Decimal | None, step: str, rounding: str | None = None, *, trim: bool = False) -> str | None:
    if value is None:
        return None
    found = value.quantize(Decimal(step), rounding)
    return f"{found.normalize() if trim else found:f}"


def of_month(
    tier: Tier, used: Mapping[tuple[str, bool, int], Decimal], watched_percent: Decimal | None = None
) -> Service:
    """A month without a fault is one that was watched, all but ENOUGH; without a report or that it is unknown."""
    down = [amount for (metric, _, _), amount in used.items() if metric == Metric.DOWN_MINUTES]
    is_known = down or (watched_percent is not None and watched_percent >= ENOUGH)
    return Service(tier.sla_percent, max(sum(down, Decimal(0)), Decimal(0)) if is_known else None, watched_percent)


def watched(tenant: Tenant, minutes: int, month: date, until: datetime) -> Decimal | None:
    """Of the minutes of the month in which the tenant was there, the share that was looked at; None without any."""
    first = datetime.combine(month, time(), UTC)
    begin = max(first, tenant.activated_at or first)
    end = min(until, datetime.combine(next_month(month), time(), UTC))
    whole = Decimal((end - begin) // timedelta(minutes=1))
    return min(HUNDRED, minutes * HUNDRED / whole) if minutes and whole > 0 else None


def credit(service: Service, lines: Iterable[Line], terms: Terms | None) -> list[Line]:
    """What the terms give back of the baseline for what was attained; nothing where nothing is agreed."""
    reached = [Decimal(percent) for below, percent in (terms.credits if terms else []) if _is_below(service, below)]
    baseline = sum((one.amount_inr for one in lines if one.kind == "baseline" and one.amount_inr), Decimal(0))
    if not reached or not baseline:
        return []
    percent = max(reached)
    said = service.as_json()
    label = f"Service credit, {said['attained_percent']} % attained of {said['target_percent']} %"
    return [Line("credit", label, percent, -quantise(baseline / HUNDRED), -quantise(baseline * percent / HUNDRED))]


def _is_below(service: Service, below: str) -> bool:
    return service.attained_percent is not None and service.attained_percent < Decimal(below)


def terms_on(day: date) -> dict[str, Terms]:
    """The terms of each tier in force on a day."""
    rows = Terms.objects.filter(effective_on__lte=day).order_by("tier_id", "effective_on")
    return {one.tier_id: one for one in rows}
