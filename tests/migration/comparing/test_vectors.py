"""Vectors in an index outside are compared piece by piece: whoever comes after a dead worker goes on behind them."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connections

from lifecycle.migration.control import move_at
from lifecycle.migration.engine import compare, compare_vectors
from lifecycle.migration.planning import regions
from lifecycle.migration.recording import signed_record
from lifecycle.migration.steps import sync
from lifecycle.stores.vectors.pinecone import Pinecone
from portal.embedded.stack import Stack
from portal.jobs import runner
from portal.jobs.context import StepContext
from portal.jobs.models import Job, Step
from portal.lib.clock import now
from tests.jobs.support import eventually
from tests.migration.control.running import NO_READS, SIDES, Running, running, unguarded
from tests.migration.engine import kills
from tests.migration.engine.outside import Outside, account
from tests.sealing import seal_here

from .test_holder import work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def one(shipped: None, stack: Stack, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """A move of ten vectors into an index, about to be verified two by two, a piece a turn."""
    settings.MIGRATION = {**settings.MIGRATION, **NO_READS, "budget_ms": 5_000, "gate_seconds": 3600}
    monkeypatch.setattr(compare, "PIECE", 2)
    with account(tmp_path / "accounts") as (made, _):
        known = json.loads(Path(settings.REGIONS_FILE).read_text())
        known[SIDES[1]]["vectors"]["pinecone"] = {"host": made.host, "api_key": made.api_key}
        settings.REGIONS_FILE = tmp_path / "regions.json"
        settings.REGIONS_FILE.write_text(json.dumps(known))
        found = running(stack.superuser_kwargs("control", "postgres"))
        found.stores.green = regions()[SIDES[1]]
        Pinecone(found.stores.green, made).ensure(found.stores.names[SIDES[1]])
        type(found.migration).objects.filter(pk=found.migration.pk).update(vector_provider="pinecone")
        found.migration.refresh_from_db()
        monkeypatch.setattr(sync, "SLICE_SECONDS", -1)
        verify = Step.objects.filter(job=found.job.pk, name="verify", evidence__has_key="vectors_seen")
        eventually(lambda: work(found) or verify.exists(), what="a first piece")
        yield found


def seen(one: Running) -> dict[str, Any]:
    return dict(Step.objects.get(job=one.migration.job_id, name="verify").evidence["vectors_seen"])


def both(one: Running) -> Any:
    return move_at(one.migration, 0, one.stores.blue, one.stores.green)


def test_a_worker_that_is_killed_leaves_its_pieces(one: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    names = sorted(compare_vectors.compare(both(one)).source)
    assert seen(one)["after"][0] == names[1] and len(names) == 10
    note, job = StepContext.note, one.job.pk

    def killed(ctx: StepContext, **facts: Any) -> None:
        note(ctx, **facts)
        os.kill(os.getpid(), signal.SIGKILL)

    Job.objects.filter(pk=job).update(wake_at=now())
    connections.close_all()
    monkeypatch.setattr(StepContext, "note", killed)
    child = kills.fork(lambda: runner.run(job))
    monkeypatch.setattr(StepContext, "note", note)
    assert kills.wait(child) == -signal.SIGKILL
    assert seen(one)["after"][0] == names[3], "one piece further"
    looked_at: list[str] = []
    digests = compare_vectors._digests

    def noting(move: Any, ids: Any, *more: Any, **rest: Any) -> Any:
        looked_at.extend(ids[0])
        return digests(move, ids, *more, **rest)

    monkeypatch.setattr(compare_vectors, "_digests", noting)
    one.until("traffic_cutover_complete")
    assert looked_at == names[4:], "what was found alike is not looked at again"
    told = Step.objects.get(job=job, name="verify").evidence["vectors"]
    monkeypatch.setattr(compare_vectors, "_digests", digests)
    whole = compare_vectors.compare(both(one))
    assert (told["total"], told["root_source"]) == (10, whole.root_source) and whole.ok
    seal_here()
    assert json.loads(signed_record(one.migration))["record"]["vectors"] == told


def test_what_was_changed_behind_its_back_is_mended(one: Running) -> None:
    """A bit, one that is missing and one too many, each in a piece that is yet to come."""
    index, of = Outside.index(one.stores, one.stores.green), {"namespace": one.stores.names[SIDES[1]].namespace}  # type: ignore[arg-type]
    names = sorted(compare_vectors.compare(both(one)).source)
    values = index.fetch(ids=[names[5]], **of).vectors[names[5]].values
    index.update(id=names[5], values=[values[0] + 1, *values[1:]], **of)
    index.delete(ids=[names[7]], **of)
    index.upsert(vectors=[(f"{names[8]}5", values)], show_progress=False, **of)
    one.until("traffic_cutover_complete")
    whole = compare_vectors.compare(both(one))
    assert whole.ok and sorted(whole.target) == names


def test_before_blue_goes_they_are_looked_at_once_more(one: Running, stack: Stack, settings: Any) -> None:
    """Rows of vectors are not among the rows that are compared where the other side has none."""
    unguarded(settings)
    one.until("traffic_cutover_complete")
    with psycopg.connect(**stack.superuser_kwargs(SIDES[0])) as db:
        db.execute("SET session_replication_role = replica")
        spoilt = "UPDATE rag.chunk_vectors SET embedding = embedding + embedding WHERE tenant_id = %s AND ordinal = 1"
        assert db.execute(spoilt, [one.stores.id]).rowcount == 5
    assert len(compare_vectors.compare(both(one)).mismatches) == 5
    type(one.migration).objects.filter(pk=one.migration.pk).update(stability_seconds=0, stable_at=None)
    one.until("blue_decommissioned")
    looked = Step.objects.get(job=one.migration.job_id, name="decommission").evidence["last_look"]
    assert looked["vectors"] == 10 and compare_vectors.compare(both(one)).ok
