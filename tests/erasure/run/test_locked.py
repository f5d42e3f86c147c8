"""What an object lock keeps: the rest is gone, and the certificate says partial, how many, and until when."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from compliance.certificates.models import Certificate
from lifecycle.stores import aws
from lifecycle.stores.objects import buckets

from .conftest import World
from .test_holds import work

pytestmark = pytest.mark.django_db(transaction=True)
UNTIL = datetime.now(UTC).replace(microsecond=0) + timedelta(days=40)


@pytest.fixture
def locked(world: World) -> Iterator[None]:
    """Have the tenant's bucket know locks, as one that was made with them does, and one of the person's locked.

    The mode is the one that yields to who asks for it; the product never asks, and whoever comes next finds nothing.
    """
    s3, bucket = aws.client(world.region, "s3"), world.settled.names.bucket
    tags = buckets.tags(world.region, bucket)
    held = {one["Key"]: s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read() for one in _listed(s3, bucket)}
    for one in s3.list_object_versions(Bucket=bucket).get("Versions", []):
        s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
    s3.delete_bucket(Bucket=bucket)
    place = {"LocationConstraint": world.region.name}
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True, CreateBucketConfiguration=place)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": k, "Value": v} for k, v in tags.items()]})
    for key, body in held.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    lock: dict[str, Any] = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": UNTIL}
    of_it = {"Bucket": bucket, "Key": f"users/{world.settled.ann}/kept"}
    version = s3.put_object(Body=b"x", **of_it, **lock)["VersionId"]
    yield
    s3.delete_object(VersionId=version, BypassGovernanceRetention=True, **of_it)


def _listed(s3: Any, bucket: str) -> list[Any]:
    return list(s3.list_objects_v2(Bucket=bucket).get("Contents", []))


def test_the_rest_goes_and_the_certificate_says_what_stays(locked: None, world: World) -> None:
    request = world.due()
    work(world)
    request.refresh_from_db()
    assert request.state == "completed", (request.reasons, [one.error for one in world.jobs()])
    [certificate] = Certificate.objects.all()
    assert (certificate.type, certificate.state, request.is_final) == ("partial", "issued", False)
    found = certificate.certified.erasure
    [objects] = [one for one in found.systems if one.name == f"objects-{world.region.name}"]
    until = UNTIL.date().isoformat()
    assert (objects.outcome, objects.until, objects.residual) == ("retained", until, 1)
    assert objects.acknowledged == objects.targeted - 1
    assert [(one.system, one.until) for one in found.exemptions if one.category == "locked"] == [(objects.name, until)]
    assert [one.system for one in found.obligations if one.due_on == until] == [objects.name]
