"""What is to be said of a system in which nothing can be, or need be, deleted."""

from dataclasses import dataclass
from datetime import date
from typing import Literal


@dataclass(frozen=True)
class Hint:
    """An outcome that deleting does not explain, in words for the certificate; `until` where it ends by itself."""

    outcome: Literal["anonymised", "expires"]
    reason: str
    until: date | None = None
