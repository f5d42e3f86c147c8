"""Which way a tenant is moved, why, and what each way would cost. A fact that nobody has told is said to be missing."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings

from portal.lib.money import inr, quantise
from tenants.models import Tenant

from .estimate import Estimate, Line, lines_of
from .models import Playbook, Strategy

WINDOWS = (Strategy.SHORT_WINDOW, Strategy.LONG_WINDOW)
IN_PLACE = "the region changes, so nothing is done in place"
OFFERED = (Strategy.BLUE_GREEN, *WINDOWS)
DEAR_AN_HOUR, CHEAP_A_WINDOW, LONG_HOURS = Decimal(10_000_000), Decimal(1_000_000), 6


@dataclass(frozen=True)
class Known:
    """What only the person who asks can tell. None: nobody has."""

    downtime_inr_an_hour: Decimal | None = None
    is_downtime_forbidden: bool | None = None


NOTHING_SAID = Known()


@dataclass(frozen=True)
class Choice:
    """The way that is recommended, the facts it rests on, and those that are missing."""

    strategy: str
    because: tuple[str, ...]
    not_known: tuple[str, ...]


@dataclass(frozen=True)
class Costs:
    """One way in ₹, by the playbook that goes that way; `total_inr` is None as soon as one line is not known."""

    strategy: str
    window_minutes: int
    lines: tuple[Line, ...]
    total_inr: Decimal | None

    @property
    def label(self) -> str:
        return str(Strategy(self.strategy).label)

    def as_json(self) -> dict[str, Any]:
        """JSON-ready, money as strings."""
        lines = [{**asdict(line), "amount_inr": _text(line.amount_inr)} for line in self.lines]
        shown = {"strategy": self.strategy, "label": self.label, "window_minutes": self.window_minutes}
        return {**shown, "lines": lines, "total_inr": _text(self.total_inr)}


def recommend(tenant: Tenant, playbook: Playbook, known: Known = NOTHING_SAID) -> Choice:
    """Without downtime where the service level, the contract or its price ask for it; else as the tier's playbook."""
    an_hour, forbidden = known.downtime_inr_an_hour, known.is_downtime_forbidden
    missing = [] if an_hour is not None else ["what an hour without service costs the tenant"]
    missing += [] if forbidden is not None else ["whether its contract forbids downtime"]
    against = list(_against_downtime(tenant, known))
    if against:
        return Choice(Strategy.BLUE_GREEN, tuple(against), tuple(missing))
    strategy = Strategy(playbook.strategy)
    because = [f"the playbook of tier {playbook.tier_id} says {strategy.label}", IN_PLACE]
    if an_hour is not None and strategy in WINDOWS:
        cheap = an_hour * LONG_HOURS < CHEAP_A_WINDOW
        strategy = Strategy.LONG_WINDOW if cheap else Strategy.SHORT_WINDOW
        word = "below" if cheap else "not below"
        because.append(f"{LONG_HOURS} h without service cost {inr(an_hour * LONG_HOURS)}, {word} {inr(CHEAP_A_WINDOW)}")
    return Choice(strategy, tuple(because), tuple(missing))


def _against_downtime(tenant: Tenant, known: Known) -> list[str]:
    promised, least = tenant.tier.sla_percent, settings.MIGRATION["blue_green_sla"]
    an_hour = known.downtime_inr_an_hour
    found = [f"its tier promises {promised} %, which is {least} % or more"] if promised >= least else []
    if known.is_downtime_forbidden:
        found.append("its contract forbids downtime")
    if an_hour is not None and an_hour > DEAR_AN_HOUR:
        found.append(f"an hour without service costs {inr(an_hour)}, above {inr(DEAR_AN_HOUR)}")
    return found


def compare(tenant: Tenant, target: str, own: Playbook, expected: Estimate, known: Known) -> list[Costs]:
    """Every way side by side, without contingency: its playbook's hours, and what the downtime would cost."""
    found = {one.strategy: one for one in Playbook.objects.order_by("-tier__rank")} | {own.strategy: own}
    return [_costs(tenant, target, found[way], expected, known) for way in OFFERED if way in found]


def _costs(tenant: Tenant, target: str, playbook: Playbook, expected: Estimate, known: Known) -> Costs:
    stability = timedelta(seconds=settings.MIGRATION["stability_seconds"] or playbook.stability_hours * 3600)
    seconds, size = expected.seconds, expected.gigabytes
    lines = (*lines_of(tenant, target, playbook, stability, seconds, size), _downtime(playbook, known))
    amounts = [line.amount_inr for line in lines if line.amount_inr is not None]
    total = quantise(sum(amounts, Decimal(0))) if len(amounts) == len(lines) else None
    return Costs(playbook.strategy, playbook.window_max_minutes, lines, total)


def _downtime(playbook: Playbook, known: Known) -> Line:
    """The whole window at the tenant's price of an hour; a way without a window costs nothing of it."""
    label, minutes, an_hour = "Without service", playbook.window_max_minutes, known.downtime_inr_an_hour
    if not minutes:
        return Line(label, "not at all", Decimal("0.00"))
    if an_hour is None:
        return Line(label, f"not known: nobody said what an hour costs; {minutes} minutes at most", None)
    return Line(label, f"{minutes} minutes at most, at {inr(an_hour)} an hour", quantise(an_hour * minutes / 60))


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:.2f}"
