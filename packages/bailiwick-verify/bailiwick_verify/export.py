"""The export directory: where everything is, read as far as its names and counts."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HASH = 32


class Unreadable(Exception):
    """The export is not complete enough to be judged."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive entries from index `first` on: a file of bodies and a file of `count` leaf hashes."""

    first: int
    count: int
    bodies: Path
    leaves: Path

    @property
    def end(self) -> int:
        """The index after its last entry."""
        return self.first + self.count

    def lines(self) -> list[bytes]:
        """The stored bodies."""
        return lines_of(self.bodies)

    def hashes(self) -> list[bytes]:
        """The leaf hashes as the database holds them."""
        data = self.leaves.read_bytes()
        return [data[at : at + HASH] for at in range(0, len(data), HASH)]


@dataclass(frozen=True, slots=True)
class Batch:
    """The anchored copy of entries `first` up to `end`."""

    first: int
    end: int
    path: Path

    def lines(self) -> list[bytes]:
        """The bodies as they were streamed."""
        return lines_of(self.path)


@dataclass(frozen=True, slots=True)
class Export:
    """An export directory; absent parts are empty."""

    path: Path
    chunks: tuple[Chunk, ...]
    batches: tuple[Batch, ...]
    retired: tuple[range, ...]

    @property
    def size(self) -> int:
        """How many leaves the database holds."""
        return self.chunks[-1].end if self.chunks else 0

    def checkpoints(self, source: str) -> list[Path]:
        """The checkpoint files of `anchors/checkpoints` or `witness`, smallest first."""
        return sorted(found for found in self.path.joinpath(source).glob("*") if found.is_file())

    def within(self, first: int, end: int) -> Iterator[Chunk]:
        """The chunks that hold some of the entries `first` up to `end`."""
        return (chunk for chunk in self.chunks if chunk.first < end and first < chunk.end)


def read(path: Path) -> Export:
    """Return what the directory holds; Unreadable when entries or leaves have gaps."""
    if not path.is_dir():
        raise Unreadable(f"{path} is not a directory")
    chunks, batches = tuple(_chunks(path)), tuple(_batches(path / "anchors" / "entries"))
    return Export(path, chunks, batches, _retired(path, chunks[-1].end if chunks else 0))


def lines_of(path: Path) -> list[bytes]:
    """The lines of a file, without a last empty one."""
    return split(path.read_bytes())


def split(data: bytes) -> list[bytes]:
    """The lines of a file's content."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines


def _chunks(path: Path) -> Iterator[Chunk]:
    bodies = sorted(path.joinpath("entries").glob("*.jsonl"))
    leaves = sorted(path.joinpath("leaves").glob("*.bin"))
    if [file.stem for file in bodies] != [file.stem for file in leaves]:
        raise Unreadable("entries/ and leaves/ do not have the same files")
    expected = 0
    for body, leaf in zip(bodies, leaves, strict=True):
        size = leaf.stat().st_size
        if body.stem != f"{expected:012}":
            raise Unreadable(f"entries/{expected:012}.jsonl is missing: the export has a gap")
        if size % HASH:
            raise Unreadable(f"{leaf.name} does not consist of whole hashes")
        yield Chunk(expected, size // HASH, body, leaf)
        expected += size // HASH


def _batches(path: Path) -> Iterator[Batch]:
    for file in sorted(path.glob("*")):
        numbers = re.fullmatch(r"(\d{20})-(\d{20})\.jsonl", file.name)
        if not numbers:
            raise Unreadable(f"anchors/entries/{file.name} is no batch")
        yield Batch(int(numbers[1]), int(numbers[2]) + 1, file)


def _retired(path: Path, size: int) -> tuple[range, ...]:
    file = path / "retired.json"
    if not file.exists():
        return ()
    try:
        return tuple(range(max(first, 0), min(last + 1, size)) for first, last in json.loads(file.read_bytes()))
    except (ValueError, TypeError, RecursionError) as error:
        raise Unreadable(f"retired.json: {error}") from error
