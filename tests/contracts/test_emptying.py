"""Emptying a bucket: everything it hides goes, what cannot go is named, and a second call goes on."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifecycle.stores import aws
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import buckets, emptying
from portal.lib.regions import Region


def fill(s3: Any, bucket: str, objects: int, deleted: int) -> None:
    """Put objects, a second version of some, markers over others, and an upload that was never finished."""

    def put(number: int) -> None:
        s3.put_object(Bucket=bucket, Key=f"documents/{number:05}", Body=b"x" * 20)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(objects)))
        list(pool.map(put, range(0, objects, 15)))
        list(pool.map(lambda n: s3.delete_object(Bucket=bucket, Key=f"documents/{n:05}"), range(deleted)))
    upload = s3.create_multipart_upload(Bucket=bucket, Key="half")
    s3.upload_part(Bucket=bucket, Key="half", UploadId=upload["UploadId"], PartNumber=1, Body=b"y" * 100)


def test_1500_objects_markers_and_an_open_upload(region: Region, tenant: TenantNames) -> None:
    s3 = aws.client(region, "s3")
    fill(s3, tenant.bucket, objects=1500, deleted=60)
    done = emptying.empty(region, tenant.bucket)
    assert (done.versions, done.markers, done.uploads) == (1600, 60, 1)
    assert done.is_empty
    left = s3.list_object_versions(Bucket=tenant.bucket)
    assert not left.get("Versions") and not left.get("DeleteMarkers")
    assert buckets.remove(region, tenant.bucket, tenant.tenant_id)


def test_stopped_half_way_it_goes_on(region: Region, tenant: TenantNames) -> None:
    s3 = aws.client(region, "s3")
    fill(s3, tenant.bucket, objects=30, deleted=3)

    class Stop(Exception):
        pass

    def stop(done: emptying.Emptied) -> None:
        if done.uploads:
            raise Stop

    count = emptying.Emptied()
    with pytest.raises(Stop):
        emptying.empty(region, tenant.bucket, done=count, before_page=stop)
    assert (count.uploads, count.versions) == (1, 0)
    assert emptying.empty(region, tenant.bucket).versions == 32


def test_object_lock_is_reported_as_retained(region: Region, names: TenantNames) -> None:
    s3 = aws.client(region, "s3")
    s3.create_bucket(
        Bucket=names.bucket,
        ObjectLockEnabledForBucket=True,
        CreateBucketConfiguration={"LocationConstraint": region.name},
    )
    s3.put_object(Bucket=names.bucket, Key="free", Body=b"x")
    until = datetime.now(UTC) + timedelta(seconds=4)
    s3.put_object(
        Bucket=names.bucket, Key="kept", Body=b"x", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until
    )
    s3.put_object(Bucket=names.bucket, Key="held", Body=b"x", ObjectLockLegalHoldStatus="ON")
    done = emptying.empty(region, names.bucket)
    assert done.versions == 1 and not done.is_empty and not done.failures
    assert sorted((one.key, one.reason.split(" until")[0]) for one in done.retained) == [
        ("held", "legal hold"),
        ("kept", "COMPLIANCE retention"),
    ]
    version = next(one.version_id for one in done.retained if one.key == "held")
    s3.put_object_legal_hold(Bucket=names.bucket, Key="held", VersionId=version, LegalHold={"Status": "OFF"})


def test_a_bucket_that_is_not_there_is_empty(region: Region, names: TenantNames) -> None:
    assert emptying.empty(region, names.bucket).is_empty
