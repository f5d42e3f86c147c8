"""A tenant's objects, with their versions, delete markers, tags and locks: there before the row that names them is.

Keys are written once, so a key's history only grows: what the target lacks is its end. The content's own SHA-256 is
kept with each copy; an ETag is no content hash.
"""

import hashlib
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import IO, Any
from urllib.parse import urlencode
from uuid import UUID

from psycopg import Connection, sql

from lifecycle.stores import aws
from portal.lib.regions import Region

from .move import Move
from .tables import Table

SYSTEM = "objects"
AT_ONCE = 8
IN_MEMORY = 16 * 1024 * 1024
# Which rows name an object: a document its original, a note of the outbox one that is to go.
NAMED = {"documents": "object_key", "document_outbox": "detail->>'object_key'"}
NAMED_BY = (
    "SELECT object_key FROM rag.documents WHERE tenant_id = %s AND object_key = ANY (%s)",
    "SELECT detail->>'object_key' FROM rag.document_outbox WHERE tenant_id = %s AND detail->>'object_key' = ANY (%s)",
)
SHA256, VERSION = "bw-sha256", "bw-version"
KEPT = (
    *("ContentType", "ContentEncoding", "ContentLanguage", "ContentDisposition", "CacheControl", "Expires"),
    *("ObjectLockMode", "ObjectLockRetainUntilDate", "ObjectLockLegalHoldStatus"),
)


@dataclass(frozen=True)
class Version:
    """One moment of a key's history, oldest first: a content, or the mark that it was deleted."""

    id: str
    is_marker: bool
    is_latest: bool
    at: datetime


def named(db: Connection[Any], table: Table, condition: sql.Composed) -> list[str]:
    """The objects that these rows name."""
    if table.name not in NAMED:
        return []
    query = sql.SQL("SELECT DISTINCT {} FROM {} WHERE {}")
    rows = db.execute(query.format(sql.SQL(NAMED[table.name]), table.identifier, condition)).fetchall()
    return [key for (key,) in rows if key]


def still_named(db: Connection[Any], tenant_id: UUID, keys: Iterable[str]) -> set[str]:
    """Those of the keys that any row names."""
    return {key for query in NAMED_BY for (key,) in db.execute(query, (tenant_id, list(keys))).fetchall()}


def bring(move: Move, keys: Iterable[str]) -> int:
    """Leave every key with the same history on the target as on the source; returns how many versions that took."""
    wanted = sorted(set(keys))
    if not (wanted and move.bucket):
        return 0
    with aws.translated(SYSTEM, "copy objects"), ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(lambda key: _bring(move, key), wanted))


def lacking(region: Region, bucket: str, keys: Iterable[str]) -> int:
    """How many of the keys have no history in this bucket."""
    with aws.translated(SYSTEM, "look for objects"), ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(not found for found in pool.map(lambda key: history(region, bucket, key), sorted(set(keys))))


def mark_deleted(move: Move, keys: Iterable[str]) -> None:
    """Delete on the target, whose versions stay, what the source has deleted and cannot say so itself."""
    s3 = aws.client(move.target, "s3")
    with aws.translated(SYSTEM, "delete objects"):
        for key in keys if move.bucket else ():
            found = history(move.target, move.bucket_there, key)
            if found and not found[-1].is_marker:
                s3.delete_object(Bucket=move.bucket_there, Key=key)


def keys(region: Region, bucket: str, after: str = "") -> Iterator[str]:
    """Every key that has a history, in order, those whose newest version is a marker included."""
    return (key for key, _ in moments(region, bucket, after))


def moments(region: Region, bucket: str, after: str = "") -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The same with what the store lists of each: a marker has no `Size`."""
    s3, told = aws.client(region, "s3"), list[dict[str, Any]]()
    page: dict[str, Any] = {"KeyMarker": after} if after else {}
    while True:
        with aws.translated(SYSTEM, "list objects"):
            found = s3.list_object_versions(Bucket=bucket, **page)
        some = [*found.get("Versions", []), *found.get("DeleteMarkers", [])]
        for one in sorted(some, key=lambda one: str(one["Key"])):
            if told and told[0]["Key"] != one["Key"]:
                yield told[0]["Key"], told
                told = []
            told.append(one)
        if not found.get("IsTruncated"):
            break
        page = {"KeyMarker": found["NextKeyMarker"], "VersionIdMarker": found["NextVersionIdMarker"]}
    if told:
        yield told[0]["Key"], told


def bring_some(move: Move, seconds: float, after: str = "") -> str | None:
    """Bring key after key for about so long; returns the last one, or None when there are no more."""
    until = time.monotonic() + seconds
    every = keys(move.source, move.bucket, after) if move.bucket else iter(())
    while batch := list(islice(every, 10 * AT_ONCE)):
        bring(move, batch)
        if time.monotonic() > until:
            return batch[-1]
    return None


def history(region: Region, bucket: str, key: str) -> list[Version]:
    """The key's versions and markers, oldest first."""
    s3, found = aws.client(region, "s3"), []
    page: dict[str, Any] = {}
    while True:
        answer = s3.list_object_versions(Bucket=bucket, Prefix=key, **page)
        for kind in ("Versions", "DeleteMarkers"):
            found += [(one, kind == "DeleteMarkers") for one in answer.get(kind, []) if one["Key"] == key]
        if not answer.get("IsTruncated") or answer["NextKeyMarker"] > key:
            break
        page = {"KeyMarker": answer["NextKeyMarker"], "VersionIdMarker": answer["NextVersionIdMarker"]}
    return _oldest_first(
        [Version(one["VersionId"], marker, one["IsLatest"], one["LastModified"]) for one, marker in found]
    )


def remove(region: Region, bucket: str, key: str) -> None:
    """Forget the key's whole history."""
    s3 = aws.client(region, "s3")
    for version in history(region, bucket, key):
        s3.delete_object(Bucket=bucket, Key=key, VersionId=version.id)


def _oldest_first(newest_first: Sequence[Version]) -> list[Version]:
    """S3 lists the newest first, versions and markers apart, and tells times by the second.

    Of one second the latest comes last, and a marker behind the content it marks: keys are written once.
    """
    found = list(reversed(newest_first))
    found.sort(key=lambda one: (one.at, one.is_latest, one.is_marker))
    return found


def _bring(move: Move, key: str) -> int:
    there, here = history(move.source, move.bucket, key), history(move.target, move.bucket_there, key)
    if [one.is_marker for one in here] != [one.is_marker for one in there[: len(here)]]:
        remove(
            move.target, move.bucket_there, key
        )  # an earlier move left it; its source has forgotten some of it since
        here = []
    for version in there[len(here) :]:
        if version.is_marker:
            aws.client(move.target, "s3").delete_object(Bucket=move.bucket_there, Key=key)
        else:
            _copy(move, key, version)
    return len(there) - len(here)


def _copy(move: Move, key: str, version: Version) -> None:
    source, target = aws.client(move.source, "s3"), aws.client(move.target, "s3")
    place = {"Bucket": move.bucket, "Key": key, "VersionId": version.id}
    got = source.get_object(**place)
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as body:
        digest = _drain(got["Body"], body)
        kept = {name: got[name] for name in KEPT if name in got}
        # Who may not read tags is told of none here; the comparison asks for them, and is refused.
        tags = source.get_object_tagging(**place)["TagSet"] if got.get("TagCount") else []
        tagging = {"Tagging": urlencode(aws.as_dict(tags))} if tags else {}
        metadata = got.get("Metadata", {}) | {SHA256: digest, VERSION: version.id}
        target.put_object(Bucket=move.bucket_there, Key=key, Body=body, Metadata=metadata, **kept, **tagging)


def _drain(coming: Any, going: IO[bytes]) -> str:
    digest = hashlib.sha256()
    for block in coming.iter_chunks(1 << 20):
        digest.update(block)
        going.write(block)
    going.seek(0)
    return digest.hexdigest()
