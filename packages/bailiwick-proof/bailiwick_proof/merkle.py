"""The Merkle tree of RFC 9162 section 2.1 (RFC 6962's hashes): roots, frontier, inclusion and consistency proofs.

A tree is never held in memory: whoever asks for a proof gives `hash_at(level, index)`, the hash of the complete subtree
over leaves `index * 2**level` up to `(index + 1) * 2**level`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256

from .errors import Malformed, Unproven

HashAt = Callable[[int, int], bytes]
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Hash an entry; no inner node can be passed off as one."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees."""
    return sha256(b"\x01" + left + right).digest()


def root(leaf_hashes: Iterable[bytes]) -> bytes:
    """Return the root of the tree over these leaf hashes."""
    return Frontier().extend(leaf_hashes).root()


def root_at(size: int, hash_at: HashAt) -> bytes:
    """Return the root of the tree of `size` leaves."""
    return _range_root(0, size, hash_at) if size else EMPTY_ROOT


def subtrees(first: int, leaf_hashes: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield (level, hash) of the largest complete subtrees over these leaves, the first of which has index `first`."""
    done = 0
    for level, _ in _parts(first, first + len(leaf_hashes)):
        row = leaf_hashes[done : done + (1 << level)]
        done += 1 << level
        while len(row) > 1:
            row = [sha256(b"\x01" + left + right).digest() for left, right in zip(row[::2], row[1::2], strict=True)]
        yield level, row[0]


class Frontier:
    """The right edge of a growing tree: all that is needed to append leaves and to name the root.

    `size` leaves; `peaks` are the roots of its complete subtrees, largest first.
    """

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)
        if size < 0 or len(self.peaks) != size.bit_count():
            raise Malformed(f"a tree of {size} leaves has another number of complete subtrees than {len(self.peaks)}")

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        self.add(0, leaf)

    def add(self, level: int, subtree: bytes) -> None:
        """Add the root of a complete subtree of 2**level leaves; the size must be a multiple of that."""
        if self.size & ((1 << level) - 1):
            raise ValueError(f"{self.size} leaves are no place for a subtree of 2**{level}")
        carry = self.size >> level
        while carry & 1:
            subtree = node_hash(self.peaks.pop(), subtree)
            carry >>= 1
        self.peaks.append(subtree)
        self.size += 1 << level

    def extend(self, leaf_hashes: Iterable[bytes]) -> "Frontier":
        """Add leaf hashes in order; returns itself."""
        for level, subtree in subtrees(self.size, list(leaf_hashes)):
            self.add(level, subtree)
        return self

    def root(self) -> bytes:
        """Return the root of the tree as it is now."""
        return _fold(self.peaks) if self.peaks else EMPTY_ROOT

    def copy(self) -> "Frontier":
        """Return a frontier that grows by itself."""
        return Frontier(self.size, self.peaks)

    def to_bytes(self) -> bytes:
        """Eight bytes of size, big-endian, and the peaks."""
        return self.size.to_bytes(8, "big") + b"".join(self.peaks)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Frontier":
        """Read `to_bytes`; anything else is Malformed."""
        if len(data) < 8 or len(data) % 32 != 8:
            raise Malformed("not a frontier")
        return cls(int.from_bytes(data[:8], "big"), [data[at : at + 32] for at in range(8, len(data), 32)])


def inclusion_proof(index: int, size: int, hash_at: HashAt) -> list[bytes]:
    """Return the hashes that lead from leaf `index` to the root of the tree of `size` leaves."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    proof, first, end = [], 0, size
    while end - first > 1:
        middle = first + _split(end - first)
        if index < middle:
            proof.append(_range_root(middle, end, hash_at))
            end = middle
        else:
            proof.append(_range_root(first, middle, hash_at))
            first = middle
    return proof[::-1]


def consistency_proof(old: int, new: int, hash_at: HashAt) -> list[bytes]:
    """Return the hashes that show the tree of `old` leaves to be the beginning of the tree of `new` leaves."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {old} does not grow into one of {new}")
    if old in (0, new):
        return []
    proof, first, end = [], 0, new
    while end > old:
        middle = first + _split(end - first)
        if old <= middle:
            proof.append(_range_root(middle, end, hash_at))
            end = middle
        else:
            proof.append(_range_root(first, middle, hash_at))
            first = middle
    if first:
        proof.append(_range_root(first, end, hash_at))
    return proof[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Raise Unproven unless the leaf hash is leaf `index` of the tree of `size` leaves with this root (2.1.3.2)."""
    if not 0 <= index < size:
        raise Unproven(f"leaf {index} is not in a tree of {size}")
    at, last, result = index, size - 1, leaf
    for step in proof:
        if last == 0:
            raise Unproven("the inclusion proof is too long")
        if at & 1 or at == last:
            result = node_hash(step, result)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            result = node_hash(result, step)
        at, last = at >> 1, last >> 1
    if last:
        raise Unproven("the inclusion proof is too short")
    if result != root:
        raise Unproven("the inclusion proof leads to another root")


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Raise Unproven unless the tree of `old` leaves is the beginning of the tree of `new` leaves (2.1.4.2)."""
    if not 0 <= old <= new:
        raise Unproven(f"a tree of {old} does not grow into one of {new}")
    if old in (0, new):
        if proof or old_root != (new_root if old == new else EMPTY_ROOT):
            raise Unproven("nothing was added, yet the roots differ" if old else "an empty tree has another root")
        return
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        raise Unproven("the consistency proof is empty")
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    was = now = path[0]
    for step in path[1:]:
        if last == 0:
            raise Unproven("the consistency proof is too long")
        if at & 1 or at == last:
            was, now = node_hash(step, was), node_hash(step, now)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            now = node_hash(now, step)
        at, last = at >> 1, last >> 1
    if last:
        raise Unproven("the consistency proof is too short")
    if was != old_root or now != new_root:
        raise Unproven("the consistency proof leads to another root")


def _split(count: int) -> int:
    """The largest power of two below `count`, which is above 1."""
    return 1 << (count - 1).bit_length() - 1


def _parts(first: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield (level, index) of the largest complete subtrees that make up leaves `first` up to `end`."""
    while first < end:
        fits = (end - first).bit_length() - 1
        level = min(fits, (first & -first).bit_length() - 1) if first else fits
        yield level, first >> level
        first += 1 << level


def _range_root(first: int, end: int, hash_at: HashAt) -> bytes:
    return _fold([hash_at(level, index) for level, index in _parts(first, end)])


def _fold(peaks: Sequence[bytes]) -> bytes:
    """Bag complete subtrees, largest first, into one root."""
    result = peaks[-1]
    for peak in reversed(peaks[:-1]):
        result = node_hash(peak, result)
    return result
