"""The lines of a statement: what was used, at the price book in force on the day. No price is never nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from portal.lib.money import quantise
from tenants.models import PriceBook, PriceKind
from tenants.usage.models import Metric

PRICE_OF = {
    Metric.QUERIES: PriceKind.QUERY,
    Metric.GB_MONTHS: PriceKind.GB_MONTH,
    Metric.COMPUTE_HOURS: PriceKind.COMPUTE_HOUR,
}
HUNDRED, TENTH = Decimal(100), Decimal("0.1")


@dataclass(frozen=True)
class Line:
    """One line. `amount_inr` is None when there is no price for it."""

    kind: str
    label: str
    units: Decimal
    unit_price_inr: Decimal | None
    amount_inr: Decimal | None
    price_book: str = ""

    def as_json(self) -> dict[str, Any]:
        return {name: f"{one:f}" if isinstance(one, Decimal) else one for name, one in asdict(self).items()}


class Books:
    """Every price book with its usage prices, read once, and the first day on which each is in force as it begins."""

    def __init__(self) -> None:
        books = list(PriceBook.objects.order_by("effective_from").prefetch_related("prices"))
        self.starts = [_first_day(book.effective_from) for book in books]
        prices = [{row.kind: row.amount for row in book.prices.all() if not row.key} for book in books]
        none: tuple[str, dict[str, Decimal]] = ("", {})
        self.periods = [none, *zip([book.version for book in books], prices, strict=True)]


def _first_day(at: datetime) -> date:
    day = at.astimezone(UTC)
    return day.date() if day.time() == time() else day.date() + timedelta(days=1)


def usage_lines(used: Mapping[tuple[str, bool, int], Decimal], books: Books) -> list[Line]:
    """A line for each metric and price book; what was used in months before is a line of its own."""
    order = {metric: at for at, metric in enumerate(PRICE_OF)}
    priced = [key for key, amount in used.items() if key[0] in order and amount]
    lines = []
    for metric, is_late, period in sorted(priced, key=lambda key: (key[1], order[Metric(key[0])], key[2])):
        version, prices = books.periods[period]
        lines.append(_usage_line(metric, is_late, version, used[metric, is_late, period], prices))
    return lines


def _usage_line(metric: str, is_late: bool, version: str, units: Decimal, prices: Mapping[str, Decimal]) -> Line:
    price = prices.get(PRICE_OF[Metric(metric)])
    label = str(Metric(metric).label) + (", of earlier months" if is_late else "")
    amount = None if price is None else quantise(units * price)
    return Line(metric, label, units.normalize() + 0, price, amount, version)


def baseline_line(monthly_inr: Decimal | None, days: int, of_days: int, book: str) -> Line:
    """The baseline for a part of the month, by days."""
    share = Decimal(1) if days == of_days else Decimal(days) / of_days
    shown = share if days == of_days else share.quantize(Decimal("0.0001"))
    label = "Baseline" if days == of_days else f"Baseline, {days} of {of_days} days"
    amount = None if monthly_inr is None else quantise(monthly_inr * share)
    return Line("baseline", label, shown, monthly_inr, amount, book)


@dataclass(frozen=True)
class Figures:
    """The sums of a statement, or of several."""

    known_inr: Decimal
    total_inr: Decimal | None
    budget_inr: Decimal
    variance_percent: Decimal | None
    is_over: bool
    unpriced: list[str]


def figures(lines: Sequence[Line], annual_budget_inr: Decimal) -> Figures:
    """Sum the lines against a twelfth of the year's budget."""
    unpriced = list(dict.fromkeys(_unpriced(line) for line in lines if line.amount_inr is None))
    known = sum((line.amount_inr for line in lines if line.amount_inr is not None), Decimal("0.00"))
    budget = quantise(annual_budget_inr / 12)
    total = None if unpriced else known
    return Figures(known, total, budget, variance(total, budget), known > budget, unpriced)


def variance(total_inr: Decimal | None, budget_inr: Decimal) -> Decimal | None:
    """How far over (or, negative, under) the budget, in percent to one decimal; None where that has no meaning."""
    if total_inr is None or budget_inr == 0:
        return None
    return ((total_inr - budget_inr) * HUNDRED / budget_inr).quantize(TENTH, "ROUND_HALF_UP")


def _unpriced(line: Line) -> str:
    return f"{line.label}: " + (f"not in price book {line.price_book}" if line.price_book else "no price is known")
