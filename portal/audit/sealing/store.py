"""The write-once store of anchors and copies: S3 with Object Lock in COMPLIANCE mode, in an account of its own.

An object is put only if its key is free, and read in its oldest version: whoever overwrites one later adds a version
that nobody looks at. The embedded default uses the home region's double, which is no separate account.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from django.conf import settings

from portal.lib import regions

TAKEN = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
TIMEOUTS = Config(connect_timeout=3, read_timeout=10, retries={"max_attempts": 2}, s3={"addressing_style": "path"})


class Overwritten(Exception):
    """A key that must hold one thing holds another: somebody else writes this ledger's anchors."""


@dataclass(frozen=True)
class Store:
    """One bucket. `retention` is how long nobody, the account's root included, can delete what is put."""

    s3: Any
    bucket: str
    retention: timedelta
    is_simulated: bool

    def ensure(self) -> None:
        """Make the bucket with Object Lock unless it is there."""
        where = self.s3.meta.region_name
        place = {} if where == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": where}}
        try:
            self.s3.head_bucket(Bucket=self.bucket)
            return
        except ClientError:
            pass
        try:
            self.s3.create_bucket(Bucket=self.bucket, ObjectLockEnabledForBucket=True, **place)
        except ClientError as error:
            if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
                raise

    def put(self, key: str, data: bytes, at: datetime) -> str:
        """Put an object once and return its version; the same bytes again are fine, others raise Overwritten."""
        lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": at + self.retention}
        try:
            done = self.s3.put_object(Bucket=self.bucket, Key=key, Body=data, IfNoneMatch="*", **lock)
        except ClientError as error:
            if error.response["Error"]["Code"] not in TAKEN:
                raise
            there, version = self.oldest(key)
            if there != data:
                raise Overwritten(key) from None
            return version
        return str(done.get("VersionId", ""))

    def oldest(self, key: str) -> tuple[bytes, str]:
        """Return the first version ever written under the key; KeyError if there is none."""
        versions = [
            version
            for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=key)
            for version in page.get("Versions", [])
            if version["Key"] == key
        ]
        if not versions:
            raise KeyError(key)
        first = str(versions[-1]["VersionId"])  # S3 lists the newest first
        body = self.s3.get_object(Bucket=self.bucket, Key=key, VersionId=first)["Body"].read()
        return body, first

    def keys(self, prefix: str, after: str = "") -> list[str]:
        """Return the keys below a prefix in order, those whose last version is a delete marker included."""
        found = dict[str, None]()
        pages = self.s3.get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=self.bucket, Prefix=prefix, **({"KeyMarker": after} if after else {})):
            found |= dict.fromkeys(version["Key"] for version in page.get("Versions", []))
        return sorted(found)


def store() -> Store:
    """The store of the settings; without an endpoint of its own, the embedded home region's."""
    said = settings.LEDGER
    if said["endpoint"] or not settings.EMBEDDED:
        client = _client(said["endpoint"], said["region"], said["key_id"], said["secret"])
    else:
        home = next(iter(regions.load(settings.REGIONS_FILE).values()))
        client = _client(home.aws.endpoint_url, home.name, home.aws.access_key_id, home.aws.secret_access_key)
    return Store(client, said["bucket"], timedelta(days=said["retention_days"]), not said["endpoint"])


@cache
def _client(endpoint: str, region: str, key_id: str, secret: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=endpoint or None,
        region_name=region or None,
        aws_access_key_id=key_id or None,
        aws_secret_access_key=secret or None,
        config=TIMEOUTS,
    )
