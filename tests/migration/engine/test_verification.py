"""What verification sees, and what it does not cry about."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import sql

from lifecycle.migration.engine import verify
from portal.embedded.stack import Stack

from .conftest import World, copied

QUIETLY = "SET session_replication_role = replica"  # as a DBA would, past every trigger


def behind_its_back(stack: Stack, world: World, statement: str) -> None:
    with psycopg.connect(**stack.superuser_kwargs(world.green.name)) as db:
        db.execute(QUIETLY)
        changed = db.execute(statement, {"tenant": world.id})  # type: ignore[arg-type]
        assert changed.rowcount == 1


DAMAGE = {
    "one bit of one float of one vector": """
        UPDATE rag.chunk_vectors SET embedding = (SELECT array_agg(CASE WHEN n = 100
            THEN ((('x' || encode(float4send(v), 'hex'))::bit(32) # 1::bit(32))::int::text)::real ELSE v END ORDER BY n)
            FROM unnest(embedding::real[]) WITH ORDINALITY AS e(v, n))::vector
        WHERE (document_id, ordinal) = (SELECT document_id, ordinal FROM rag.chunk_vectors WHERE tenant_id = %(tenant)s
                                        LIMIT 1)""",
    "1.0 for 1.00": "UPDATE rag.usage_reports SET amount = 1.000000000001 WHERE tenant_id = %(tenant)s",
    "a row too many": """
        INSERT INTO rag.documents (tenant_id, id, title) VALUES (%(tenant)s, gen_random_uuid(), 'never written')""",
    "a row beyond the last key": """
        INSERT INTO rag.documents (tenant_id, id, title)
        VALUES (%(tenant)s, 'ffffffff-ffff-ffff-ffff-ffffffffffff', '')""",
    "a row too few": """
        DELETE FROM rag.access_controls WHERE id = (SELECT id FROM rag.access_controls WHERE tenant_id = %(tenant)s
                                                    LIMIT 1)""",
    "NULL for an empty text": "UPDATE rag.usage_reports SET taken_at = '-infinity' WHERE tenant_id = %(tenant)s",
    "two columns exchanged": """
        UPDATE rag.documents SET title = source, source = title WHERE id = (
            SELECT id FROM rag.documents WHERE tenant_id = %(tenant)s LIMIT 1)""",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_difference_is_found_named_and_mended(stack: Stack, world: World, damage: str) -> None:
    world.fill(5)
    taken, _ = world.take(1)
    copied(taken)
    assert verify.verify(taken).ok
    behind_its_back(stack, world, damage)
    found = verify.verify(taken)
    assert not found.ok and found.root_source != found.root_target
    assert sum(len(keys) for keys in found.mismatches.values()) == 1
    assert verify.verify(taken).ok
    assert world.everything(world.green) == world.everything(world.blue)


UNLIKE = {
    "1.0 for 1.00": ("1.0, 1", "1.00, 1"),
    "NULL moved to the next column": ("NULL::text, 'a'::text", "'a'::text, NULL::text"),
    "NULL for an empty text": ("NULL::text, 1", "''::text, 1"),
    "a letter moved to the next column": ("'ab'::text, 'c'::text", "'a'::text, 'bc'::text"),
    "a number for its text": ("1, 1", "'1'::text, 1"),
}


@pytest.mark.parametrize("rows", UNLIKE.values(), ids=UNLIKE.keys())
def test_rows_that_read_almost_alike_are_not(world: World, rows: tuple[str, str]) -> None:
    """What no table of the platform can hold today, and the form of a row tells apart all the same."""
    form = verify._row(verify.Shape("t", (("a", ""), ("b", "")), ()))
    with psycopg.connect(**world.blue.database.connect_kwargs("verifier")) as db:
        query = sql.SQL("SELECT {} FROM (VALUES ({})) AS t (a, b)")
        one, other = (db.execute(query.format(form, sql.SQL(row))).fetchone() for row in rows)  # type: ignore[arg-type]
    assert one and other and one != other


def test_two_rows_exchanged_are_two_differences(stack: Stack, world: World) -> None:
    world.fill(2)
    taken, _ = world.take(1)
    copied(taken)
    with psycopg.connect(**stack.superuser_kwargs(world.green.name)) as db:
        db.execute(QUIETLY)
        (one, first), (two, second) = db.execute(
            "SELECT id, title FROM rag.documents WHERE tenant_id = %s", [world.id]
        ).fetchall()
        for document, title in ((one, second), (two, first)):
            db.execute("UPDATE rag.documents SET title = %s WHERE id = %s", [title, document])
    assert len(verify.verify(taken).mismatches["documents"]) == 2


def test_a_writer_past_every_trigger_is_found(stack: Stack, world: World) -> None:
    """The guard does not see who switches triggers off; the comparison of the rows does."""
    world.fill(3)
    taken, _ = world.take(1)
    copied(taken)
    with psycopg.connect(**stack.superuser_kwargs(world.blue.name)) as db:
        db.execute(QUIETLY)
        db.execute("UPDATE rag.documents SET title = 'changed' WHERE tenant_id = %s", [world.id])
    assert len(verify.verify(taken).mismatches["documents"]) == 3
    assert verify.verify(taken).ok


def test_servers_in_other_time_zones_are_alike(stack: Stack, world: World) -> None:
    world.fill(3)
    taken, _ = world.take(1)
    copied(taken)
    with psycopg.connect(**stack.superuser_kwargs(world.green.name), autocommit=True) as db:
        db.execute("ALTER ROLE bw_verifier SET timezone = 'Asia/Kolkata'")
        db.execute("ALTER ROLE bw_verifier SET extra_float_digits = 0")
    try:
        assert verify.verify(taken).ok
    finally:
        with psycopg.connect(**stack.superuser_kwargs(world.green.name), autocommit=True) as db:
            db.execute("ALTER ROLE bw_verifier RESET ALL")
            db.execute("ALTER ROLE bw_verifier SET default_transaction_read_only = on")


def test_rows_written_meanwhile_are_no_difference(world: World) -> None:
    world.fill(3)
    taken, _ = world.take(1)
    copied(taken)
    beats: list[Callable[[], Any]] = []

    def beat() -> None:
        if not beats:
            beats.append(beat)
            world.fill(1)

    assert verify.verify(taken, beat).ok and beats
