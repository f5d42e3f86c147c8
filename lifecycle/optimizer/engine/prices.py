"""What things cost, as a dated sheet and a dated rate. What is not on the sheet is unknown, and never nothing."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

SHIPPED = Path(__file__).with_name("prices.json")
HOURS = Decimal(730)
PAISA = Decimal("0.01")
FREE_IOPS, FREE_MIBPS = 3000, 125  # what gp3 comes with
NOT_LISTED = "no price on the sheet"
Where = tuple[str, str, str]


@dataclass(frozen=True)
class Rate:
    """What a dollar costs in rupees from a day on, as somebody said."""

    inr_per_usd: Decimal
    on: date
    source: str


@dataclass(frozen=True, order=True)
class Origin:
    """Who says a price, and of which day it is."""

    source: str
    dated: str
    is_estimate: bool = False


@dataclass(frozen=True)
class Price:
    """Dollars a month, and who says so."""

    usd: Decimal
    origins: frozenset[Origin] = frozenset()

    def __add__(self, other: "Price") -> "Price":
        return Price(self.usd + other.usd, self.origins | other.origins)

    def __mul__(self, count: Decimal | int) -> "Price":
        return Price(self.usd * count, self.origins)


NOTHING = Price(Decimal(0))


@dataclass(frozen=True)
class Saving:
    """Rupees a month and a year, and where the figures come from. None: not known, and `why` says what is missing."""

    monthly_usd: Decimal | None
    monthly_inr: Decimal | None
    annual_inr: Decimal | None
    source: str
    dated: str
    why: str = ""
    is_estimate: bool = False


@dataclass(frozen=True)
class Prices:
    """A price sheet beside a rate of exchange. `unpriced` is what is known to be on no sheet that could be read."""

    source: str
    dated: str
    regions: dict[str, Any]
    rate: Rate | None = None
    origins: dict[Where, Origin] = field(default_factory=dict)
    unpriced: dict[str, list[str]] = field(default_factory=dict)

    def instance(self, region: str, size: str) -> Price | None:
        return self._hourly(region, "ec2_hour", size)

    def database(self, region: str, engine: str, size: str, *, is_multi_az: bool) -> Price | None:
        """A second zone doubles it."""
        return _times(self._hourly(region, f"rds_hour.{engine}", size), 2 if is_multi_az else 1)

    def volume(self, region: str, kind: str, gib: int, *, iops: int = 0, mibps: int = 0) -> Price | None:
        """`iops` and `mibps` are what it is given: io1 and io2 pay for each, gp3 for those above what it comes with."""
        parts = [_times(self._of(region, "ebs_gib_month", kind), gib)]
        if kind in ("io1", "io2"):
            parts.append(_times(self._of(region, "ebs_iops_month", kind), iops))
        if kind == "gp3" and iops > FREE_IOPS:
            parts.append(_times(self._of(region, "ebs_iops_month", kind), iops - FREE_IOPS))
        if kind == "gp3" and mibps > FREE_MIBPS:
            parts.append(_times(self._of(region, "ebs_mibps_month", kind), mibps - FREE_MIBPS))
        return total(*parts)

    def database_storage(
        self, region: str, kind: str, gib: int, *, is_multi_az: bool, paid_iops: int = 0
    ) -> Price | None:
        """`paid_iops` are those that are paid for beside the storage."""
        parts = [_times(self._of(region, "rds_gib_month", kind), gib)]
        parts += [_times(self._of(region, "rds_iops_month", kind), paid_iops)] if paid_iops else []
        return _times(total(*parts), 2 if is_multi_az else 1)

    def saving(self, before: Price | None, after: Price | None) -> Saving:
        """The difference a month; unknown as soon as one of both is, or the rate."""
        if before is None or after is None:
            return self.unknown(NOT_LISTED)
        usd, origins = _cents(before.usd - after.usd), sorted(before.origins | after.origins)
        source = "; ".join(dict.fromkeys(one.source for one in origins)) or self.source
        dated = min((one.dated for one in origins), default=self.dated)
        guessed = any(one.is_estimate for one in origins)
        if self.rate is None:
            return Saving(usd, None, None, source, dated, "no rate of the dollar is known", guessed)
        inr = _cents(usd * self.rate.inr_per_usd)
        source = f"{source}; {self.rate.inr_per_usd:f} ₹/$ of {self.rate.on.isoformat()}, {self.rate.source}"
        return Saving(usd, inr, inr * 12, source, dated, is_estimate=guessed)

    def unknown(self, why: str) -> Saving:
        return Saving(None, None, None, self.source, self.dated, why)

    def _hourly(self, region: str, section: str, size: str) -> Price | None:
        return _times(self._of(region, section, size), HOURS)

    def _of(self, region: str, section: str, name: str) -> Price | None:
        sheet: Any = self.regions.get(region, {})
        for part in section.split(".", 1):
            sheet = sheet.get(part, {})
        if name not in sheet:
            return None
        origin = self.origins.get((region, section, name), Origin(self.source, self.dated))
        return Price(Decimal(sheet[name]), frozenset({origin}))


def _times(price: Price | None, count: Decimal | int) -> Price | None:
    return None if price is None else price * count


def total(*parts: Price | None) -> Price | None:
    """All together; not known as soon as one is not."""
    known = [one for one in parts if one is not None]
    return sum(known, NOTHING) if len(known) == len(parts) else None


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(PAISA, ROUND_HALF_UP)


def load(path: Path = SHIPPED, rate: Rate | None = None) -> Prices:
    """A sheet from its file. What is in a part of `also` comes over the rest, and keeps its own source and day."""
    given = json.loads(path.read_text())
    found = Prices(given["source"], given["date"], given["regions"], rate, {}, given.get("unpriced", {}))
    for part in given.get("also", []):
        origin = Origin(part["source"], part["date"], part.get("is_estimate", False))
        for (region, section, name), value in _entries(part["regions"]):
            sheet = found.regions.setdefault(region, {})
            for word in section.split(".", 1):
                sheet = sheet.setdefault(word, {})
            sheet[name], found.origins[region, section, name] = value, origin
    return found


def _entries(regions: dict[str, Any]) -> Iterator[tuple[Where, str]]:
    for region, sections in regions.items():
        for section, names in sections.items():
            for name, value in names.items():
                if isinstance(value, dict):
                    yield from (((region, f"{section}.{name}", inner), each) for inner, each in value.items())
                else:
                    yield (region, section, name), value
