"""While a person is fenced nothing of theirs is written, and everybody else writes on."""

import threading
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors, sql

from lifecycle.erasure.engine import subject
from lifecycle.stores.errors import Permanent
from tests.erasure.made import Settled
from tests.routed import routed

SESSION = "INSERT INTO rag.sessions (tenant_id, id, user_id, token_sha256, expires_at) VALUES (%s, %s, %s, %s, now())"
WRITES = {
    "users": "UPDATE rag.users SET display_name = 'x' WHERE id = %(user)s",
    "documents": "INSERT INTO rag.documents (tenant_id, id, title, owner_user_id)"
    " VALUES (%(t)s, %(new)s, 't', %(user)s)",
    "documents handed over": "UPDATE rag.documents SET owner_user_id = %(user)s",
    "sessions": "INSERT INTO rag.sessions (tenant_id, id, user_id, token_sha256, expires_at)"
    " VALUES (%(t)s, %(new)s, %(user)s, %(new)s::text, now())",
    "query_history": "INSERT INTO rag.query_history (tenant_id, id, user_id, q, k)"
    " VALUES (%(t)s, %(new)s, %(user)s, 'q', 1)",
    "query_history unnamed": "UPDATE rag.query_history SET user_id = NULL WHERE user_id = %(user)s",
    "access_controls": "UPDATE rag.access_controls SET user_id = %(user)s WHERE user_id = %(user)s",
}


def write(settled: Settled, statement: str, user: object) -> None:
    arguments = {"t": settled.id, "user": user, "new": uuid4()}
    with psycopg.connect(**routed(settled.region)) as db:
        db.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(settled.names.role)))
        db.execute(statement, arguments)
        db.rollback()


def test_nothing_of_the_person_is_written_and_everything_of_others(settled: Settled) -> None:
    target = settled.target("person", user_id=settled.ann)
    assert subject.fence(settled.region, target).request_id == target.request_id
    for statement in WRITES.values():
        with pytest.raises(errors.OperationalError, match="being erased") as refused:
            write(settled, statement, settled.ann)
        assert refused.value.sqlstate == "55BWP"
    for name, statement in WRITES.items():
        if name != "documents handed over":  # that one takes hers as well
            write(settled, statement, settled.bob)
    write(settled, "DELETE FROM rag.sessions WHERE user_id = %(user)s", settled.ann)
    assert subject.lift(settled.region, target) and not subject.lift(settled.region, target)
    for statement in WRITES.values():
        write(settled, statement, settled.ann)


def test_the_first_fence_stays_and_only_its_request_lifts_it(settled: Settled) -> None:
    first, second = (settled.target("person", user_id=settled.ann) for _ in range(2))
    assert subject.fence(settled.region, first) == subject.fence(settled.region, second)
    assert not subject.lift(settled.region, second)
    found = subject.read(settled.region, settled.id, settled.ann)
    assert found and found.request_id == first.request_id
    assert subject.lift(settled.region, first) and subject.read(settled.region, settled.id, settled.ann) is None
    with pytest.raises(Permanent, match="no person"):
        subject.fence(settled.region, settled.target())


def test_a_snapshot_older_than_the_fence_does_not_pass(settled: Settled) -> None:
    target = settled.target("person", user_id=settled.ann)
    with psycopg.connect(**routed(settled.region)) as db:
        db.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        db.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(settled.names.role)))
        db.execute("SELECT count(*) FROM rag.users")
        subject.fence(settled.region, target)
        with pytest.raises(errors.SerializationFailure):
            db.execute(SESSION, (settled.id, uuid4(), settled.ann, "late"))
    subject.lift(settled.region, target)


def test_the_fence_waits_for_what_was_let_through(settled: Settled) -> None:
    target = settled.target("person", user_id=settled.ann)
    thread = threading.Thread(target=subject.fence, args=(settled.region, target))
    with psycopg.connect(**routed(settled.region)) as db:
        db.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(settled.names.role)))
        db.execute(SESSION, (settled.id, uuid4(), settled.ann, "early"))
        thread.start()
        with psycopg.connect(**settled.region.database.connect_kwargs("observer"), autocommit=True) as observer:
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while observer.execute(waiting).fetchone() == (0,):
                assert thread.is_alive(), "the fence fell while a writer was under way"
        db.commit()
    thread.join(60)
    assert subject.read(settled.region, settled.id, settled.ann)
    assert len(settled.ask("SELECT id FROM rag.sessions WHERE tenant_id = %s", settled.id)) == 3
    subject.lift(settled.region, target)


def test_what_a_person_owns_is_read_whatever_the_store_says(settled: Settled) -> None:
    assert len(subject.documents_of(settled.region, settled.id, settled.ann)) == 3
    assert subject.documents_of(settled.region, settled.id, uuid4()) == ()


def test_what_the_platform_has_noted_to_be_deleted_is_known(settled: Settled) -> None:
    """Old enough to be nobody's upload; of a document that is there the row says whose it is."""
    there = settled.ask("SELECT id FROM rag.documents WHERE tenant_id = %s ORDER BY id LIMIT 1", settled.id)[0]
    left, coming = uuid4(), uuid4()
    note = (
        "INSERT INTO rag.document_outbox (tenant_id, id, document_id, action, created_at)"
        " VALUES (%s, gen_random_uuid(), %s, %s, now() - make_interval(secs => %s))"
    )
    for document, action, age in (
        (left, "delete_object", 90), (left, "delete_vectors", 90), (there, "delete_object", 90),
        (uuid4(), "upsert_vectors", 90),
    ):  # fmt: skip
        settled.write(note, settled.id, document, action, age)
    fenced = subject.fence(settled.region, settled.target("person", user_id=settled.ann)).placed_at
    found = subject.promised(settled.region, settled.id, fenced)
    assert (found.documents, found.are_young) == ((left,), False)
    settled.write(note, settled.id, uuid4(), "delete_object", -30)  # after the fence: an upload of somebody else
    assert subject.promised(settled.region, settled.id, fenced) == found
    settled.write(note, settled.id, coming, "delete_object", 30)
    again = subject.promised(settled.region, settled.id, fenced)
    assert set(again.documents) == {left, coming} and again.are_young
