"""What a region's object store, IAM and KMS still hold of a tenant."""

from decimal import Decimal
from typing import Any

from lifecycle.stores import aws
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import buckets, keys, users
from lifecycle.stores.prices import gigabytes
from lifecycle.stores.residue import Residue
from portal.lib.regions import Region


def residue(region: Region, names: TenantNames) -> list[Residue]:
    """Return the tenant's bucket with what is in it, its IAM user and its keys, by name and, for keys, by tag.

    A key that waits for its deletion is not residue: see `scheduled`.
    """
    found = [*_bucket(region, names.bucket, names)]
    user = users.read(region, names.iam_user)
    if user:
        found.append(Residue("iam", names.iam_user, f"exists with {len(user.key_ids)} access keys", unit="none"))
    return found + [
        Residue("keys", state.arn, f"is {state.state}", quantity=Decimal(1), unit="key_month")
        for state in _keys(region, names)
        if state.state != "PendingDeletion"
    ]


def scheduled(region: Region, names: TenantNames) -> list[Residue]:
    """Return the tenant's keys that wait for their deletion, with the date."""
    return [
        Residue("keys", state.arn, f"will be deleted on {state.deletion_at:%Y-%m-%d}", unit="none")
        for state in _keys(region, names)
        if state.state == "PendingDeletion" and state.deletion_at
    ]


def _keys(region: Region, names: TenantNames) -> list[keys.KeyState]:
    named = keys.read(region, names.kms_alias)
    tagged = keys.of_tenant_keys(region, names.tenant_id)
    return list({state.arn: state for state in [*tagged, *([named] if named else [])]}.values())


def _bucket(region: Region, bucket: str, names: TenantNames) -> list[Residue]:
    """A bucket of that name is the tenant's unless its tags name another: eight digits of an id may repeat."""
    state = buckets.read(region, bucket)
    if state is None or state.tags.get("TenantID", str(names.tenant_id)) != str(names.tenant_id):
        return []
    with aws.translated("objects", f"list {bucket}"):
        number, size, uploads = _content(aws.client(region, "s3"), bucket)
    detail = f"exists with {number} versions and markers, {uploads} open uploads"
    return [Residue("objects", bucket, detail, quantity=gigabytes(size), unit="object_gb_month")]


def _content(s3: Any, bucket: str) -> tuple[int, int, int]:
    number = size = uploads = 0
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        number += len(page.get("Versions", [])) + len(page.get("DeleteMarkers", []))
        size += sum(one["Size"] for one in page.get("Versions", []))
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        uploads += len(page.get("Uploads", []))
    return number, size, uploads
