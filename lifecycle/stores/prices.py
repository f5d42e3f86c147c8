"""The units in which leftovers are counted, so that a dated price book can say what they cost a month."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from lifecycle.stores.residue import Residue

UNITS = ("key_month", "log_gb_month", "object_gb_month", "vector_month", "none")
GIGABYTE = Decimal(1024**3)


def gigabytes(count: int) -> Decimal:
    """Return bytes as gigabytes, to six places."""
    return (Decimal(count) / GIGABYTE).quantize(Decimal("0.000001"))


def priced(found: Residue, prices: Mapping[str, Decimal]) -> Residue:
    """Return the residue with its monthly price: nothing for unit `none`, unknown where the unit has no price."""
    if found.unit == "none":
        return replace(found, monthly_inr=Decimal("0.00"))
    if found.unit not in prices:
        return found
    return replace(found, monthly_inr=(found.quantity * prices[found.unit]).quantize(Decimal("0.01")))
