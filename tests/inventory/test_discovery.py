"""Discovery: what exists and is listed nowhere is found and stays found until somebody has settled it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import redis

from compliance.inventory import defaults, schedule
from compliance.inventory.discovery import Found, discover, drift, keep
from compliance.inventory.models import Finding, System
from compliance.inventory.queries import drift_count, unsearched
from compliance.verifiers import VERIFIERS, containers
from lifecycle.stores import aws
from portal.embedded.stack import Stack
from portal.jobs import outbox
from portal.lib.clock import now
from portal.lib.regions import Region
from portal.notify.models import Notice
from tests.admin.world import person

pytestmark = pytest.mark.django_db


@contextmanager
def strays(stack: Stack, region: Region) -> Iterator[dict[str, str]]:
    """One new thing in each store that nobody has listed."""
    mark = uuid4().hex[:8]
    s3, logs = aws.client(region, "s3"), aws.client(region, "logs")
    cache = redis.Redis(host="127.0.0.1", port=region.cache.port, password=region.cache.admin_password)
    made = {
        "table": f"public.stray_{mark}",
        "bucket": f"stray-{mark}",
        "log_group": f"/stray/{mark}",
        "key_space": f"stray-{mark}:*",
    }
    with psycopg.connect(**stack.superuser_kwargs(region.name), autocommit=True) as db:
        db.execute(f"CREATE TABLE {made['table']} (tenant_id uuid PRIMARY KEY)")
        s3.create_bucket(Bucket=made["bucket"], CreateBucketConfiguration={"LocationConstraint": region.name})
        logs.create_log_group(logGroupName=made["log_group"])
        cache.set(f"stray-{mark}:1", "x")
        try:
            yield made
        finally:
            db.execute(f"DROP TABLE {made['table']}")
            s3.delete_bucket(Bucket=made["bucket"])
            logs.delete_log_group(logGroupName=made["log_group"])
            cache.delete(f"stray-{mark}:1")


def test_new_things_are_found_until_they_are_gone(shipped: None, stack: Stack, region: Region) -> None:
    with strays(stack, region) as made:
        wanted = {Found(kind, name) for kind, name in made.items()}
        assert wanted <= set(discover(region))
        open_ones = {(one.kind, one.what) for one in drift([region])}
        assert set(made.items()) <= open_ones
        first = Finding.objects.get(what=made["bucket"])
        drift([region])
        assert Finding.objects.get(what=made["bucket"]).first_seen == first.first_seen
    left = {one.what for one in drift([region])}
    assert not left & set(made.values())
    assert Finding.objects.get(pk=first.pk).resolution == "not there any more"


def test_what_is_shipped_is_known(shipped: None, region: Region) -> None:
    """Of a fresh region nothing is drift: the tables, indexes and buckets of the product are declared."""
    found = discover(region)
    assert not [one for one in found if one.kind in ("table", "unsearched") and "stray" not in one.what], found


def test_every_table_with_a_tenant_is_declared(shipped: None, region: Region) -> None:
    """A new store in code without a declaration fails here: name it in compliance/inventory/defaults.py."""
    rows = {row["verifier"]: row for row in defaults.shipped() if row["kind"] == "connected"}
    assert rows.keys() == VERIFIERS.keys()
    declared = {name: code for code, row in rows.items() for name in row["containers"].get("table", [])}
    tables = {one.name for one in containers.of_database(region) if not one.tenant and "stray" not in one.name}
    assert tables == set(declared)
    for connector in connectors():
        assert connector in DECLARED, f"lifecycle/stores/{connector} has no system in the inventory"
        assert set(DECLARED[connector]) <= rows.keys()


DECLARED = {
    "cache": ["cache"],
    "logs": ["logs"],
    "objects": ["objects"],
    "postgres": ["postgres"],
    "vectors": ["vectors"],
}


def connectors() -> list[str]:
    import lifecycle.stores

    [home] = lifecycle.stores.__path__
    from pathlib import Path

    return sorted(one.parent.name for one in Path(home).glob("*/__init__.py"))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda region: replace(region, verifier=replace(region.verifier, access_key_id="")),
        lambda region: replace(region, verifier=replace(region.verifier, secret_access_key="wrong")),
        lambda region: replace(region, aws=replace(region.aws, endpoint_url="http://127.0.0.1:9")),
    ],
)
def test_a_place_that_cannot_be_searched_is_a_finding(shipped: None, region: Region, wrong: Any) -> None:
    found = {one.what: one.why for one in discover(wrong(region)) if one.kind == Finding.UNSEARCHED}
    assert found.keys() == {"objects", "logs"} and all(found.values())


def test_a_region_that_is_away(shipped: None, region: Region) -> None:
    away = replace(region, database=replace(region.database, port=9))
    assert {one.what for one in discover(away)} == set(containers.LOOKS)


def test_what_was_found_stays_open_while_nobody_can_look(shipped: None) -> None:
    System.objects.get(name="objects-ap-south-1")
    keep("ap-south-1", [Found("bucket", "stray"), Found("table", "rag.stray")])
    keep("ap-south-1", [Found("unsearched", "objects", "403.")])
    assert set(Finding.objects.filter(resolved_at=None).values_list("what", flat=True)) == {"stray", "objects"}
    keep("ap-south-1", [])
    assert not Finding.objects.filter(resolved_at=None).exists()


def test_what_nobody_searched_counts(shipped: None) -> None:
    since = now()
    assert (drift_count(), drift_count(since)) == (0, 2)
    keep("ap-south-1", [Found("bucket", "stray")])
    assert (drift_count(), drift_count(since), unsearched(since)) == (1, 2, ["eu-west-1"])
    keep("eu-west-1", [])
    assert drift_count(since) == 1 and drift_count(now()) == 3


def test_news_are_told_once(shipped: None) -> None:
    for _ in range(2):
        keep("ap-south-1", [Found("bucket", "stray")])
    keep("ap-south-1", [Found("bucket", "stray"), Found("bucket", "another")])
    while outbox.deliver_due():
        pass
    titles = Notice.objects.filter(event="inventory.drift", user=person("farah")).values_list("title", flat=True)
    assert len(titles) == 2 and all("1 finding in ap-south-1" in one for one in titles)


def test_a_region_that_came_later_is_listed(shipped: None, settings: Any, tmp_path: Any) -> None:
    import json

    entries = json.loads(settings.REGIONS_FILE.read_text())
    one = {**entries["ap-south-1"], "name": "us-east-1", "display": "N. Virginia"}
    settings.REGIONS_FILE = tmp_path / "regions.json"
    settings.REGIONS_FILE.write_text(json.dumps({"us-east-1": one}))
    schedule.tick()
    assert System.objects.filter(region="us-east-1").count() == 7
