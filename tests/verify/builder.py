"""A ledger as the portal writes it, small and in memory: entries, seals, anchors, a witness, and its export.

    ledger = Ledger()
    ledger.run(seconds=10)          # twenty entries and one checkpoint a second
    ledger.write(tmp_path)          # the directory bailiwick-verify reads

Attacks are what a test does to `entries`, `leaves` and `checkpoint` (the database) or to `anchors`, `copies` and
`witnessed` before it writes the export. Without one, verification passes.
"""

import copy
import json
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bailiwick_proof.checkpoint import Checkpoint, cosign
from bailiwick_proof.keys import WITNESS, SigningKey, generate
from bailiwick_proof.merkle import Frontier, leaf_hash
from bailiwick_proof.policy import LogKey, Policy

ORIGIN = "bailiwick.test/ledger"
START = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
LOG = SigningKey.parse(generate(ORIGIN))
AUDITOR = SigningKey.parse(generate("auditor.test", WITNESS))
STRANGER = SigningKey.parse(generate(ORIGIN))
POLICY = Policy(ORIGIN, (LogKey(LOG.verifier),), (AUDITOR.verifier,), 1)
CHUNK = 1 << 16


def body(at: datetime, identity: int, **more: Any) -> bytes:
    """An entry as PostgreSQL prints jsonb: shortest keys first."""
    plain = {"at": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "id": identity, "op": "A", "verb": "suspend", **more}
    return json.dumps(dict(sorted(plain.items(), key=lambda item: (len(item[0]), item[0])))).encode()


@dataclass
class Ledger:
    """What the database, the object store and the witness hold."""

    rate: int = 20
    chunk: int = CHUNK
    now: datetime = START
    serial: int = 0
    entries: list[bytes] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list)
    tree: Frontier = field(default_factory=Frontier)
    checkpoint: bytes = b""
    anchors: dict[int, bytes] = field(default_factory=dict)
    copies: dict[tuple[int, int], list[bytes]] = field(default_factory=dict)
    witnessed: dict[int, bytes] = field(default_factory=dict)
    retired: list[tuple[int, int]] = field(default_factory=list)

    def run(self, seconds: int = 1, **more: Any) -> "Ledger":
        """Let the portal work for some seconds, sealing at the end of each."""
        for _ in range(seconds):
            for _ in range(self.rate):
                self.now += timedelta(seconds=1 / self.rate)
                self.serial += 1
                self.append(body(self.now, self.serial, actor=f"person-{self.serial % 7}", **more))
            self.seal()
        return self

    def append(self, entry: bytes) -> None:
        """An entry gets the next index."""
        self.entries.append(entry)
        self.leaves.append(leaf_hash(entry))

    def seal(self, key: SigningKey = LOG, witness: bool = True) -> None:
        """Sign what there is; stream it; anchor the checkpoint unless that name is taken; let the witness sign."""
        first, size = self.tree.size, len(self.leaves)
        self.tree.extend(self.leaves[first:])
        self.checkpoint = Checkpoint.sealed(ORIGIN, size, self.tree.root(), self.now).sign(key)
        self.anchors.setdefault(size, self.checkpoint)
        self.copies.setdefault((first, size - 1), self.entries[first:])
        if witness:
            self.witnessed.setdefault(size, cosign(self.checkpoint, AUDITOR, self.now))

    def recompute(self, key: SigningKey = LOG) -> "Ledger":
        """Make leaves, tree and the database's checkpoint fit the bodies again, signed."""
        self.leaves = [leaf_hash(entry) for entry in self.entries]
        return self.sign(key)

    def sign(self, key: SigningKey = LOG) -> "Ledger":
        """Sign the database's leaves as they are."""
        self.tree = Frontier().extend(self.leaves)
        self.checkpoint = Checkpoint.sealed(ORIGIN, self.tree.size, self.tree.root(), self.now).sign(key)
        return self

    def dump(self) -> "Ledger":
        """The database as it is now, to be restored later."""
        return copy.deepcopy(self)

    def restore(self, dump: "Ledger") -> None:
        """Put the database back; object store and witness are out of reach."""
        for name in ("serial", "entries", "leaves", "tree", "checkpoint"):
            setattr(self, name, copy.deepcopy(getattr(dump, name)))

    def write(self, path: Path, policy: Policy | None = POLICY) -> Path:
        """Write the export, in place of what was there."""
        shutil.rmtree(path, ignore_errors=True)
        if policy:
            _put(path / "policy.json", policy.encode())
        _put(path / "checkpoint", self.checkpoint)
        for first in range(0, len(self.entries), self.chunk):
            chunk = slice(first, first + self.chunk)
            _put(path / "entries" / f"{first:012}.jsonl", b"".join(line + b"\n" for line in self.entries[chunk]))
            _put(path / "leaves" / f"{first:012}.bin", b"".join(self.leaves[chunk]))
        _put(path / "retired.json", json.dumps(self.retired).encode())
        for size, note in self.anchors.items():
            _put(path / "anchors" / "checkpoints" / f"{size:020}", note)
        for (first, last), lines in self.copies.items():
            name = f"{first:020}-{last:020}.jsonl"
            _put(path / "anchors" / "entries" / name, b"".join(line + b"\n" for line in lines))
        for size, note in self.witnessed.items():
            _put(path / "witness" / f"{size:020}", note)
        return path


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
