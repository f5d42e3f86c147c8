"""Rows are erased whole and exactly, whoever kills the worker."""

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from lifecycle.erasure.engine import batch, items, settling
from lifecycle.erasure.engine.rows import Rows, VectorRows
from lifecycle.erasure.engine.target import RESOURCE, Target
from lifecycle.stores.errors import Permanent, Transient
from lifecycle.stores.postgres import fences
from portal.embedded.stack import Stack
from portal.lib.regions import Region
from tests.erasure.made import Settled, settle, unsettle
from tests.migration.engine.kills import fork, wait

OWNED = "SELECT id FROM rag.documents WHERE tenant_id = %s AND owner_user_id = %s ORDER BY id"
LEVEL = "SELECT sum(amount)::int FROM rag.usage_counters WHERE tenant_id = %s AND metric = %s"


def ignore(number: int) -> None:
    pass


def erased(settled: Settled, target: Target, alive: Callable[[int], None] = ignore) -> dict[str, int]:
    """Both systems, listed before anything goes; returns how many are gone, which is how many were listed."""
    both: dict[str, Rows] = {"vectors": VectorRows(settled.region), "postgres": Rows(settled.region)}
    listed = {system: eraser.list_into_items(target) for system, eraser in both.items()}
    gone = {system: eraser.erase(target, alive) for system, eraser in both.items()}
    assert gone == listed
    for eraser in both.values():
        eraser.settle(target)
    return gone


def test_a_tenant_goes_whole_and_its_neighbour_stays(settled: Settled, neighbour: Settled) -> None:
    before, beside, target = settled.counts(), neighbour.seen(), settled.target()
    assert len(before) == 13, "rows of every kind"
    ids = list(Rows(settled.region).ids(target))
    assert f"users:{settled.ann}" in ids and "usage_counters:bytes/2026-01-01/0" in ids
    assert all(id_.startswith("pgvector:") for id_ in VectorRows(settled.region).ids(target))
    gone = erased(settled, target)
    assert gone == {"vectors": before.pop("chunk_vectors"), "postgres": sum(before.values())}
    assert settled.counts() == {} and neighbour.seen() == beside
    assert erased(settled, target) == gone, "asked again it says the same"


def test_a_person_goes_with_what_is_theirs_and_nothing_else(settled: Settled, neighbour: Settled) -> None:
    beside, documents = neighbour.seen(), settled.ask(OWNED, settled.id, settled.ann)
    erased(settled, settled.target("person", user_id=settled.ann, documents=tuple(documents)))
    assert neighbour.seen() == beside
    kept = {"users": 1, "documents": 3, "chunks": 9, "chunk_vectors": 9, "sessions": 1, "query_history": 3}
    kept |= {"access_controls": 6, "document_outbox": 3, "usage_reports": 1}  # Bob's name, and everyone's
    kept |= {"api_keys": 1, "budgets": 1, "budget_transfers": 1, "usage_counters": 6}
    assert settled.counts() == kept
    assert set(settled.ask("SELECT owner_user_id FROM rag.documents WHERE tenant_id = %s", settled.id)) == {settled.bob}
    levels = [settled.ask(LEVEL, settled.id, metric) for metric in ("documents", "bytes", "users")]
    assert levels == [[3], [30], [1]], "quotas count what is left"


def test_documents_go_alone(settled: Settled) -> None:
    first, *rest = settled.ask(OWNED, settled.id, settled.bob)
    before = settled.counts()
    erased(settled, settled.target("document", documents=(first,)))
    after = settled.counts()
    went = {table: before[table] - after[table] for table in before if before[table] > after[table]}
    assert went == {"documents": 1, "chunks": 3, "chunk_vectors": 3, "access_controls": 3, "document_outbox": 1}
    assert settled.ask(OWNED, settled.id, settled.bob) == rest


def test_killed_before_and_after_every_commit_it_ends_with_the_same_number(
    settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "BATCH", 7)
    target, rows, deaths = settled.target(), Rows(settled.region), 0
    listed = rows.list_into_items(target)
    while wait(fork(lambda: rows.erase(target, ignore), at=2 + deaths % 3)):
        deaths += 1
        found = items.read(settled.region, target.request_id, "postgres")
        assert found and listed - found.done == sum(settled.counts().values()) - settled.counts()["chunk_vectors"]
    assert deaths > 5
    assert rows.erase(target, ignore) == listed
    assert settled.counts() == {"chunk_vectors": 18}


def test_a_worker_told_to_stop_leaves_what_it_committed(settled: Settled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "BATCH", 7)
    target, said = settled.target(), []

    def stop(number: int) -> None:
        said.append(number)
        if number > 20:
            raise TimeoutError

    rows = Rows(settled.region)
    listed = rows.list_into_items(target)
    with pytest.raises(TimeoutError):
        rows.erase(target, stop)
    found = items.read(settled.region, target.request_id, "postgres")
    assert found and found.done == said[-1] and said[0] == 0
    assert rows.erase(target, said.append) == listed == said[-1]


@pytest.mark.parametrize("deaths", [2, 3])
def test_a_batch_is_tried_three_times(settled: Settled, stack: Stack, deaths: int) -> None:
    target, rows, ended = settled.target(), Rows(settled.region), []
    listed = rows.list_into_items(target)

    def erase() -> None:
        try:
            ended.append(rows.erase(target, ignore))
        except Transient as error:
            ended.append(error)

    thread = threading.Thread(target=erase)
    superuser = stack.superuser_kwargs(settled.region.name)
    with psycopg.connect(**superuser) as holder, psycopg.connect(**superuser, autocommit=True) as killer:
        holder.execute("SELECT FROM rag.users WHERE tenant_id = %s FOR UPDATE", (settled.id,))
        thread.start()
        killed: set[int] = set()
        waiting = "SELECT pid FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
        while len(killed) < deaths:
            for (pid,) in killer.execute(waiting, (holder.info.backend_pid,)).fetchall():
                killer.execute("SELECT pg_terminate_backend(%s)", (pid,))
                killed.add(pid)
        holder.rollback()
    thread.join(120)
    assert ended[0] == listed if deaths == 2 else isinstance(ended[0], Transient)
    assert rows.erase(target, ignore) == listed


def test_a_worker_that_was_overtaken_does_nothing(settled: Settled) -> None:
    target, rows = settled.target(), Rows(settled.region)
    rows.list_into_items(target)
    before = settled.seen()
    later = Target(target.request_id, target.names, "tenant", 2)
    assert fences.raise_job_epoch(settled.region, settled.id, RESOURCE, 2) == 2
    for late in (rows.erase, lambda target, _: VectorRows(settled.region).list_into_items(target)):
        with pytest.raises(Permanent, match="the store is at 2, this job at 1"):
            late(target, ignore)
    assert settled.seen() == before
    assert rows.erase(later, ignore) == items.count(settled.region, target.request_id, "postgres")


def test_what_nobody_listed_is_left_to_be_found(settled: Settled) -> None:
    """A late child keeps its parents, a late row itself, and a listed row that somebody else removed is gone."""
    target, rows = settled.target(), Rows(settled.region)
    listed = rows.list_into_items(target)
    document = settled.ask(OWNED, settled.id, settled.ann)[0]
    settled.write("INSERT INTO rag.chunks VALUES (%s, %s, 99, 'late')", settled.id, document)
    settled.write(
        "INSERT INTO rag.query_history (tenant_id, id, q, k) VALUES (%s, %s, 'late', 1)", settled.id, document
    )
    settled.write("DELETE FROM rag.sessions")
    assert rows.erase(target, ignore) == listed - 2
    assert settled.counts() == {"users": 1, "documents": 1, "chunks": 1, "query_history": 1, "chunk_vectors": 18}


def test_a_list_that_is_opened_again_takes_what_came_late_and_loses_nothing(
    settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of the work as at its end; a parent that a late child had kept goes after it."""
    monkeypatch.setattr(batch, "BATCH", 7)
    target, rows = settled.target(), Rows(settled.region)
    listed = rows.list_into_items(target)
    first = set(items.each(settled.region, target.request_id, "postgres"))
    document = settled.ask(OWNED, settled.id, settled.ann)[0]

    def stop(number: int) -> None:
        if number > 10:
            raise TimeoutError

    for number in (97, 98, 99):
        settled.write("INSERT INTO rag.chunks VALUES (%s, %s, %s, 'late')", settled.id, document, number)
        if number == 97:
            with pytest.raises(TimeoutError):
                rows.erase(target, stop)
        else:
            rows.erase(target, ignore)
        items.reopen(settled.region, target, "postgres", in_order=True)
        rows.list_into_items(target)
        whole = list(items.each(settled.region, target.request_id, "postgres"))
        assert len(whole) == len(set(whole)) and set(whole) > first, "each once, none is lost"
        assert f"chunks:{document}/{number}" in whole
    assert rows.erase(target, ignore) == len(whole) == listed + 3
    assert settled.counts() == {"chunk_vectors": 18}


def test_a_foreign_key_without_index_is_said_before_anything_goes(stack: Stack) -> None:
    settled = settle(stack.region("eu-west-1"))
    target = settled.target()
    Rows(settled.region).list_into_items(target)
    before = settled.seen()
    with psycopg.connect(**stack.superuser_kwargs("eu-west-1"), autocommit=True) as db:
        db.execute("DROP INDEX rag.sessions_by_user")
        try:
            with pytest.raises(Permanent, match=r"no index for the foreign key rag.sessions \(tenant_id, user_id\)"):
                Rows(settled.region).erase(target, ignore)
        finally:
            db.execute("CREATE INDEX IF NOT EXISTS sessions_by_user ON rag.sessions (tenant_id, user_id)")
    assert settled.seen() == before
    unsettle(settled)


def test_the_planner_knows_what_there_is_before_a_batch_is_planned(
    settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that takes the tenant for a single row reads all its rows for each key: minutes where it is a second."""
    vectors, target, known = VectorRows(settled.region), settled.target(), []
    tuples = "SELECT reltuples FROM pg_class WHERE oid = %s::regclass"
    monkeypatch.setattr("lifecycle.erasure.engine.rows.FEW", 17)

    def alive(number: int) -> None:
        known.append(settled.ask(tuples, f"rag.{settled.names.partition}"))

    assert settled.ask(tuples, f"rag.{settled.names.partition}") == [-1]
    vectors.list_into_items(target)
    vectors.erase(target, alive)
    assert known[0] == [-1] and known[1] == [18]


def test_an_address_leaves_the_statistics_too(settled: Settled, neighbour: Settled, stack: Stack) -> None:
    known = "SELECT count(*) FROM pg_stats WHERE schemaname = 'rag' AND tablename = 'users' AND attname = 'email'"
    known += " AND concat(most_common_vals, histogram_bounds) LIKE %s"
    with psycopg.connect(**stack.superuser_kwargs(settled.region.name), autocommit=True) as db:
        db.execute("ALTER TABLE rag.users ALTER email SET STATISTICS 10000")
        db.execute("ANALYZE rag.users")
        assert db.execute(known, (f"%ann{settled.id}%",)).fetchone() == (1,)
        target = settled.target()
        erased(settled, target)
        Rows(settled.region).clear({target.request_id: settled.names})
        assert db.execute(known, (f"%ann{settled.id}%",)).fetchone() == (0,)
        assert db.execute(known, (f"%ann{neighbour.id}%",)).fetchone() == (1,)
        db.execute("ALTER TABLE rag.users ALTER email SET STATISTICS -1")


def test_what_may_not_be_vacuumed_is_an_error_and_no_warning(settled: Settled, stack: Stack) -> None:
    with psycopg.connect(**stack.superuser_kwargs(settled.region.name), autocommit=True) as db:
        db.execute("ALTER TABLE rag.sessions OWNER TO CURRENT_USER")
        with pytest.raises(Permanent, match="sessions"):
            settling.vacuum(settled.region, ["documents", "sessions"])
        db.execute("ALTER TABLE rag.sessions OWNER TO rag_owner")


def test_a_closed_store_is_erased_and_what_goes_is_captured(settled: Settled, stack: Stack) -> None:
    with psycopg.connect(**stack.superuser_kwargs(settled.region.name), autocommit=True) as db:
        db.execute("UPDATE bw.fence SET state = 'closed', capture = true WHERE tenant_id = %s", (settled.id,))
        document = settled.ask(OWNED, settled.id, settled.bob)[0]
        gone = erased(settled, settled.target("document", documents=(document,)))
        kept = "SELECT table_name, count(*) FROM bw.dirty WHERE tenant_id = %s GROUP BY 1"
        dirty = dict(db.execute(kept, (settled.id,)).fetchall())
        assert dirty.pop("usage_counters") == 2 and sum(dirty.values()) == sum(gone.values())
        db.execute("UPDATE bw.fence SET capture = false WHERE tenant_id = %s", (settled.id,))
        db.execute("DELETE FROM bw.dirty WHERE tenant_id = %s", (settled.id,))


def test_the_eraser_sees_the_tenant_of_its_unfinished_job_alone(settled: Settled, neighbour: Settled) -> None:
    target, table = settled.target(), "SELECT count(*) FROM rag.documents"

    def seen(request: Any = target.request_id, epoch: int = 1) -> int:
        with psycopg.connect(**settled.region.database.connect_kwargs("eraser")) as db:
            db.execute(batch.CLAIM, (str(request), str(epoch)))
            return int((db.execute(table).fetchone() or (0,))[0])

    assert seen() == 0, "nothing has begun"
    items.begin(settled.region, target, "postgres")
    assert seen() == 6 and seen(neighbour.target().request_id) == 0 and seen(epoch=0) == 0
    fences.raise_job_epoch(settled.region, settled.id, RESOURCE, 2)
    assert seen() == 0 and seen(epoch=2) == 6
    erased(settled, Target(target.request_id, target.names, "tenant", 2))
    settled.write("INSERT INTO rag.documents (tenant_id, id, title) VALUES (%s, %s, 'late')", settled.id, settled.id)
    assert seen(epoch=2) == 0, "it has ended"


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO bw.erasure_progress (request_id, system, tenant_id) VALUES (%(id)s, 'x', %(id)s)",
        "SELECT bw.raise_job_epoch(%(id)s, 'erasure', 9)",
        "SELECT bw.set_hold(%(id)s, 'clear', 9)",
        "UPDATE rag.documents SET title = ''",
        "INSERT INTO rag.documents (tenant_id, id, title) VALUES (%(id)s, %(id)s, 'mine')",
        "DELETE FROM bw.subject_fence",
        "TRUNCATE rag.chunks",
        "DELETE FROM rag.chunk_vectors_%(hex)s",
    ],
)
def test_the_eraser_can_begin_nothing_and_write_nothing(settled: Settled, statement: str) -> None:
    items.begin(settled.region, settled.target(), "postgres")
    eraser = psycopg.connect(**settled.region.database.connect_kwargs("eraser"))
    with eraser as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.execute(statement.replace("%(hex)s", settled.id.hex), {"id": settled.id})


def test_nothing_is_erased_that_was_not_listed_first(region: Region, settled: Settled) -> None:
    with pytest.raises(Permanent, match="nothing is listed"):
        Rows(region).erase(settled.target(), ignore)
