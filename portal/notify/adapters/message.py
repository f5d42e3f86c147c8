"""What an adapter is given, and what it answers."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Message:
    """One message, ready to send. `body`, `asked_by` and `to` may hold names: only mail uses them."""

    id: str
    event: str
    severity: str
    title: str
    url: str
    at: datetime
    details: list[tuple[str, str]] = field(default_factory=list)
    tenant_id: str = ""
    body: str = ""
    asked_by: str = ""
    to: str = ""


@dataclass(frozen=True)
class Outcome:
    """How an attempt went. `error` never holds an address or a name; `is_final` means that trying again is useless.

    `link` is the page of what the other side made of it, where it made something: an issue of a tracker.
    """

    is_delivered: bool
    error: str = ""
    status: int | None = None
    retry_after: float | None = None
    is_final: bool = False
    link: str = ""
