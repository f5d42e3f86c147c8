"""Green's database lives and a store beside it is dead: rows come back, what else is lost is said and accepted."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from bailiwick_proof.policy import Policy
from bailiwick_verify.migration import verify

from lifecycle.migration.engine import objects
from lifecycle.migration.engine.move import Held
from lifecycle.migration.losses import schedule
from lifecycle.migration.losses.models import Loss
from lifecycle.migration.losses.queries import loss_of
from lifecycle.migration.planning import regions
from lifecycle.migration.recording import signed_record
from lifecycle.stores import aws
from lifecycle.stores.vectors.pinecone import INDEX, Pinecone
from portal.embedded.stack import Stack
from portal.guards import refusals
from portal.jobs.outbox import deliver_due
from portal.notify.models import Notice
from tests.admin.world import person
from tests.migration.engine import kills
from tests.migration.engine.outside import Outside, account, platform
from tests.sealing import seal_here

from .running import NO_READS, SIDES, Running, running
from .test_given_up import accept, looked
from .test_workers import BACK, SWITCHED, killed, points

pytestmark = pytest.mark.django_db(transaction=True)
BLUE, GREEN = SIDES
NAME = "INSERT INTO rag.documents (tenant_id, id, title, object_key) VALUES (%s, %s, 'named', %s)"
FORGET = "DELETE FROM rag.documents WHERE tenant_id = %s AND object_key = %s"


@pytest.fixture
def without(settings: Any, tmp_path: Path) -> Any:
    """`without("aws")`: nobody reaches that store of green; `without()`: everybody does again."""
    whole: list[str] = []

    def make(*stores: str) -> None:
        whole[:] = whole or [Path(settings.REGIONS_FILE).read_text()]
        known = json.loads(whole[0])
        if "aws" in stores:
            known[GREEN]["aws"]["endpoint_url"] = "http://127.0.0.1:1"
        if "pinecone" in stores:
            known[GREEN]["vectors"]["pinecone"]["host"] = "http://127.0.0.1:1"
        settings.REGIONS_FILE = tmp_path / "regions.json"
        settings.REGIONS_FILE.write_text(json.dumps(known))

    return make


def bucket(one: Running) -> str:
    return one.stores.names[BLUE].bucket


def upload(one: Running, region: Any, epoch: int, *keys: str) -> None:
    """Documents with an original each, as the platform makes them: the object first."""
    for key in keys:
        aws.client(region, "s3").put_object(Bucket=bucket(one), Key=key, Body=key.encode())
        with one.stores.writer(region, epoch) as db:
            db.execute(NAME, [one.stores.id, uuid4(), key])


def lives(one: Running, key: str) -> bool:
    """Whether blue would give this object out."""
    found = objects.history(one.stores.blue, bucket(one), key)
    return bool(found) and not found[-1].is_marker


@pytest.fixture
def lame(shipped: None, stack: Stack, settings: Any, without: Any) -> Running:
    """Blue knows two documents. On green one of them is gone and two are new when its object store goes silent."""
    settings.MIGRATION = {**settings.MIGRATION, **NO_READS, "budget_ms": 5_000, "gate_seconds": 3600}
    one = running(stack.superuser_kwargs("control", "postgres"))
    upload(one, one.stores.blue, 1, "kept", "gone")
    one.until(SWITCHED)
    green, epoch = one.stores.green, one.stands[1]
    upload(one, green, epoch, "new/1", "new/2")
    with one.stores.writer(green, epoch) as db:
        db.execute(FORGET, [one.stores.id, "gone"])
        db.execute("UPDATE rag.documents SET title = 'changed' WHERE object_key = 'kept'")
    aws.client(green, "s3").delete_object(Bucket=bucket(one), Key="gone")
    without("aws")
    looked(one)
    return one


def test_objects_that_only_green_has_are_counted_and_accepted(lame: Running, api: Any, client: Any) -> None:
    one, before = lame, lame.stands
    asked = api("kiran").get(f"/api/v1/migrations/{one.migration.pk}/").json()["loss"]
    assert (asked["state"], asked["writes"], asked["stores"]) == ("asked", 2, {"objects": 2})
    assert "database answers" in asked["words"] and "2 objects would be lost" in asked["words"]
    assert "its object store does not answer" in Notice.objects.filter(event="migration.loss_asked")[0].title
    client.force_login(person("sanjay"), backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(f"/migrations/{one.migration.pk}/").content.decode()
    assert "A store of green does not answer" in page and "Go back without green" in page
    assert accept(api, one, "meera", "2").status_code == 403
    assert accept(api, one, "sanjay", "3").status_code == 422
    assert one.stands == before
    assert accept(api, one, "sanjay", "2").status_code == 200
    deliver_due()
    kills.wait(killed(one, points(25, 1)[0]))
    one.until(BACK)
    assert one.open() == [one.stands] and one.stands[0] == BLUE
    assert one.stores.everything(one.stores.blue) == one.stores.everything(one.stores.green)
    assert [lives(one, key) for key in ("kept", "gone", "new/1")] == [True, False, False]
    schedule.tick()
    assert (loss := loss_of(one.migration)) and (loss.state, loss.epoch) == ("given_up", one.stands[1])
    assert "given-up" not in [each.by for each in refusals("migration.start", one.migration)]
    seal_here()
    found = verify(signed_record(one.migration), Policy.parse(api("oliver").get("/api/v1/audit/policy/").content))
    assert found.record["loss"]["stores"] == {"objects": 2} and found.record["way_back"]
    assert "2 objects that nothing else of the target had" in found.text()


def test_the_object_store_answers_in_the_last_moment(lame: Running, without: Any, api: Any) -> None:
    one = lame
    assert accept(api, one, "sanjay", "2").status_code == 200
    without()
    deliver_due()
    one.until(BACK)
    assert [lives(one, key) for key in ("kept", "gone", "new/1", "new/2")] == [True, False, True, True]
    assert Loss.objects.get().state == "withdrawn" and one.open() == [one.stands]


def test_more_than_was_accepted_is_asked_anew(lame: Running, without: Any, api: Any) -> None:
    one, before = lame, lame.stands
    assert accept(api, one, "sanjay", "2").status_code == 200
    without()
    upload(one, one.stores.green, before[1], "new/3")
    without("aws")
    deliver_due()
    looked(one)
    assert one.stands == before
    assert sorted(Loss.objects.values_list("state", "writes")) == [("asked", 3), ("withdrawn", 2)]


@pytest.fixture
def blind(shipped: None, stack: Stack, settings: Any, tmp_path: Path) -> Iterator[tuple[Running, Outside, UUID]]:
    """Green keeps vectors in an index, blue as rows; a document came on green."""
    settings.MIGRATION = {**settings.MIGRATION, **NO_READS, "budget_ms": 5_000, "gate_seconds": 3600}
    with account(tmp_path / "accounts") as (made, _):
        known = json.loads(Path(settings.REGIONS_FILE).read_text())
        known[GREEN]["vectors"]["pinecone"] = {"host": made.host, "api_key": made.api_key}
        settings.REGIONS_FILE = tmp_path / "with-an-index.json"
        settings.REGIONS_FILE.write_text(json.dumps(known))
        one = running(stack.superuser_kwargs("control", "postgres"))
        names = one.stores.names[GREEN]
        Pinecone(regions()[GREEN], made).ensure(names)
        type(one.migration).objects.filter(pk=one.migration.pk).update(vector_provider="pinecone")
        one.until(SWITCHED)
        world = Outside(**vars(one.stores), held=(Held(), Held("pinecone", INDEX, names.namespace)))
        with platform(world, one.stores.green, one.stands[1]) as abroad:
            yield one, world, abroad.ingest("harbour lights", 2)


def test_vectors_that_only_green_has_are_made_anew(blind: Any, without: Any, api: Any) -> None:
    one, world, document = blind
    without("pinecone")
    looked(one)
    loss = loss_of(one.migration)
    assert loss and (loss.state, loss.stores) == ("asked", {"vectors": 2}) and "anew" in loss.words
    assert accept(api, one, "sanjay", "2").status_code == 200
    deliver_due()
    one.until(BACK)
    assert one.open() == [one.stands] and one.stands[0] == BLUE
    with platform(world, one.stores.blue, one.stands[1]) as home:
        assert home.notes() == 1 and home.settle(document)
        assert {f"{document.hex}#0", f"{document.hex}#1"} <= home.rows()
