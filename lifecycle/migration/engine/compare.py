"""Compares the objects of both sides by reading them. Shares no code with what copies them.

An object is its key and its history: for each version the SHA-256 over the bytes read, its length, its tags, its locks
and what is told of its content, for each delete marker its place. Neither ETag nor time count: a multipart upload has
another ETag, a copy another time.
"""

import hashlib
import heapq
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any, TypeVar

from bailiwick_proof import merkle

from lifecycle.stores import aws
from portal.lib.regions import Region

from .move import Move

SYSTEM = "objects"
AT_ONCE, PIECE = 8, 256  # objects read at a time; keys of a piece
OURS = {"bw-sha256", "bw-version"}  # what a copy bears beside what its original says of itself
TOLD = (
    *("ContentType", "ContentEncoding", "ContentLanguage", "ContentDisposition", "CacheControl", "Expires"),
    *("ObjectLockMode", "ObjectLockRetainUntilDate", "ObjectLockLegalHoldStatus"),
)
Listed = TypeVar("Listed", bound=tuple[str, int, Any])  # key; 0 for the source, 1 for the target; what is told of it


@dataclass(frozen=True)
class Digests:
    """Each side's keys with the hash of what they hold. Roots are RFC 9162 trees over the keys in order, hex."""

    source: dict[str, bytes]
    target: dict[str, bytes]

    @property
    def keys(self) -> int:
        return len(self.source)

    @property
    def root_source(self) -> str:
        return _root(self.source)

    @property
    def root_target(self) -> str:
        return _root(self.target)

    @property
    def mismatches(self) -> list[str]:
        """The keys that do not hold the same."""
        return sorted({key for key, _ in self.source.items() ^ self.target.items()})

    @property
    def ok(self) -> bool:
        return self.source == self.target

    @property
    def leaves(self) -> list[bytes]:
        """The source's keys in order, as leaves of its tree."""
        return [merkle.leaf_hash(self.source[key]) for key in sorted(self.source)]

    def mended(self, later: "Digests") -> "Digests":
        """The same with those keys that differed as a later look at them alone has found them."""
        kept = dict(self.source.items() & self.target.items())
        return Digests({**kept, **later.source}, {**kept, **later.target})


def pieces(
    move: Move, after: str = "", beat: Callable[[], None] = lambda: None, *, of_both: bool = False
) -> Iterator[tuple[Digests, str]]:
    """Read every version of every object on both sides in the order of the keys, from behind `after`.

    Some keys at a time, with the last of them: whoever has kept what it found goes on behind it. `of_both`: of the
    keys alone that neither side lacks.
    """
    with aws.translated(SYSTEM, "compare objects"):
        for some in by_piece(*(listed(move, side, after) for side in (0, 1))):
            yield _digests(move, _on_both(some) if of_both else some, beat), some[-1][0]


def by_piece(*sides: Iterator[Listed]) -> Iterator[list[Listed]]:
    """What both sides list in the order of their keys, as one: PIECE keys at a time, each with all that has it."""
    both = heapq.merge(*sides, key=lambda one: one[:2])
    by_key = (list(found) for _, found in groupby(both, key=lambda one: one[0]))
    while some := list(islice(by_key, PIECE)):
        yield [one for found in some for one in found]


def _on_both(some: list[Listed]) -> list[Listed]:
    found = Counter(key for key, *_ in some)
    return [one for one in some if found[one[0]] == 2]


def compare(move: Move, keys: Collection[str] | None = None) -> Digests:
    """The same of all objects, or of these keys alone, in one."""
    if keys is None:
        whole = Digests({}, {})
        for found, _ in pieces(move):
            whole.source.update(found.source)
            whole.target.update(found.target)
        return whole
    with aws.translated(SYSTEM, "compare objects"):
        first = (next(listed(move, side, prefix=key), None) for key in sorted(keys) for side in (0, 1))
        return _digests(move, [one for one in first if one and one[0] in keys])


History = tuple[str, int, list[dict[str, Any]]]  # key; 0 for the source, 1 for the target; versions, oldest first


def sides(move: Move) -> list[tuple[Region, str]]:
    """Region and bucket of the source, and of the target."""
    return [(move.source, move.bucket), (move.target, move.bucket_there)]


def _root(digests: dict[str, bytes]) -> str:
    return merkle.root(merkle.leaf_hash(digests[key]) for key in sorted(digests)).hex()


def _digests(move: Move, histories: list[History], beat: Callable[[], None] = lambda: None) -> Digests:
    places, found = sides(move), Digests({}, {})

    def hashed(one: History) -> bytes:
        key, side, versions = one
        region, bucket = places[side]
        return _digest(region, bucket, key, versions)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = pool.map(hashed, histories)
        for (key, side, _), digest in zip(histories, jobs, strict=True):
            (found.target if side else found.source)[key] = digest
            beat()
    return found


def listed(move: Move, side: int, after: str = "", prefix: str = "") -> Iterator[History]:
    """Key after key in order; one that is its own prefix comes first."""
    region, bucket = sides(move)[side]
    s3, where = aws.client(region, "s3"), {"KeyMarker": after, "Prefix": prefix}
    page = {name: value for name, value in where.items() if value}  # an empty marker is not the same everywhere
    told: list[dict[str, Any]] = []
    while True:
        answer = s3.list_object_versions(Bucket=bucket, **page)
        some = [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]
        for one in sorted(some, key=lambda one: one["Key"]):
            if told and told[0]["Key"] != one["Key"]:
                yield told[0]["Key"], side, _oldest_first(told)
                told = []
            told.append(one)
        if not answer.get("IsTruncated"):
            break
        page |= {"KeyMarker": answer["NextKeyMarker"], "VersionIdMarker": answer["NextVersionIdMarker"]}
    if told:
        yield told[0]["Key"], side, _oldest_first(told)


def _oldest_first(newest_first: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = newest_first[::-1]
    found.sort(key=_moment)
    return found


def _moment(one: dict[str, Any]) -> tuple[Any, ...]:
    """Listed newest first and by the second: of one second the latest is last, and a marker behind its content."""
    return one["LastModified"], one["IsLatest"], "Size" not in one


def _digest(region: Region, bucket: str, key: str, moments: list[dict[str, Any]]) -> bytes:
    """The key's history as one hash."""
    s3, told = aws.client(region, "s3"), []
    for moment in moments:
        if "Size" not in moment:
            told.append("deleted")
            continue
        place = {"Bucket": bucket, "Key": key, "VersionId": moment["VersionId"]}
        content, length = hashlib.sha256(), 0
        got = s3.get_object(**place)
        for block in got["Body"].iter_chunks(1 << 20):
            content.update(block)
            length += len(block)
        tags = sorted((tag["Key"], tag["Value"]) for tag in s3.get_object_tagging(**place)["TagSet"])
        told.append(json.dumps([length, content.hexdigest(), tags, _beside(got)], sort_keys=True))
    return hashlib.sha256(json.dumps([key, told]).encode()).digest()


def _beside(got: dict[str, Any]) -> dict[str, str]:
    """What a version says of itself beside its content: its kind, until when it is locked, what its writer noted."""
    said = {name: str(got[name]) for name in TOLD if got.get(name)}
    return said | {f"x-{name}": value for name, value in got.get("Metadata", {}).items() if name not in OURS}
