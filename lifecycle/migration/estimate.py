"""What a move will take: rows, time, pause and ₹, each with bounds. What is not known is never nothing."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings

from portal.lib.money import inr, quantise
from tenants.costs.estimate import book_at
from tenants.models import PriceKind, Tenant

from .models import Attempt, Migration, Playbook, State
from .probe import Bounds, Probe

SETUP_SECONDS = 60
HOURS_A_MONTH = Decimal(24 * 30)
FIRST_RUN = 2
SEEN = 20
# As JSON; and read, written, seen, and read on both sides again, over a network, a hundred to a call.
BYTES_A_VECTOR, VECTORS_A_SECOND = 5_000, 200


@dataclass(frozen=True)
class Line:
    """One line of the cost; `amount_inr` is None while a price or a quantity is not known."""

    label: str
    how: str
    amount_inr: Decimal | None


@dataclass(frozen=True)
class Estimate:
    """The dry run's answer. `total_inr` is None as soon as one line is not known; it includes the contingency."""

    rows: int | None
    vectors: int | None  # beside the rows
    gigabytes: Decimal | None
    changes_a_second: float | None
    seconds: Bounds | None
    pause_ms: Bounds
    lines: tuple[Line, ...]
    contingency: int
    price_book: str
    total_inr: Decimal | None

    @property
    def unknown(self) -> list[str]:
        return [line.label for line in self.lines if line.amount_inr is None]

    def as_json(self) -> dict[str, Any]:
        """JSON-ready, money as strings."""
        found = asdict(self)
        found["gigabytes"] = None if self.gigabytes is None else f"{self.gigabytes:f}"
        found["total_inr"] = None if self.total_inr is None else f"{self.total_inr:.2f}"
        for line in found["lines"]:
            line["amount_inr"] = None if line["amount_inr"] is None else f"{line['amount_inr']:.2f}"
        return {**found, "lines": list(found["lines"]), "unknown": self.unknown}


def estimate(
    tenant: Tenant, probe: Probe | None, vectors: int | None, target: str, playbook: Playbook, stability: timedelta
) -> Estimate:
    """Estimate a move from what was measured in the source, earlier moves, and the prices in force."""
    size, seconds = None, None
    if probe is not None and vectors is not None:
        stored = probe.bytes.expected + probe.object_bytes + vectors * BYTES_A_VECTOR
        size, seconds = quantise(Decimal(stored) / 10**9), _seconds(probe, vectors)
    lines = lines_of(tenant, target, playbook, stability, seconds, size)
    seen = Migration.objects.filter(strategy=playbook.strategy, state=State.COMPLETED)
    contingency = 1 if seen.exists() else FIRST_RUN
    amounts = [line.amount_inr for line in lines if line.amount_inr is not None]
    total = quantise(sum(amounts, Decimal(0)) * contingency) if len(amounts) == len(lines) else None
    book = book_at()
    return Estimate(
        rows=None if probe is None else probe.rows,
        vectors=vectors,
        gigabytes=size,
        changes_a_second=None if probe is None else probe.changes_a_second,
        seconds=seconds,
        pause_ms=_pause(),
        lines=lines,
        contingency=contingency,
        price_book=book.version if book else "",
        total_inr=total,
    )


def lines_of(
    tenant: Tenant, target: str, playbook: Playbook, stability: timedelta, seconds: Bounds | None, size: Decimal | None
) -> tuple[Line, ...]:
    """What a move by this playbook costs, before any contingency."""
    return (
        _double_run(tenant, target, seconds, stability),
        _line("Transfer", size, "GB", playbook.transfer_inr_a_gb),
        _line("Engineers", playbook.engineer_hours, "h", playbook.engineer_inr_an_hour),
    )


def _seconds(probe: Probe, vectors: int) -> Bounds:
    """Everything copied once and verified once: never faster than it is read, as a rule as earlier moves were.

    Before there were any, a copy is taken to be half as fast as reading. What changes meanwhile is brought over too.
    """
    beside = vectors / VECTORS_A_SECOND
    least, likely, most = SETUP_SECONDS / 2 + beside / 2, SETUP_SECONDS + beside, SETUP_SECONDS * 3 + beside * 4
    if probe.rows_a_second is None:
        return Bounds(least, likely, most)
    done = Migration.objects.filter(copy_seconds__gt=1, rows_copied__gt=0).order_by("-number")[:SEEN]
    rates = [one.rows_copied / one.copy_seconds for one in done]
    rate = min(sum(rates) / len(rates) if rates else probe.rows_a_second / 2, probe.rows_a_second)
    quick, work = 2 * probe.rows / probe.rows_a_second, 2 * probe.rows / rate
    share = min(0.9, (probe.changes_a_second or 0.0) / rate)
    return Bounds(least + quick, likely + work / (1 - share), most + 2 * work / (1 - share))


def _pause() -> Bounds:
    """From the last switches; before there were any, what the prototype showed on a quiet machine."""
    last = Attempt.objects.filter(outcome="switched").order_by("-id").values_list("pause_ms", flat=True)[:SEEN]
    seen = sorted(float(one) for one in last if one is not None)
    if not seen:
        return Bounds(8.0, 40.0, float(settings.MIGRATION["budget_ms"]))
    return Bounds(seen[0], seen[len(seen) // 2], seen[-1])


def _double_run(tenant: Tenant, target: str, seconds: Bounds | None, stability: timedelta) -> Line:
    """Both sides at once, from provisioning until blue may go: green costs its month's share in its own region."""
    label, book = "Both sides running", book_at()
    factors = {} if book is None else dict(book.prices.filter(kind=PriceKind.REGION).values_list("key", "amount"))
    here, there = factors.get(tenant.region), factors.get(target)
    if None in (tenant.monthly_cost_inr, seconds, here, there):
        return Line(label, "not known: the tenant's monthly cost, its size or a region's price is missing", None)
    hours = Decimal(seconds.high + stability.total_seconds()) / 3600  # type: ignore[union-attr]
    monthly = tenant.monthly_cost_inr * there / here  # type: ignore[operator]
    return Line(label, f"{quantise(hours)} h in {target}", quantise(monthly / HOURS_A_MONTH * hours))


def _line(label: str, units: Decimal | None, unit: str, price: Decimal | None) -> Line:
    if units is None or price is None:
        return Line(label, f"not known: {'its quantity' if units is None else 'its price'} is missing", None)
    return Line(label, f"{units:f} {unit} at {inr(price)}", quantise(units * price))
