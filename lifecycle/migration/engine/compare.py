"""Compares the objects of both sides by reading them. Shares no code with what copies them.

An object is its key and its history: for each version the SHA-256 over the bytes read, its length, its tags, its locks
and what is told of its content, for each delete marker its place. Neither ETag nor time count: a multipart upload has
another ETag, a copy another time.
"""

import hashlib
import json
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from bailiwick_proof import merkle

from lifecycle.stores import aws
from portal.lib.regions import Region

from .move import Move

SYSTEM = "objects"
AT_ONCE = 8
OURS = {"bw-sha256", "bw-version"}  # what a copy bears beside what its original says of itself
TOLD = (
    *("ContentType", "ContentEncoding", "ContentLanguage", "ContentDisposition", "CacheControl", "Expires"),
    *("ObjectLockMode", "ObjectLockRetainUntilDate", "ObjectLockLegalHoldStatus"),
)


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

    def mended(self, later: "Digests") -> "Digests":
        """The same with those keys that differed as a later look at them alone has found them."""
        kept = dict(self.source.items() & self.target.items())
        return Digests({**kept, **later.source}, {**kept, **later.target})


def compare(move: Move, beat: Callable[[], None] = lambda: None, keys: Collection[str] | None = None) -> Digests:
    """Read every version of every object on both sides, or of these keys alone."""
    sides = ((move.source, move.bucket), (move.target, move.bucket_there))
    return Digests(*(_digests(region, bucket, beat, keys) for region, bucket in sides))


def _root(digests: dict[str, bytes]) -> str:
    return merkle.root(merkle.leaf_hash(digests[key]) for key in sorted(digests)).hex()


def _digests(region: Region, bucket: str, beat: Callable[[], None], keys: Collection[str] | None) -> dict[str, bytes]:
    with aws.translated(SYSTEM, "compare objects"), ThreadPoolExecutor(AT_ONCE) as pool:
        every = _histories(region, bucket)
        histories = every if keys is None else {key: every[key] for key in keys if key in every}
        found = {}
        jobs = pool.map(lambda item: _digest(region, bucket, *item), sorted(histories.items()))
        for key, digest in zip(sorted(histories), jobs, strict=True):
            found[key] = digest
            beat()
        return found


def _histories(region: Region, bucket: str) -> dict[str, list[dict[str, Any]]]:
    """Every key's versions and markers, oldest first."""
    pages = aws.client(region, "s3").get_paginator("list_object_versions").paginate(Bucket=bucket)
    found: dict[str, list[dict[str, Any]]] = {}
    for page in pages:
        for one in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            found.setdefault(one["Key"], []).append(one)
    for moments in found.values():
        moments.reverse()
        moments.sort(key=_moment)
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
