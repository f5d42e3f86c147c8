"""Receipts (c2sp.org/tlog-proof, `.tlog-proof`): one file that proves offline that an entry is in the ledger.

`extra` carries the entry's own bytes. It needs no trust: they hash to the proved leaf or the receipt fails.
"""

from dataclasses import dataclass

from .checkpoint import Opened, open_checkpoint, read_checkpoint
from .encoding import from_base64, to_base64, to_hash, to_number
from .errors import Malformed
from .merkle import HashAt, inclusion_proof, leaf_hash, verify_inclusion
from .policy import Policy

SUFFIX = ".tlog-proof"
_FIRST = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class Receipt:
    """An entry's index, the path from its leaf to the root, and the signed checkpoint with that root."""

    index: int
    proof: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    @classmethod
    def build(cls, index: int, checkpoint: bytes, hash_at: HashAt, entry: bytes | None = None) -> "Receipt":
        """Return the receipt of leaf `index` in the tree of a signed checkpoint."""
        size = read_checkpoint(checkpoint).size
        return cls(index, tuple(inclusion_proof(index, size, hash_at)), checkpoint, entry)

    @classmethod
    def parse(cls, data: bytes) -> "Receipt":
        """Read a receipt strictly."""
        head, gap, checkpoint = data.partition(b"\n\n")
        try:
            first, *lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as error:
            raise Malformed("not a receipt") from error
        if first != _FIRST or not gap:
            raise Malformed("not a receipt")
        extra = from_base64(lines.pop(0)[6:]) if lines and lines[0].startswith("extra ") else None
        if not lines or not lines[0].startswith("index "):
            raise Malformed("the receipt has no index")
        return cls(to_number(lines[0][6:]), tuple(map(to_hash, lines[1:])), checkpoint, extra)

    def encode(self) -> bytes:
        """Return the bytes of the `.tlog-proof` file."""
        extra = [] if self.extra is None else [f"extra {to_base64(self.extra)}"]
        lines = [_FIRST, *extra, f"index {self.index}", *map(to_base64, self.proof)]
        return "".join(f"{line}\n" for line in lines).encode() + b"\n" + self.checkpoint

    def verify(self, policy: Policy, entry: bytes | None = None, quorum: int | None = None) -> Opened:
        """Return the checkpoint that proves the entry (`extra` if none is given), else raise Malformed or Unproven."""
        body = self.extra if entry is None else entry
        if body is None:
            raise Malformed("neither the receipt nor the caller brings the entry")
        opened = open_checkpoint(self.checkpoint, policy, quorum)
        proved = opened.checkpoint
        verify_inclusion(leaf_hash(body), self.index, proved.size, self.proof, proved.root)
        return opened
