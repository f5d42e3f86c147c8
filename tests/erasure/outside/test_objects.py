"""Objects: everything a bucket hides goes by its own id, what a lock keeps is said, and nobody else's is touched."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from lifecycle.erasure.engine.asking import still_ours
from lifecycle.erasure.engine.denying import deny
from lifecycle.erasure.engine.objects import Objects
from lifecycle.erasure.engine.target import RESOURCE
from lifecycle.stores import aws, credentials
from lifecycle.stores.errors import ForeignResource, Held, Permanent
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import buckets
from lifecycle.stores.postgres import fences
from lifecycle.stores.secrets import FileSecrets
from portal.lib.regions import Region

from .engine import Killed, erased, killed_at, listed, person, target


def put(region: Region, names: TenantNames, *keys: str) -> None:
    s3 = aws.client(region, "s3")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=names.bucket, Key=key, Body=key.encode()), keys))


def left(region: Region, names: TenantNames) -> list[str]:
    """The keys of every version, marker and open upload."""
    s3 = aws.client(region, "s3")
    found = s3.list_object_versions(Bucket=names.bucket)
    uploads = s3.list_multipart_uploads(Bucket=names.bucket).get("Uploads", [])
    return sorted(one["Key"] for one in [*found.get("Versions", []), *found.get("DeleteMarkers", []), *uploads])


def hide(region: Region, names: TenantNames, key: str) -> None:
    """Two versions, a delete marker and an upload nobody finished, of one key."""
    put(region, names, key, key)
    s3 = aws.client(region, "s3")
    s3.delete_object(Bucket=names.bucket, Key=key)
    upload = s3.create_multipart_upload(Bucket=names.bucket, Key=key)["UploadId"]
    s3.upload_part(Bucket=names.bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"x" * 100)


def own(region: Region, names: TenantNames, owner: UUID) -> None:
    tags = [{"Key": "TenantID", "Value": str(owner)}]
    aws.client(region, "s3").put_bucket_tagging(Bucket=names.bucket, Tagging={"TagSet": tags})


@contextmanager
def undeletable(region: Region, names: TenantNames, key: str) -> Iterator[None]:
    """The bucket's policy keeps one key from everybody."""
    s3, account = aws.client(region, "s3"), {"Bucket": names.bucket}
    known = s3.get_bucket_policy(**account)["Policy"]
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject*"}
    deny["Resource"] = f"arn:aws:s3:::{names.bucket}/{key}"
    s3.put_bucket_policy(**account, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    yield
    s3.put_bucket_policy(**account, Policy=known)


def document(of: UUID, user: UUID | None = None) -> str:
    """As the platform names them."""
    return f"{f'users/{user}' if user else 'shared'}/documents/{of}/{uuid4().hex}"


def test_versions_markers_and_uploads_all_go(region: Region, tenant: TenantNames, neighbour: TenantNames) -> None:
    hide(region, tenant, "a key?version=odd")
    put(region, tenant, *(f"shared/{n}" for n in range(12)))
    hide(region, neighbour, "theirs")
    before = left(region, neighbour)
    found, gone = erased(region, Objects(region), target(region, tenant))
    assert gone == len(found) == 16
    assert left(region, tenant) == [] and left(region, neighbour) == before


def test_a_person_is_a_folder_and_the_documents_wherever_they_lie(region: Region, tenant: TenantNames) -> None:
    user, other, owned = uuid4(), uuid4(), uuid4()
    mine = [f"users/{user}/avatar", document(owned, user), document(owned, other), document(owned)]
    others = [document(uuid4(), other), f"users/{user}0/a", f"shared/notes/{owned}/a", f"x/users/{user}/a"]
    put(region, tenant, *mine, *others)
    hide(region, tenant, mine[1])
    found, gone = erased(region, Objects(region), person(region, tenant, user, owned))
    assert gone == len(found) == 8
    assert left(region, tenant) == sorted(others)


def test_a_document_leaves_its_owners_other_keys(region: Region, tenant: TenantNames) -> None:
    user, one, another = uuid4(), uuid4(), uuid4()
    put(region, tenant, document(one, user), kept := document(another, user))
    erased(region, Objects(region), target(region, tenant, "document", documents=(one,)))
    assert left(region, tenant) == [kept]


def test_what_came_after_the_listing_is_left_to_be_found(region: Region, tenant: TenantNames) -> None:
    put(region, tenant, "listed")
    eraser, of = Objects(region), target(region, tenant)
    listed(region, eraser, of)
    put(region, tenant, "late")
    assert eraser.erase(of, lambda _: None) == 1
    assert left(region, tenant) == ["late"]


def test_nothing_goes_before_it_is_listed(region: Region, tenant: TenantNames) -> None:
    put(region, tenant, "kept")
    with pytest.raises(Permanent, match="nothing is listed"):
        Objects(region).erase(target(region, tenant), lambda _: None)
    assert left(region, tenant) == ["kept"]


def test_killed_half_way_and_called_again_it_ends_the_same(region: Region, tenant: TenantNames) -> None:
    put(region, tenant, *(f"shared/{n}" for n in range(1010)))
    eraser, of = Objects(region), target(region, tenant)
    assert len(listed(region, eraser, of)) == 1010
    with pytest.raises(Killed):
        eraser.erase(of, killed_at(batch=2))
    assert len(left(region, tenant)) == 10
    assert eraser.erase(of, lambda _: None) == 1010 == Objects(region).erase(of, lambda _: None)
    assert left(region, tenant) == []


def test_a_held_tenant_and_an_overtaken_job_lose_nothing(region: Region, tenant: TenantNames) -> None:
    put(region, tenant, "kept")
    eraser, of = Objects(region), target(region, tenant)
    listed(region, eraser, of)
    fences.set_hold(region, tenant.tenant_id, True, 1)
    with pytest.raises(Held):
        eraser.erase(of, lambda _: None)
    fences.set_hold(region, tenant.tenant_id, False, 2)
    fences.raise_job_epoch(region, tenant.tenant_id, RESOURCE, 2)
    with pytest.raises(Permanent, match="the store is at 2, this job at 1"):
        eraser.erase(of, lambda _: None)
    assert left(region, tenant) == ["kept"]


def test_a_store_that_knows_no_job_refuses_every_worker(region: Region, tenant: TenantNames) -> None:
    of = target(region, tenant)
    still_ours(region, of, "erase")
    fences.set_hold(region, tenant.tenant_id, False, 1)
    fences.remove(region, tenant.tenant_id)
    with pytest.raises(Permanent, match="the store is at None"):
        still_ours(region, of, "erase")


def test_a_refused_key_is_a_failure_and_the_others_still_go(region: Region, tenant: TenantNames) -> None:
    put(region, tenant, "a", "b", "c")
    eraser, of = Objects(region), target(region, tenant)
    listed(region, eraser, of)
    refused = pytest.raises(Permanent, match="1 listed versions were refused, the first: b: AccessDenied")
    with undeletable(region, tenant, "b"), refused:
        eraser.erase(of, lambda _: None)
    assert left(region, tenant) == ["b"] and eraser.retained == {}
    assert eraser.erase(of, lambda _: None) == 3


@pytest.fixture
def lockable(region: Region, names: TenantNames) -> Iterator[TenantNames]:
    """A tenant of whom there is a bucket with Object Lock, and nothing else."""
    place = {"LocationConstraint": region.name}
    s3 = aws.client(region, "s3")
    s3.create_bucket(Bucket=names.bucket, ObjectLockEnabledForBucket=True, CreateBucketConfiguration=place)
    own(region, names, names.tenant_id)
    fences.ensure(region, tenant_id=names.tenant_id, state="open")
    yield names


def test_object_lock_is_retained_and_no_failure(region: Region, lockable: TenantNames) -> None:
    s3, bucket = aws.client(region, "s3"), lockable.bucket
    until = datetime.now(UTC) + timedelta(seconds=4)
    put(region, lockable, "free")
    lock: dict[str, Any] = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}
    kept = s3.put_object(Bucket=bucket, Key="kept", Body=b"x", **lock)["VersionId"]
    held = s3.put_object(Bucket=bucket, Key="held", Body=b"x", ObjectLockLegalHoldStatus="ON")["VersionId"]
    eraser = Objects(region)
    found, gone = erased(region, eraser, target(region, lockable))
    assert (len(found), gone) == (3, 1)
    assert {one: why.partition(" until")[0] for one, why in eraser.retained.items()} == {
        f"{bucket}/kept?version={kept}": "COMPLIANCE retention",
        f"{bucket}/held?version={held}": "legal hold",
    }
    s3.put_object_legal_hold(Bucket=bucket, Key="held", VersionId=held, LegalHold={"Status": "OFF"})


def test_a_bucket_of_that_name_that_is_anothers_is_not_looked_into(region: Region, tenant: TenantNames) -> None:
    put(region, tenant, "theirs")
    own(region, tenant, uuid4())
    with pytest.raises(ForeignResource):
        list(Objects(region).ids(target(region, tenant)))
    own(region, tenant, tenant.tenant_id)


def test_of_a_bucket_that_is_gone_everything_listed_is_gone(region: Region, tenant: TenantNames) -> None:
    put(region, tenant, "a", "b")
    eraser, of = Objects(region), target(region, tenant)
    listed(region, eraser, of)
    Objects(region).erase(of, lambda _: None)
    assert buckets.remove(region, tenant.bucket, tenant.tenant_id)
    assert eraser.erase(of, lambda _: None) == 2 and list(eraser.ids(of)) == []


def test_a_tenant_is_shut_out_before_and_that_is_read_back(region: Region, tenant: TenantNames, tmp_path: Path) -> None:
    secrets, of = FileSecrets(tmp_path / "bound"), target(region, tenant)
    issued = credentials.issue(region, tenant, secrets)
    assert issued.aws_access_key_id
    for _ in range(2):  # the same again is harmless
        assert deny(region, of, secrets) == {
            "objects": "no access key, bucket denies s3:*",
            "logs": "no access key",
            "cache": "user off",
            "platform": "no binding",
        }
    with pytest.raises(Permanent, match="leaves the tenant's credentials"):
        deny(region, person(region, tenant, uuid4()), secrets)


def test_nobody_held_is_shut_out(region: Region, tenant: TenantNames, tmp_path: Path) -> None:
    secrets, of = FileSecrets(tmp_path / "bound"), target(region, tenant)
    credentials.issue(region, tenant, secrets)
    fences.set_hold(region, tenant.tenant_id, True, 1)
    with pytest.raises(Held):
        deny(region, of, secrets)
    assert secrets.read(tenant.tenant_id)
    fences.set_hold(region, tenant.tenant_id, False, 2)
