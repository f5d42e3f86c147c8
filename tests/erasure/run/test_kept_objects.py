"""A law keeps a prefix of a region's objects: it stays with all its versions, counted apart, and all else goes."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from compliance.certificates.models import Certificate
from compliance.erasing import rules
from compliance.erasing.models import Obligation
from lifecycle.stores import aws
from lifecycle.stores.objects import buckets
from portal.lib.errors import Invalid
from tests.admin.world import person
from tests.erasing.made import act, ask, scheduled

from .conftest import REGION, World
from .test_holds import work
from .test_kept import deleted, verified

pytestmark = pytest.mark.django_db(transaction=True)
OBJECTS, PART = f"objects-{REGION}", "users/*/invoices/"
RULE: dict[str, Any] = {
    "title": "Invoices, seven years", "statute": "CGST Act s. 36", "category": "invoices", "system": "objects",
    "part": PART, "days": 2557, "ground": "Invoices, kept by tax law", "review_on": date(2027, 4, 1),
}  # fmt: skip


def put(world: World, key: str, times: int = 1) -> None:
    for number in range(times):
        aws.client(world.region, "s3").put_object(Bucket=world.settled.names.bucket, Key=key, Body=str(number).encode())


def there(world: World) -> list[str]:
    """Every key with each of its versions, asked with the region's own login."""
    pages = aws.client(world.region, "s3").get_paginator("list_object_versions")
    found = pages.paginate(Bucket=world.settled.names.bucket)
    return sorted(one["Key"] for page in found for one in [*page.get("Versions", []), *page.get("DeleteMarkers", [])])


@pytest.fixture
def kept(world: World) -> list[str]:
    """The person's invoices, one of them overwritten; beside them what only looks like one."""
    ann = world.settled.ann
    put(world, f"users/{ann}/invoices/1", times=2)
    put(world, f"users/{ann}/invoices/2026/2")
    put(world, f"users/{ann}/invoices")
    put(world, f"users/{ann}/documents/invoices/3")
    rules.add_rule("RET-TAX", actor=act("farah"), reason="Tax law asks for it.", **RULE)
    return [f"users/{ann}/invoices/1"] * 2 + [f"users/{ann}/invoices/2026/2"]


def test_the_rest_of_the_bucket_goes(
    world: World, kept: list[str], client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beside, request = world.seen(), world.due()
    work(world)
    request.refresh_from_db()
    assert (request.state, request.is_final) == ("completed", False), (request.reasons, world.jobs()[-1].error)
    assert there(world) == sorted([*kept, f"users/{world.settled.bob}/documents/kept/1"]) and world.seen() == beside
    certificate = Certificate.objects.get()
    systems = {one.name: one for one in certificate.certified.erasure.systems}
    objects, run = systems[OBJECTS], request.systems.get(system="objects")
    assert (objects.outcome, objects.residual, run.kept) == ("retained", 0, 3)
    assert objects.targeted == objects.acknowledged == objects.absent_after > 10
    assert f"/{PART} 3" in objects.method and PART in objects.limits
    assert world.settled.names.bucket not in objects.method and world.tenant.name not in objects.method
    assert systems[f"postgres-{REGION}"].outcome == "erased"
    owed = Obligation.objects.get(request=request, system=OBJECTS)
    assert owed.owed.startswith(PART) and owed.due_on.isoformat() == objects.until
    client.force_login(person("farah"))
    assert "3 kept by law" in client.get(f"/erasures/{request.pk}/").content.decode()
    verified(certificate, client, tmp_path, capsys, OBJECTS, f"{PART}: {RULE['ground']}")


def test_of_a_whole_tenant(world: World, kept: list[str]) -> None:
    put(world, f"users/{world.settled.bob}/invoices/9")
    assert buckets.expiry(world.region, world.settled.names.bucket)
    request = scheduled(ask(world.tenant, "farah", kind="tenant", legal_basis="contract", identity="party"))
    work(world)
    request.refresh_from_db()
    assert (request.state, request.is_final) == ("completed", False), (request.reasons, world.jobs()[-1].error)
    assert there(world) == sorted([*kept, f"users/{world.settled.bob}/invoices/9"])
    assert sum(world.settled.counts().values()) == 0
    assert buckets.expiry(world.region, world.settled.names.bucket) == [], "older versions do not expire before its day"
    by_name = {one.name: one.outcome for one in Certificate.objects.get().certified.erasure.systems}
    assert (by_name[OBJECTS], by_name[f"postgres-{REGION}"]) == ("retained", "erased")


def test_an_object_beside_what_is_kept_is_found(world: World, kept: list[str]) -> None:
    request = deleted(world)
    put(world, f"users/{world.settled.ann}/invoices-of-last-year/1")
    work(world)
    request.refresh_from_db()
    assert (request.state, request.reasons) == ("not_certifiable", [f"{OBJECTS}: 1 are still there"])
    assert set(kept) <= set(there(world)) and not Certificate.objects.exists()


def test_an_object_that_was_to_be_kept_and_is_gone_is_never_certified(world: World, kept: list[str]) -> None:
    request = deleted(world)
    s3, bucket = aws.client(world.region, "s3"), world.settled.names.bucket
    [version] = s3.list_object_versions(Bucket=bucket, Prefix=kept[-1])["Versions"]
    s3.delete_object(Bucket=bucket, Key=kept[-1], VersionId=version["VersionId"])
    work(world)
    request.refresh_from_db()
    assert request.state == "not_certifiable" and "and 2 are left" in request.reasons[0], request.reasons


@pytest.mark.parametrize(
    "part",
    ["invoices", "/invoices/", "*/invoices/", "users/../", "users//x/", "users/a*/", "users/\n/", "query_history"],
)
def test_a_prefix_that_is_none_is_refused(world: World, part: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules.add_rule("RET-TAX", actor=act("farah"), reason="Asked for.", **{**RULE, "part": part})
    assert list(refused.value.fields) == ["part"]
