"""Rupee amounts: parsing and the one formatter. Amounts are `Decimal`, quantised to the paisa, never float."""

import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from .errors import Invalid

PAISA = Decimal("0.01")
LAKH = Decimal(100_000)
CRORE = Decimal(10_000_000)
CEILING = Decimal("99999999999999.99")
_PLAIN = re.compile(r"^\d+(\.\d{1,2})?$")


def quantise(amount: Decimal) -> Decimal:
    """Round half up to the paisa."""
    return amount.quantize(PAISA, rounding=ROUND_HALF_UP)


def group(digits: str) -> str:
    """Insert Indian grouping into a run of digits: 12345678 -> 1,23,45,678."""
    head, tail = digits[:-3], digits[-3:]
    parts: list[str] = []
    while head:
        parts.insert(0, head[-2:])
        head = head[:-2]
    return ",".join([*parts, tail])


def number(value: int) -> str:
    """Format a count with Indian grouping."""
    sign = "-" if value < 0 else ""
    return sign + group(str(abs(value)))


def inr(amount: Decimal) -> str:
    """Format to the paisa with Indian grouping: ₹10,00,000.00."""
    whole, _, paise = f"{abs(quantise(amount)):f}".partition(".")
    return f"{'-' if amount < 0 else ''}₹{group(whole)}.{paise}"


def inr_short(amount: Decimal) -> str:
    """Format for a headline: ₹1.23 Cr, ₹11.5 L, or rupees with grouping below one lakh."""
    sign, size = ("-" if amount < 0 else ""), abs(amount)
    if size >= CRORE:
        return f"{sign}₹{_trim(size / CRORE, 2)} Cr"
    if size >= LAKH:
        short = _trim(size / LAKH, 2)
        return f"{sign}₹{short} L" if short != "100" else f"{sign}₹1 Cr"
    return f"{sign}₹{group(str(int(size.quantize(Decimal(1), rounding=ROUND_HALF_UP))))}"


def _trim(value: Decimal, places: int) -> str:
    text = f"{value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def parse_inr(value: object, *, field: str = "amount") -> Decimal:
    """Return a non-negative Decimal with at most two places from a string, int or Decimal, or raise Invalid.

    Grouping commas and a leading ₹ are accepted; words, NaN, exponents, floats and negatives are not.
    """
    if isinstance(value, (bool, float)) or not isinstance(value, (str, int, Decimal)):
        raise Invalid(fields={field: "give the amount as digits, for example 1200000.00"})
    text = str(value).strip().removeprefix("₹").replace(",", "").strip()
    if not _PLAIN.match(text) or not text.isascii():
        raise Invalid(fields={field: "give rupees as digits with at most two decimals, for example 1200000.00"})
    try:
        amount = Decimal(text).quantize(PAISA)
    except InvalidOperation:
        raise Invalid(fields={field: f"at most {inr(CEILING)}"}) from None
    if amount > CEILING:
        raise Invalid(fields={field: f"at most {inr(CEILING)}"})
    return amount
