"""Who goes first: one tenant, then 5 % of all, then 25 %, then everybody."""

from collections.abc import Sequence
from math import ceil
from typing import TypeVar

T = TypeVar("T")
SHARES = (0.0, 0.05, 0.25, 1.0)


def waves(members: Sequence[T]) -> list[tuple[int, T]]:
    """Each member with its wave, 1 to 4, in the given order. A share counts those before it; each wave brings one more.

    >>> [wave for wave, _ in waves(range(8))]
    [1, 2, 3, 4, 4, 4, 4, 4]
    """
    found: list[tuple[int, T]] = []
    for wave, share in enumerate(SHARES, start=1):
        upto = max(len(found) + 1, ceil(share * len(members)))
        found += [(wave, one) for one in members[len(found) : upto]]
    return found
