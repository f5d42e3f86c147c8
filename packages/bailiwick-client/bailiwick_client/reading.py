"""Reading one's own writes while reads move to a store that follows the owner's."""

import re
from dataclasses import dataclass

TOKEN = re.compile(r"(\d{1,18})\.(\d{1,20})", re.ASCII)
SNAPSHOT = re.compile(r"(\d+):(\d+):((?:\d+(?:,\d+)*)?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Applied:
    """What a following store holds: everything visible in the owner's `pg_current_snapshot()`, taken at this epoch."""

    epoch: int
    snapshot: str


@dataclass(frozen=True, slots=True)
class ReadToken:
    """A client's last write: the owner's `pg_current_xact_id()`, at the epoch it was the owner.

    The transaction is enough: a snapshot that shows it was taken after its commit, and so shows whatever the writer had
    seen. What a client makes of its token changes nothing but where its own reads go.
    """

    epoch: int
    xid: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.xid}"

    @classmethod
    def of(cls, text: str) -> "ReadToken | None":
        """What a client sent back; None for what is no token."""
        found = TOKEN.fullmatch(text)
        return cls(int(found[1]), int(found[2])) if found else None

    def is_visible_in(self, applied: Applied) -> bool:
        """Whether the following store shows the write; never True for what it does not.

        Transactions of different owners are not compared: who became owner at a later epoch had all of the earlier.
        """
        if self.epoch != applied.epoch:
            return self.epoch < applied.epoch
        found = SNAPSHOT.fullmatch(applied.snapshot)
        if not found:
            return False
        running = found[3].split(",") if found[3] else []
        return self.xid < int(found[1]) or (self.xid < int(found[2]) and str(self.xid) not in running)
