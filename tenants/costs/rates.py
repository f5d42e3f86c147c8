"""Rates of exchange: an amount in another currency always names its rate, its date and its source."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from portal.lib.errors import Invalid
from portal.lib.money import quantise

from .models import Rate

BOOK = "INR"


@dataclass(frozen=True)
class Shown:
    """How rupees are shown in a currency."""

    currency: str
    inr_per_unit: Decimal
    effective_on: date
    source: str

    def of(self, amount_inr: Decimal | None) -> Decimal | None:
        return None if amount_inr is None else quantise(amount_inr / self.inr_per_unit)


def in_force(currency: str, on: date) -> Shown:
    """The rate in force on a day; raises Invalid when none is known, because a guess would be a wrong amount."""
    if currency == BOOK:
        return Shown(BOOK, Decimal(1), on, "the book's own currency")
    rate = Rate.objects.filter(currency=currency, effective_on__lte=on).order_by("-effective_on").first()
    if rate is None:
        known = ", ".join([BOOK, *currencies(on)])
        raise Invalid(fields={"currency": f"no rate of {currency[:10]} is known for {on}; known: {known}"})
    return Shown(rate.currency, rate.inr_per_unit, rate.effective_on, rate.source)


def currencies(on: date) -> list[str]:
    """Those with a rate on a day."""
    found = Rate.objects.filter(effective_on__lte=on).order_by("currency").values_list("currency", flat=True)
    return list(found.distinct())
