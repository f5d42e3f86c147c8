"""Empties a bucket of everything it hides: versions, delete markers, open multipart uploads.

Works by "first page until empty", because a listing that goes on from a marker skips keys when what it has passed is
deleted meanwhile. Killed at any point, it goes on by being called again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from lifecycle.stores import aws
from lifecycle.stores.objects import buckets
from lifecycle.stores.postgres import fences
from lifecycle.stores.tags import OWNER
from lifecycle.stores.throttle import looking
from portal.lib.regions import Region

SYSTEM = "objects"
PAGE = 1000


@dataclass(frozen=True)
class Kept:
    """An object that could not be deleted. `retained` means Object Lock forbids it, which is not a failure."""

    key: str
    version_id: str
    reason: str
    retained: bool
    code: str = ""


@dataclass
class Emptied:
    """What was deleted and what was not. The bucket is empty only when `kept` is."""

    versions: int = 0
    markers: int = 0
    uploads: int = 0
    kept: list[Kept] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not self.kept

    @property
    def failures(self) -> list[Kept]:
        return [one for one in self.kept if not one.retained]

    @property
    def retained(self) -> list[Kept]:
        return [one for one in self.kept if one.retained]


def empty(
    region: Region,
    bucket: str,
    *,
    done: Emptied | None = None,
    before_page: Callable[[Emptied], None] = lambda _: None,
) -> Emptied:
    """Delete everything in the bucket; `before_page` sees the count so far and may raise to stop.

    Before each call the region is asked whether the tenant that the bucket's tag names is held.
    Counts into `done`, which so tells how far it came even when the call fails.
    """
    s3 = aws.client(region, "s3")

    def refuse_held() -> None:
        if owner:
            fences.refuse_held(region, UUID(owner), f"empty {bucket}")

    done = Emptied() if done is None else done
    with aws.translated(SYSTEM, f"empty {bucket}"):
        if aws.unless_absent(s3.head_bucket, Bucket=bucket) is None:
            return done
        owner = buckets.tags(region, bucket).get(OWNER)
        with looking(refuse_held):
            _abort_uploads(s3, bucket, done, before_page)
            _delete_versions(s3, bucket, done, before_page)
    return done


def _abort_uploads(s3: Any, bucket: str, done: Emptied, before_page: Callable[[Emptied], None]) -> None:
    while uploads := s3.list_multipart_uploads(Bucket=bucket, MaxUploads=PAGE).get("Uploads"):
        before_page(done)
        for upload in uploads:
            aws.unless_absent(s3.abort_multipart_upload, Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
            done.uploads += 1


def _delete_versions(s3: Any, bucket: str, done: Emptied, before_page: Callable[[Emptied], None]) -> None:
    """Delete page by page from the front. What cannot go is stepped over, by a marker behind it, and reported."""
    after: dict[str, str] = {}
    while True:
        page = s3.list_object_versions(Bucket=bucket, MaxKeys=PAGE, **after)
        versions, markers = page.get("Versions", []), page.get("DeleteMarkers", [])
        if not versions and not markers:
            return
        before_page(done)
        stayed = delete_page(s3, bucket, [(one["Key"], one["VersionId"]) for one in versions + markers])
        done.versions += len(versions) - sum((one.key, one.version_id) in _ids(versions) for one in stayed)
        done.markers += len(markers) - sum((one.key, one.version_id) in _ids(markers) for one in stayed)
        if stayed:
            done.kept += stayed
            after = _behind(versions + markers, page)
            if not after:
                return


def _behind(listed: list[dict[str, Any]], page: dict[str, Any]) -> dict[str, str]:
    """Return the markers that continue after this page, or nothing when it was the last."""
    if not page.get("IsTruncated"):
        return {}
    return {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}


def _ids(listed: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(one["Key"], one["VersionId"]) for one in listed}


def delete_page(s3: Any, bucket: str, versions: list[tuple[str, str]]) -> list[Kept]:
    """Delete up to PAGE versions, by key and id, in one call; every per-key error comes back, asked again for its lock.

    One that is gone already is no error.
    """
    objects = [{"Key": key, "VersionId": version} for key, version in versions]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
    return [_kept(s3, bucket, error) for error in answer.get("Errors", [])]


def is_locked(s3: Any, bucket: str, key: str, version: str) -> bool:
    """Whether Object Lock keeps this version now."""
    return bool(_lock(s3, bucket, key, version))


def _kept(s3: Any, bucket: str, error: dict[str, str]) -> Kept:
    key, version = error["Key"], error.get("VersionId", "null")
    lock = _lock(s3, bucket, key, version)
    code = error.get("Code", "")
    return Kept(key, version, lock or f"{code}: {error.get('Message')}", retained=bool(lock), code=code)


def _lock(s3: Any, bucket: str, key: str, version: str) -> str:
    """Return why Object Lock keeps this version, or an empty text."""
    try:
        head = s3.head_object(Bucket=bucket, Key=key, VersionId=version)
    except Exception:  # noqa: BLE001 - a marker, or not ours to read: then the first error is the reason
        return ""
    if head.get("ObjectLockLegalHoldStatus") == "ON":
        return "legal hold"
    until = head.get("ObjectLockRetainUntilDate")
    is_in_force = until is not None and until > datetime.now(UTC)
    return f"{head.get('ObjectLockMode')} retention until {until.isoformat()}" if is_in_force else ""
