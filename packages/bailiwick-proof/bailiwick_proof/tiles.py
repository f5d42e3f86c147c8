"""Tiles (c2sp.org/tlog-tiles): the tree's hashes in files of 256, each full one written once and for ever."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from .errors import Malformed
from .merkle import HashAt, root

WIDTH = 256
_PATH = re.compile(r"tile/(entries|0|[1-9]\d?)((?:/x\d{3})*/\d{3})(?:\.p/([1-9]\d{0,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tile:
    """`width` hashes of complete subtrees of 256**level leaves, from the `index * 256`th on; level -1 is entries."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Its name in the store, like `tile/0/x001/x234/067.p/8`."""
        head, last = divmod(self.index, 1000)
        number = f"{last:03}"
        while head:
            head, part = divmod(head, 1000)
            number = f"x{part:03}/{number}"
        level = "entries" if self.level < 0 else str(self.level)
        return f"tile/{level}/{number}" + ("" if self.width == WIDTH else f".p/{self.width}")

    @classmethod
    def parse(cls, path: str) -> "Tile":
        """Read a tile's name; every tile has one spelling."""
        found = _PATH.fullmatch(path)
        if not found:
            raise Malformed(f"not a tile: {path[:80]!r}")
        level, number, width = found.groups()
        index = int(re.sub(r"[/x]", "", number))
        tile = cls(-1 if level == "entries" else int(level), index, int(width or WIDTH))
        if tile.path != path or tile.level > 63:
            raise Malformed(f"not a tile: {path[:80]!r}")
        return tile

    @property
    def leaves(self) -> range:
        """The indexes of the leaves below it."""
        span = WIDTH ** max(self.level, 0)
        return range(self.index * WIDTH * span, (self.index * WIDTH + self.width) * span)


def tiles(old: int, new: int) -> Iterator[Tile]:
    """Yield the hash tiles that a tree growing from `old` to `new` leaves adds or widens, lowest level first."""
    level = 0
    while new:
        for index in range(old // WIDTH, -(-new // WIDTH)):
            width = min(WIDTH, new - index * WIDTH)
            if index * WIDTH + width > old:
                yield Tile(level, index, width)
        old, new, level = old // WIDTH, new // WIDTH, level + 1


def tile_data(tile: Tile, hash_at: HashAt) -> bytes:
    """Return a tile's bytes: its hashes in a row."""
    first = tile.index * WIDTH
    return b"".join(hash_at(8 * tile.level, first + offset) for offset in range(tile.width))


def hashes_from_tiles(size: int, read: Callable[[Tile], bytes]) -> HashAt:
    """Return `hash_at` of a tree of `size` leaves, reading each tile once; `read` may answer with a wider tile."""

    @lru_cache(maxsize=256)
    def tile(level: int, index: int) -> bytes:
        width = min(WIDTH, (size >> 8 * level) - index * WIDTH)
        data = read(Tile(level, index, width))
        if len(data) % 32 or len(data) < 32 * width:
            raise Malformed(f"a tile of {width} hashes has {len(data)} bytes")
        return data

    def hash_at(level: int, index: int) -> bytes:
        if (index + 1) << level > size:
            raise ValueError(f"subtree {index} of 2**{level} leaves is not complete in a tree of {size}")
        row, height = divmod(level, 8)
        first = index << height
        data = tile(row, first // WIDTH)
        start = first % WIDTH
        return root([data[32 * at : 32 * at + 32] for at in range(start, start + (1 << height))])

    return hash_at
