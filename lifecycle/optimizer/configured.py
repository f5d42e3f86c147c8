"""Which account is scanned and at which prices, from the settings. Nothing is scanned that nobody has named."""

from datetime import date
from decimal import Decimal
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError

from portal.lib.errors import Invalid
from tenants.costs.rates import in_force

from .engine.prices import SHIPPED, Prices, Rate, load
from .engine.reading import Account


def regions() -> list[str]:
    return sorted({name.strip() for name in settings.OPTIMIZER["regions"].split(",") if name.strip()})


def account(endpoint_url: str = "") -> Account:
    """Whose credentials may only read; without any, the machine's own."""
    given = settings.OPTIMIZER
    return Account(endpoint_url or given["endpoint"], given["key_id"], given["secret"])


def prices(on: date, inr_per_usd: Decimal | None = None) -> Prices:
    """The sheet, with the CFO's rate of the dollar in force on a day, or the one given. No rate: no rupees."""
    sheet = Path(settings.OPTIMIZER["prices"]) if settings.OPTIMIZER["prices"] else SHIPPED
    if inr_per_usd is not None:
        return load(sheet, Rate(inr_per_usd, on, "given by hand"))
    try:
        rate = in_force("USD", on)
    except (Invalid, DatabaseError):
        return load(sheet)
    return load(sheet, Rate(rate.inr_per_unit, rate.effective_on, rate.source))
