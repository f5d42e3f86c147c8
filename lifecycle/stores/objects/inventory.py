"""S3 Inventory: what AWS itself has listed of a bucket, as far as a whole report of all its versions is at hand.

Reads only. Formats: https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
"""

import csv
import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from tempfile import TemporaryFile
from typing import Any
from urllib.parse import unquote_plus

from lifecycle.stores import aws
from lifecycle.stores.errors import Permanent
from portal.lib.regions import Region

SYSTEM = "inventory"
MADE = re.compile(r"/\d{4}-\d\d-\d\dT\d\d-\d\dZ/$")
NEEDED = {"Key", "VersionId", "IsLatest", "IsDeleteMarker", "Size"}


@dataclass(frozen=True)
class Report:
    """One report: when its listing began, where its files are, and what their columns are."""

    at: datetime
    bucket: str
    columns: tuple[str, ...]
    files: tuple[tuple[str, str], ...]  # key and MD5, hex


@dataclass(frozen=True)
class Row:
    """One version as the report has it. `size` is None for a delete marker, `etag` empty where there is no column."""

    key: str
    version: str
    is_latest: bool
    size: int | None
    etag: str


def newest(region: Region, bucket: str) -> Report | None:
    """The newest report of every version of every object in the bucket, its manifest as its checksum says."""
    s3 = aws.client(region, "s3")
    with aws.translated(SYSTEM, f"look for an inventory of {bucket}"):
        found = [report for one in _configurations(s3, bucket) if (report := _newest(s3, bucket, one))]
    return max(found, key=lambda report: report.at, default=None)


def rows(region: Region, report: Report) -> Iterator[Row]:
    """All that it lists, file by file; Permanent where a file is not what the manifest says."""
    for key, md5 in report.files:
        with TemporaryFile() as body:
            _fetch(region, report.bucket, key, md5, body)
            with gzip.open(body, "rt", encoding="utf-8", newline="") as lines:
                for line in csv.reader(lines):
                    yield _row(dict(zip(report.columns, line, strict=True)))


def _configurations(s3: Any, bucket: str) -> Iterator[dict[str, Any]]:
    """Those whose reports are of everything, and in a format that is read here."""
    page: dict[str, Any] = {}
    while True:
        answer = s3.list_bucket_inventory_configurations(Bucket=bucket, **page)
        for one in answer.get("InventoryConfigurationList", []):
            is_whole = one["IncludedObjectVersions"] == "All" and not (one.get("Filter") or {}).get("Prefix")
            if is_whole and one["Destination"]["S3BucketDestination"]["Format"] == "CSV":
                yield one
        if not answer.get("IsTruncated"):
            return
        page = {"ContinuationToken": answer["NextContinuationToken"]}


def _newest(s3: Any, bucket: str, configuration: dict[str, Any]) -> Report | None:
    to = configuration["Destination"]["S3BucketDestination"]
    place = {"Bucket": to["Bucket"].rpartition(":")[2]}
    under = "/".join(filter(None, (to.get("Prefix", "").rstrip("/"), bucket, configuration["Id"])))
    pages = s3.get_paginator("list_objects_v2").paginate(**place, Prefix=f"{under}/", Delimiter="/")
    folders = [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", [])]
    for folder in sorted(filter(MADE.search, folders), reverse=True):
        told = s3.list_objects_v2(**place, Prefix=f"{folder}manifest.").get("Contents", [])
        if {one["Key"].removeprefix(folder) for one in told} >= {"manifest.json", "manifest.checksum"}:
            manifest = s3.get_object(**place, Key=f"{folder}manifest.json")["Body"].read()
            checksum = s3.get_object(**place, Key=f"{folder}manifest.checksum")["Body"].read().decode().strip()
            _as_summed(f"{folder}manifest.json", hashlib.md5(manifest, usedforsecurity=False).hexdigest(), checksum)
            return _report(json.loads(manifest), place["Bucket"])
    return None


def _report(manifest: dict[str, Any], bucket: str) -> Report | None:
    columns = tuple(name.strip() for name in manifest["fileSchema"].split(","))
    if not set(columns) >= NEEDED:
        return None
    at = datetime.fromtimestamp(int(manifest["creationTimestamp"]) / 1000, UTC)
    return Report(at, bucket, columns, tuple((one["key"], one["MD5checksum"]) for one in manifest["files"]))


def _fetch(region: Region, bucket: str, key: str, md5: str, to: Any) -> None:
    summed = hashlib.md5(usedforsecurity=False)
    with aws.translated(SYSTEM, f"read {key}"):
        for block in aws.client(region, "s3").get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(1 << 20):
            summed.update(block)
            to.write(block)
    _as_summed(key, summed.hexdigest(), md5)
    to.seek(0)


def _as_summed(key: str, found: str, told: str) -> None:
    if found != told.lower():
        raise Permanent(SYSTEM, "read a report", f"{key} has the MD5 {found}, and {told} is told")


def _row(cells: dict[str, str]) -> Row:
    is_marker = cells["IsDeleteMarker"] == "true"
    size = None if is_marker else int(cells["Size"])
    version, etag = cells["VersionId"] or "null", "" if is_marker else cells.get("ETag", "")
    return Row(unquote_plus(cells["Key"]), version, cells["IsLatest"] == "true", size, etag)
