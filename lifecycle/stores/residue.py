"""What is still there of a tenant, and the difference between nothing found and not looked."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Residue:
    """One thing left. `monthly_inr` is None where nobody knows the price, which is not the same as nothing.

    `quantity` and `unit` (of prices.UNITS) are what a price book needs to answer it.
    """

    system: str
    resource: str
    detail: str
    monthly_inr: Decimal | None = None
    quantity: Decimal = Decimal(0)
    unit: str = ""
