"""A held tenant at the platform's doors: it works on, and nothing of it goes."""

import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from lifecycle.holding.refusals import LONG_AGO
from lifecycle.stores.postgres import fences, refusals
from ragplatform import outbox
from ragplatform.problems import Problem
from tests.jobs.support import eventually
from tests.ragplatform.conftest import Platform, Tenant, in_process, ingest, problem
from tests.ragplatform.test_documents import note_deletion, objects_of, rows_of, s3_of
from tests.routed import routed


@pytest.fixture
def held(fresh: Tenant) -> Iterator[Tenant]:
    assert fences.set_hold(fresh.platform.region, fresh.id, True, 1)
    yield fresh
    fences.set_hold(fresh.platform.region, fresh.id, False, 99)


def test_documents_come_are_found_and_stay(held: Tenant) -> None:
    with held.client() as client:
        kept = ingest(client, "Kept", "The harbour master logs every vessel.")
        answer = client.delete(f"/v1/documents/{kept['id']}")
        said = problem(answer, 423, "retained")
        assert "law" in said["detail"] and "hold" not in answer.text
        assert client.get(f"/v1/documents/{kept['id']}").status_code == 200
        assert client.post("/v1/query", json={"q": "harbour vessel"}).json()["passages"]


def test_what_was_noted_before_the_hold_waits_for_its_release(platform: Platform, held: Tenant) -> None:
    """An object whose row is gone leaves later, in a store without transactions: not while the hold stands."""
    s3_of(held).put_object(Bucket=held.binding.bucket, Key="shared/documents/left/over", Body=b"gone elsewhere")
    note_deletion(held, str(uuid4()), "shared/documents/left/over", minutes_ago=5)
    services = in_process(platform)
    try:
        services.outbox.sweep(services.bindings)
        assert objects_of(held) and rows_of(held)["document_outbox"] == 1
        assert fences.set_hold(platform.region, held.id, False, 2)
        services.outbox.sweep(services.bindings)
        assert not objects_of(held)
    finally:
        services.stop()


def test_who_places_a_hold_waits_for_a_deletion_that_is_under_way(platform: Platform, fresh: Tenant) -> None:
    """The platform has the call in hand when the hold comes: it is placed once the store has answered, not between."""
    s3_of(fresh).put_object(Bucket=fresh.binding.bucket, Key="shared/documents/left/over", Body=b"gone elsewhere")
    note_deletion(fresh, str(uuid4()), "shared/documents/left/over", minutes_ago=5)
    services, seen = in_process(platform), list[str]()
    placing = threading.Thread(target=lambda: fences.set_hold(platform.region, fresh.id, True, 1))

    def in_hand(**_: Any) -> None:
        placing.start()
        with psycopg.connect(**platform.region.database.connect_kwargs("verifier"), autocommit=True) as db:
            while not db.execute("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchall():
                assert placing.is_alive(), "it did not wait"
        seen.extend(objects_of(fresh))

    events = services.objects._clients.of("s3", fresh.binding).meta.events
    events.register("before-call.s3.DeleteObject", in_hand)
    try:
        services.outbox.sweep(services.bindings)
        placing.join()
        assert seen == ["shared/documents/left/over"] and not objects_of(fresh)
        assert fences.hold_of(platform.region, fresh.id) == (True, 1)
    finally:
        services.stop()
        fences.set_hold(platform.region, fresh.id, False, 99)


def test_a_hold_that_comes_after_the_note_was_claimed_keeps_the_object(platform: Platform, fresh: Tenant) -> None:
    """A worker died between claiming the note and the call; who comes next meets the hold."""
    s3_of(fresh).put_object(Bucket=fresh.binding.bucket, Key="shared/documents/left/over", Body=b"gone elsewhere")
    note_deletion(fresh, str(uuid4()), "shared/documents/left/over", minutes_ago=5)
    services = in_process(platform)
    binding = services.bindings.of(fresh.id)
    with services.database.tenant(binding) as connection:
        [row] = connection.execute(outbox.STALE, (fresh.id, outbox.STALE_SECONDS)).fetchall()
    item = outbox.Item(*row)
    try:
        assert services.outbox._claim(binding, item)
        assert fences.set_hold(platform.region, fresh.id, True, 1)
        with pytest.raises(Problem, match="retained under law"):
            services.outbox._do(binding, item)
        assert objects_of(fresh) and rows_of(fresh)["document_outbox"] == 1
        assert fences.set_hold(platform.region, fresh.id, False, 2)
        assert services.outbox.sweep(services.bindings) == 1 and not objects_of(fresh)
    finally:
        services.stop()
        fences.set_hold(platform.region, fresh.id, False, 99)


def noted_of(held: Tenant) -> list[tuple[str, str, int]]:
    found = refusals.noted(held.platform.region, LONG_AGO)
    return [(one.verb, one.actor, one.times) for one in found if one.tenant_id == held.id]


def test_what_the_hold_refused_is_noted_by_whom(platform: Platform, held: Tenant) -> None:
    """A caller's attempts one by one; those of the platform itself, which comes back by the clock, in one row."""

    def unnoted() -> int:
        counted, noted = refusals.counted(platform.region)
        return counted - noted

    before = unnoted()
    with held.client(sub="service:reporting") as client:
        kept = ingest(client, "Kept", "The harbour master logs every vessel.")
        for _twice in range(2):
            problem(client.delete(f"/v1/documents/{kept['id']}"), 423, "retained")
    assert noted_of(held) == [("DELETE /v1/documents/<id:document>", "service:reporting", 1)] * 2
    s3_of(held).put_object(Bucket=held.binding.bucket, Key="shared/documents/left/over", Body=b"gone elsewhere")
    note_deletion(held, str(uuid4()), "shared/documents/left/over", minutes_ago=5)
    services = in_process(platform)
    try:
        for _twice in range(2):
            services.outbox.sweep(services.bindings)
    finally:
        services.stop()
    verb, actor, times = noted_of(held)[-1]
    assert (verb, actor) == ("outbox", "system:ragplatform") and times >= 2
    # the platform's own sweep comes by meanwhile, and notes what it was refused a moment after that is counted
    eventually(lambda: unnoted() == before, 10, what="each, counted by the store itself, to be noted once")


def test_nothing_is_noted_of_a_tenant_that_is_not_held(platform: Platform, fresh: Tenant) -> None:
    with psycopg.connect(**routed(platform.region)) as connection:
        connection.execute("SELECT reading.note_refused(%s, 'DELETE', 'somebody')", (fresh.id,))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT FROM bw.refused_attempt")
    assert noted_of(fresh) == []
