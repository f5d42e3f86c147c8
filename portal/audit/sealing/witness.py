"""A witness: cosigns a checkpoint only if the tree before is the beginning of the tree now (C2SP tlog-witness).

It keeps what it signed in a directory of its own. The embedded default keeps it beside everything else, which is a
simulation: a real one is on another machine, under somebody else's hand.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

from bailiwick_proof.checkpoint import cosign, open_checkpoint, read_checkpoint
from bailiwick_proof.keys import SigningKey
from bailiwick_proof.merkle import EMPTY_ROOT, verify_consistency
from bailiwick_proof.policy import Policy

from portal.lib.clock import now

DIGITS = 20


class Witness:
    """One witness over its directory: a file per checkpoint it has cosigned, named by tree size."""

    def __init__(self, key: SigningKey, policy: Policy, directory: Path) -> None:
        """`policy` names the log's keys: what they did not sign is not witnessed."""
        self.key = key
        self.policy = policy
        self.directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def size(self) -> int:
        """The size of the largest tree it has cosigned, 0 at first."""
        return max((int(path.name) for path in self.directory.iterdir() if path.name.isdigit()), default=0)

    def cosign(self, note: bytes, proof: Sequence[bytes]) -> bytes:
        """Return the note with the witness's signature; raises Unproven if the log took back what it had said.

        `proof` shows that the tree of `size()` leaves is the beginning of the note's.
        """
        said = open_checkpoint(note, self.policy, quorum=0).checkpoint
        old = self.size()
        kept = self._read(said.size)
        if kept is not None and read_checkpoint(kept).root == said.root:
            return kept
        verify_consistency(old, said.size, proof, self._root(old), said.root)
        signed = cosign(note, self.key, now())
        self._write(said.size, signed)
        return signed

    def _read(self, size: int) -> bytes | None:
        path = self.directory / f"{size:0{DIGITS}d}"
        return path.read_bytes() if path.exists() else None

    def _root(self, size: int) -> bytes:
        kept = self._read(size)
        return EMPTY_ROOT if kept is None else read_checkpoint(kept).root

    def _write(self, size: int, data: bytes) -> None:
        path = self.directory / f"{size:0{DIGITS}d}"
        with NamedTemporaryFile(dir=self.directory, prefix=f"{path.name}.", delete=False) as draft:
            draft.write(data)
            draft.flush()
            os.fsync(draft.fileno())
        Path(draft.name).rename(path)
