"""Objects in S3: every version, delete marker and open upload that was listed, by its own id."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from lifecycle.stores import aws
from lifecycle.stores.errors import Permanent, Transient
from lifecycle.stores.objects import buckets, emptying
from lifecycle.stores.tags import refuse_foreign
from portal.lib.prefixes import narrowest
from portal.lib.regions import Region

from .asking import remove_listed
from .target import Alive, Target
from .trying import tried

SYSTEM = "objects"
OF_DOCUMENT = re.compile(r"(?:users/[^/]+|shared)/documents/([^/]+)/")


class Objects:
    """The tenant's bucket of one region. What Object Lock keeps is in `retained`, by id, with its reason and date."""

    system = SYSTEM

    def __init__(self, region: Region) -> None:
        self.region = region
        self.retained: dict[str, str] = {}

    def ids(self, target: Target) -> Iterator[str]:
        """By a full listing: a document may lie in any user's folder.

        Of a part whose day has come also what a lock keeps beside it, which is tried like everything that is to go:
        so it is counted as refused, with its day, and not as what nobody knows of.
        """
        bucket, concerned, theirs = target.names.bucket, _concerned(target), _concerned(replace(target, only=()))
        if not self._has_bucket(target):
            return
        s3 = aws.client(self.region, "s3")
        with aws.translated(SYSTEM, f"list {bucket}"):
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
                for one in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                    key, version = one["Key"], one["VersionId"]
                    if concerned(key) or (theirs(key) and emptying.is_locked(s3, bucket, key, version)):
                        yield f"{bucket}/{key}?version={version}"
            for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
                for one in page.get("Uploads", []):
                    if concerned(one["Key"]):
                        yield f"{bucket}/{one['Key']}?upload={one['UploadId']}"

    def erase(self, target: Target, alive: Alive) -> int:
        """Every listed version is tried; Permanent at the end when the store refused any but for Object Lock."""
        self.retained, refused = {}, list[emptying.Kept]()
        tried(partial(self._keep, target))
        remove = partial(self._remove, target.names.bucket, refused) if self._has_bucket(target) else len
        gone = remove_listed(self.region, target, SYSTEM, remove, alive, size=emptying.PAGE)
        if refused:
            first = f"{refused[0].key}: {refused[0].reason}"
            raise Permanent(SYSTEM, "DeleteObjects", f"{len(refused)} listed versions were refused, the first: {first}")
        return gone

    def _keep(self, target: Target) -> None:
        """Nothing in the bucket expires by itself any more: of what a law keeps older versions are a part, too.

        Of a person nothing is changed: everybody's older versions go on expiring in a bucket that is in use.
        """
        if target.is_whole_tenant and target.kept_of(SYSTEM) and self._has_bucket(target):
            buckets.set_expiry(self.region, target.names.bucket, target.tenant_id, [])

    def settle(self, target: Target) -> None:
        """S3 is strongly consistent: a listing that follows a deletion shows it, so there is nothing to wait for.

        The end of a hold may have put back meanwhile what expires.
        """
        self._keep(target)

    def _has_bucket(self, target: Target) -> bool:
        """Whether the tenant's bucket is there; ForeignResource where one of that name is another's."""
        bucket = target.names.bucket
        with aws.translated(SYSTEM, f"HeadBucket {bucket}"):
            if aws.unless_absent(aws.client(self.region, "s3").head_bucket, Bucket=bucket) is None:
                return False
        refuse_foreign(SYSTEM, bucket, buckets.tags(self.region, bucket), target.tenant_id)
        return True

    def _remove(self, bucket: str, refused: list[emptying.Kept], batch: list[str]) -> int:
        placed = {one: _place(bucket, one) for one in batch}
        versions = {(key, value): one for one, (key, kind, value) in placed.items() if kind == "version"}
        s3 = aws.client(self.region, "s3")
        with aws.translated(SYSTEM, f"DeleteObjects {bucket}"):
            for key, kind, value in placed.values():
                if kind == "upload":
                    aws.unless_absent(s3.abort_multipart_upload, Bucket=bucket, Key=key, UploadId=value)
            kept = emptying.delete_page(s3, bucket, list(versions)) if versions else []
        if passing := [one for one in kept if one.code in aws.TRANSIENT]:
            raise Transient(SYSTEM, "DeleteObjects", f"{passing[0].key}: {passing[0].reason}")
        self.retained |= {versions[one.key, one.version_id]: one.reason for one in kept if one.retained}
        refused += [one for one in kept if not one.retained]
        return len(batch) - len(kept)


def _concerned(target: Target) -> Callable[[str], bool]:
    """Which keys are to go: all, or a person's folder and the documents' wherever they lie; never what is kept.

    Of an erasure that is confined to parts those under one of them.
    """
    kept, only = target.kept_of(SYSTEM), target.only_of(SYSTEM)

    def is_in(key: str) -> bool:
        return not narrowest(kept, key) and (not only or bool(narrowest(only, key)))

    if target.is_whole_tenant:
        return is_in
    documents, folder = {str(one) for one in target.documents}, f"users/{target.user_id}/"

    def concerned(key: str) -> bool:
        found = OF_DOCUMENT.match(key)
        is_theirs = key.startswith(folder) or (found is not None and found[1] in documents)
        return is_theirs and is_in(key)

    return concerned


def _place(bucket: str, listed: str) -> tuple[str, str, str]:
    """Key, and `version` or `upload` with its id, of a listed id; ids hold no question mark, keys may."""
    key, _, last = listed.removeprefix(f"{bucket}/").rpartition("?")
    kind, _, value = last.partition("=")
    return key, kind, value
