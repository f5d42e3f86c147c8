"""What a tenant will cost: a dated price book applied to expected use. An unknown price is never zero."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from portal.lib.clock import now
from portal.lib.money import quantise
from tenants.models import PriceBook, PriceKind

DAYS_A_MONTH = 30
USE = "Queries"


@dataclass(frozen=True)
class Line:
    """One priced line, INR a month; `amount_inr` is None when the price book has no price for it."""

    label: str
    units: Decimal
    unit_price_inr: Decimal | None
    multiplier: Decimal
    amount_inr: Decimal | None


@dataclass(frozen=True)
class Estimate:
    """Expected cost. All figures INR; monthly and annual are None as soon as one line is unpriced."""

    price_book: str
    lines: tuple[Line, ...]
    unpriced: tuple[str, ...]
    monthly_inr: Decimal | None
    annual_inr: Decimal | None
    low_annual_inr: Decimal | None = None
    high_annual_inr: Decimal | None = None
    notes: tuple[str, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """JSON-ready: Decimals as strings with two places (units and multipliers as they are)."""

        def plain(value: Any) -> Any:
            if isinstance(value, Decimal):
                return f"{value:f}"
            if isinstance(value, dict):
                return {key: plain(item) for key, item in value.items()}
            return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value

        return plain(asdict(self))


def book_at(at: datetime | None = None) -> PriceBook | None:
    """The price book in force at an instant."""
    return PriceBook.objects.filter(effective_from__lte=at or now()).order_by("-effective_from").first()


def estimate(
    *,
    tier: str,
    region: str,
    users: int,
    documents: int,
    queries_per_day: int = 0,
    at: datetime | None = None,
) -> Estimate:
    """Estimate the monthly and annual charge of one tenant from the price book in force.

    The region's multiplier applies to the platform's own charges (base, users, documents), not to usage.
    """
    book = book_at(at)
    if book is None:
        return Estimate("", (), ("no price book is in force",), None, None)
    prices = {(row.kind, row.key): row.amount for row in book.prices.all()}
    multiplier = prices.get((PriceKind.REGION, region))
    wanted = [
        (f"Platform, {tier}", PriceKind.TIER_BASE, tier, Decimal(1), multiplier),
        ("Users", PriceKind.USER, tier, Decimal(users), multiplier),
        ("Documents (1,000)", PriceKind.DOCUMENTS, tier, Decimal(documents) / 1000, multiplier),
    ]
    if queries_per_day:
        queries = Decimal(queries_per_day * DAYS_A_MONTH)
        wanted.append((USE, PriceKind.QUERY, "", queries, Decimal(1)))
    lines = tuple(_line(label, units, prices.get((kind, key)), factor) for label, kind, key, units, factor in wanted)
    unpriced = [line.label for line in lines if line.amount_inr is None and line.unit_price_inr is None]
    if multiplier is None:
        unpriced.append(f"region {region}")
    if unpriced:
        return Estimate(book.version, lines, tuple(unpriced), None, None)
    monthly = quantise(sum((line.amount_inr or Decimal(0) for line in lines), Decimal(0)))
    annual = monthly * 12
    return Estimate(
        book.version,
        lines,
        (),
        monthly,
        annual,
        quantise(annual * Decimal(book.low_factor)),
        quantise(annual * Decimal(book.high_factor)),
    )


def baseline_of(document: dict[str, Any]) -> Decimal | None:
    """What an estimate says without expected use, INR a month: use is charged as it is counted. None while unpriced."""
    lines = [line for line in document.get("lines", []) if line["label"] != USE]
    if not lines or document.get("monthly_inr") is None:
        return None
    return sum((Decimal(line["amount_inr"]) for line in lines), Decimal(0))


def _line(label: str, units: Decimal, price: Decimal | None, factor: Decimal | None) -> Line:
    amount = None if price is None or factor is None else quantise(price * units * factor)
    return Line(label, units.normalize() + 0, price, factor if factor is not None else Decimal(0), amount)
