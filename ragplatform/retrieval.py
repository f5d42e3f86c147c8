"""How a tenant's questions are answered: its configuration document, and the flags that this platform reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bailiwick_client import Snapshot

WIDE_SEARCH = "wide-search"
# Hashing into 256 dimensions finds the neighbourhood; the exact similarity of this many decides the order.
CANDIDATES, WIDELY = 50, 4
MOST_PASSAGES, PASSAGES = 20, 5


@dataclass(frozen=True)
class Retrieval:
    """What is searched, and what of it is given back."""

    passages: int = PASSAGES
    min_score: float = 0.0
    rerank: bool = True
    candidates: int = CANDIDATES

    @property
    def name(self) -> str:
        """Answers under other settings are other answers: a part of their place in the cache."""
        return f"{self.min_score}:{self.rerank:d}:{self.candidates}"


def of(tenant: Snapshot) -> Retrieval:
    """The tenant's settings; what its document does not say, or says in a way not known here, is as shipped."""
    said = tenant.document.get("retrieval", {})
    wide = wide_search(tenant)
    return Retrieval(
        passages=max(1, min(int(_number(said, "passages", PASSAGES)), MOST_PASSAGES)),
        min_score=float(_number(said, "min_score", 0.0)),
        rerank=said.get("rerank") is not False,
        candidates=CANDIDATES * (WIDELY if wide and wide.get("value") is True else 1),
    )


def wide_search(tenant: Snapshot) -> Mapping[str, Any] | None:
    """What the tenant gets of the flag under which four times as many are looked at; None where there is none."""
    found = tenant.flags.get(WIDE_SEARCH)
    return found if isinstance(found, Mapping) else None


def _number(said: Mapping[str, Any], name: str, default: float) -> float:
    found = said.get(name, default)
    return found if isinstance(found, int | float) and not isinstance(found, bool) else default
