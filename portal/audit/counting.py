"""How far a list of the ledger counts its rows."""

from django.core.paginator import Paginator
from django.utils.functional import cached_property

COUNTED = 10_000


class Capped(Paginator):  # type: ignore[type-arg]
    """Counts to 10,001 and no further: a million entries are not counted for a page of fifty."""

    @cached_property
    def count(self) -> int:
        return int(self.object_list[: COUNTED + 1].count())  # type: ignore[call-arg]
