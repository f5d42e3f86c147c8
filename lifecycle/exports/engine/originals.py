"""Originals of documents: every version that the bucket keeps, under a number, with a line that says what it was.

What is there is listed once; each version is copied as it is, and never changes. So a copy that is there already, by
whichever attempt, is the same one: it is told by the hash that it carries.
"""

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from lifecycle.stores import aws
from lifecycle.stores.errors import Transient
from portal.lib.regions import Region

from .place import SYSTEM, Place
from .writing import PART, Beat, Written, lines, opened, read

LISTING, INDEX, SHA256 = "listing.jsonl", "objects/index.jsonl", "bw-sha256"
AT_ONCE = 8
HEADERS = ("ContentType", "ContentEncoding", "ContentLanguage", "ContentDisposition", "CacheControl")
SAFE = re.compile(r"[^A-Za-z0-9._-]+")


class Changed(Transient):
    """A version that was listed is not there any more: list anew."""


def list_all(place: Place, attempt: str, bucket: str, beat: Beat) -> Written:
    """Write down every version and marker that the tenant's bucket holds now: the one list that all else follows."""
    with opened(place, attempt, LISTING, beat) as file:
        for number, one in enumerate(_versions(place.region, bucket), 1):
            file.line(json.dumps({"path": _path(number, one), **one}))
            beat()
        return file.close()


def copy_all(place: Place, attempt: str, bucket: str, beat: Beat) -> tuple[Written, int, int]:
    """Copy each listed version and write the index; returns it, how many versions there are, and how many bytes."""
    total = size = 0
    with opened(place, attempt, INDEX, beat) as index, ThreadPoolExecutor(AT_ONCE) as pool:
        listed = map(json.loads, lines(read(place, attempt, LISTING)))
        while some := list(islice(listed, 8 * AT_ONCE)):
            for line in pool.map(lambda one: _copied(place, attempt, bucket, one), some):
                index.line(json.dumps(line))
                total += not line["is_marker"]
                size += line.get("bytes", 0)
            beat()
        return index.close(), total, size


def _versions(region: Region, bucket: str) -> Iterator[dict[str, Any]]:
    s3 = aws.client(region, "s3")
    if aws.unless_absent(s3.head_bucket, Bucket=bucket) is None:
        return
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for kind in ("Versions", "DeleteMarkers"):
            for one in page.get(kind, []):
                yield {
                    "key": one["Key"],
                    "version": one["VersionId"],
                    "is_latest": one["IsLatest"],
                    "is_marker": kind == "DeleteMarkers",
                    "modified": one["LastModified"].isoformat(),
                }


def _path(number: int, one: dict[str, Any]) -> str:
    """A number makes it unique, what is left of its name makes it readable; a marker has no content."""
    if one["is_marker"]:
        return ""
    return f"objects/{number:09d}-{SAFE.sub('_', one['key'].rpartition('/')[2])[-60:] or 'object'}"


def _copied(place: Place, attempt: str, bucket: str, one: dict[str, Any]) -> dict[str, Any]:
    if one["is_marker"]:
        return one
    with aws.translated(SYSTEM, f"copy {one['path']}"):
        there = aws.unless_absent(place.s3.head_object, Bucket=place.bucket, Key=place.key(attempt, one["path"]))
        where = {"Bucket": bucket, "Key": one["key"], "VersionId": one["version"]}
        try:
            got = place.s3.head_object(**where) if there else place.s3.get_object(**where)
        except ClientError as error:
            if aws.code(error) in ("404", "NoSuchKey", "NoSuchVersion"):
                raise Changed(SYSTEM, "copy originals", "a version that was listed is not there any more") from error
            raise
        tags = aws.as_dict(place.s3.get_object_tagging(**where)["TagSet"])
        digest = there["Metadata"][SHA256] if there else _put(place, attempt, one["path"], got["Body"])
    kept = {name: got[name] for name in HEADERS if name in got}
    said = {"headers": kept, "metadata": got.get("Metadata", {}), "tags": tags}
    return {**one, "bytes": got["ContentLength"], "sha256": digest, **said}


def _put(place: Place, attempt: str, path: str, coming: Any) -> str:
    """Store one original under its hash, which is known before it is stored; large ones wait on disk meanwhile."""
    digest = hashlib.sha256()
    with tempfile.SpooledTemporaryFile(PART) as body:
        for block in coming.iter_chunks(1 << 20):
            digest.update(block)
            body.write(block)
        body.seek(0)
        more = {**place.encryption, "Metadata": {SHA256: digest.hexdigest()}}
        place.s3.upload_fileobj(body, place.bucket, place.key(attempt, path), ExtraArgs=more)
    return digest.hexdigest()
