"""What the platform has acknowledged to one writer: what it says there is, has to be there."""

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Ledger:
    """Document id to content hash, None once its deletion was acknowledged. Only one writer has these ids."""

    path: Path
    state: dict[tuple[str, str], str | None] = field(default_factory=dict)
    written: int = 0  # how many writes were acknowledged, several of one document too
    past: dict[tuple[str, str], set[str]] = field(default_factory=dict)  # the contents that stood there before
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, tenant: str, document: str, sha256: str | None) -> None:
        """Note an acknowledged insert (its hash) or deletion (None), in memory and as a line of the file."""
        line = {"at": time.time(), "tenant": tenant, "document": document, "sha256": sha256}
        with self._lock, self.path.open("a") as file:
            if before := self.state.get((tenant, document)):
                self.past.setdefault((tenant, document), set()).add(before)
            self.state[tenant, document] = sha256
            self.written += 1
            file.write(json.dumps(line) + "\n")

    def doubt(self, tenant: str, document: str) -> None:
        """Stop vouching for a document, and using its id, after a write that nobody can say was done."""
        with self._lock:
            self.state.pop((tenant, document), None)

    def live(self, tenant: str) -> list[str]:
        """The documents of a tenant that are there as far as we were told."""
        return self._known(tenant, live=True)

    def gone(self, tenant: str) -> list[str]:
        """The ids whose deletion was acknowledged: free to be taken again."""
        return self._known(tenant, live=False)

    def _known(self, tenant: str, live: bool) -> list[str]:
        with self._lock:
            found = self.state.items()
            return [document for (owner, document), sha256 in found if owner == tenant and bool(sha256) is live]
