"""Bars of budget and actual as coordinates for an inline SVG; the table beside it says the same in figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from .queries import MonthOfYear

WIDTH, HEIGHT, FOOT = 480, 150, 16


@dataclass(frozen=True)
class Bars:
    """One month: two bars that stand on the same line, heights up from it."""

    month: MonthOfYear
    x: int
    middle: int
    width: int
    budget: int
    actual: int

    @property
    def budget_y(self) -> int:
        return HEIGHT - FOOT - self.budget

    @property
    def actual_y(self) -> int:
        return HEIGHT - FOOT - self.actual

    @property
    def actual_x(self) -> int:
        return self.x + self.width


def bars(months: Sequence[MonthOfYear]) -> list[Bars]:
    """Scaled to the largest amount of the year; a credit is drawn as nothing."""
    top = max([max(one.budget_inr, one.known_inr) for one in months] + [Decimal(1)])
    room, step = HEIGHT - FOOT - 4, WIDTH // max(1, len(months))

    def tall(amount: Decimal) -> int:
        return round(max(amount, Decimal(0)) * room / top)

    return [
        Bars(one, at * step + 4, at * step + step // 2, step // 2 - 4, tall(one.budget_inr), tall(one.known_inr))
        for at, one in enumerate(months)
    ]
