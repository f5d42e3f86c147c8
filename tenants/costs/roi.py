"""What automation returns: the same tenants set up by hand and by the portal, over a number of months."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

TENTH = Decimal("0.1")


@dataclass(frozen=True)
class Inputs:
    """Setting up one tenant by hand and automated, running the platform for a month, building it once; INR."""

    tenants: int = 10
    months: int = 12
    manual_inr: Decimal = Decimal(50_000)
    automated_inr: Decimal = Decimal(5_000)
    overhead_inr: Decimal = Decimal(18_000)
    build_inr: Decimal = Decimal(1_500_000)


@dataclass(frozen=True)
class Returns:
    """`saved_percent` is without the build, which is paid once; the break-evens are in tenants over the months."""

    by_hand_inr: Decimal
    automated_inr: Decimal
    saved_inr: Decimal
    saved_percent: Decimal | None
    saved_after_build_inr: Decimal
    break_even: Decimal | None
    break_even_after_build: int | None


def returns(given: Inputs) -> Returns:
    """Compare both ways. What is not saved at any number of tenants has no break-even."""
    by_hand = given.manual_inr * given.tenants
    overhead = given.overhead_inr * given.months
    automated = given.automated_inr * given.tenants + overhead
    saved, each = by_hand - automated, given.manual_inr - given.automated_inr
    return Returns(
        by_hand_inr=by_hand,
        automated_inr=automated,
        saved_inr=saved,
        saved_percent=(saved * 100 / by_hand).quantize(TENTH, "ROUND_HALF_UP") if by_hand else None,
        saved_after_build_inr=saved - given.build_inr,
        break_even=(overhead / each).quantize(TENTH, "ROUND_HALF_UP") if each > 0 else None,
        break_even_after_build=_whole((overhead + given.build_inr) / each) if each > 0 else None,
    )


def _whole(tenants: Decimal) -> int:
    """A part of a tenant breaks nothing even."""
    return int(tenants.to_integral_value(ROUND_CEILING))
