"""The manifest of an erasure: a Merkle tree over what was to be erased, in which nobody can look for an id.

A leaf is a commitment to one id under a salt of its own, and the salt is an HMAC under the manifest's key. Who has
neither key nor salt cannot try ids against the leaves. An `Inclusion` gives away one salt and thereby one id.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from .canonical import canonical
from .commitment import commitment
from .errors import Unproven
from .merkle import Frontier, inclusion_proof, leaf_hash, root, verify_inclusion
from .shape import Code, Digest, Shape
from .strict import read

FORMAT = "bailiwick.erasure-inclusion/1"


def salt_of(key: bytes, system: str, id_: str) -> bytes:
    """The salt of one id, which says nothing about any other's."""
    if len(key) < 32:
        raise ValueError("a manifest's key has at least 32 bytes")
    return hmac.new(key, system.encode() + b"\0" + id_.encode(), hashlib.sha256).digest()


def leaf_of(salt: bytes, system: str, id_: str) -> bytes:
    """The leaf hash of one id of one system."""
    return leaf_hash(bytes.fromhex(commitment(salt, system, id_)))


class Manifest:
    """The growing tree of one system: add ids in a stream, keep the leaves wherever they should go."""

    def __init__(self, key: bytes, system: str, frontier: Frontier | None = None) -> None:
        self._key, self.system, self.frontier = key, system, frontier or Frontier()

    def add(self, id_: str) -> bytes:
        """Add one id; returns its leaf hash."""
        leaf = leaf_of(salt_of(self._key, self.system, id_), self.system, id_)
        self.frontier.append(leaf)
        return leaf

    @property
    def root(self) -> str:
        return self.frontier.root().hex()

    @property
    def leaves(self) -> int:
        return self.frontier.size


@dataclass(frozen=True, slots=True)
class Inclusion(Shape):
    """That one id was a leaf of a system's manifest."""

    format: Code
    system: Code
    id: str
    salt: Digest
    index: int
    leaves: int
    proof: tuple[Digest, ...]

    @classmethod
    def build(cls, key: bytes, system: str, id_: str, leaves: Sequence[bytes]) -> "Inclusion":
        """Prove an id from the manifest's leaf hashes; Unproven when it is not among them."""
        salt = salt_of(key, system, id_)
        leaf = leaf_of(salt, system, id_)
        if leaf not in leaves:
            raise Unproven("this id was never in the manifest")
        index = leaves.index(leaf)
        path = inclusion_proof(index, len(leaves), lambda level, at: root(leaves[at << level : (at + 1) << level]))
        return cls(FORMAT, system, id_, salt.hex(), index, len(leaves), tuple(one.hex() for one in path))

    @classmethod
    def parse(cls, data: bytes) -> "Inclusion":
        """Read the file of a proof strictly."""
        return cls.of(read(data, "a proof of inclusion"))

    def encode(self) -> bytes:
        return canonical(self.plain())

    def verify(self, manifest_root: str, leaves: int) -> None:
        """Raise Unproven unless the id was in the manifest with this root.

        The leaf is hashed here from the id, so that no inner node can stand for one.
        """
        if self.format != FORMAT:
            raise Unproven(f"this verifier reads {FORMAT}, and the proof says {self.format}")
        if self.leaves != leaves:
            raise Unproven(f"the proof is for a manifest of {self.leaves} ids, the certificate's has {leaves}")
        leaf = leaf_of(bytes.fromhex(self.salt), self.system, self.id)
        path = [bytes.fromhex(one) for one in self.proof]
        verify_inclusion(leaf, self.index, leaves, path, bytes.fromhex(manifest_root))
