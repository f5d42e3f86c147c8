"""What a hold refused in a region's store is on record in the portal: whose it was, or, of raw SQL, that it was."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

from compliance.holds.models import RefusedAttempt
from lifecycle.holding import refusals
from portal.embedded.stack import Stack
from tests.contracts import tenants
from tests.holds.conftest import Two
from tests.holds.test_fencing import follow, place, release
from tests.routed import routed
from tests.suspension.conftest import World

pytestmark = pytest.mark.django_db(transaction=True)
NOTE = "SELECT reading.note_refused(%s, %s, %s)"


@pytest.fixture
def held(world: World, counsel: Two) -> Iterator[World]:
    """A held tenant with documents; what its region had refused to others before is on record already."""
    tenants.insert_rows(world.region, world.names, documents=2)
    hold = place(world, counsel[0])
    follow(world)
    for _ in range(2):
        refusals.collect(world.region)
    yield world
    release(hold, counsel)
    follow(world)


def noted(world: World) -> list[tuple[str, str, str, int]]:
    rows = RefusedAttempt.objects.filter(tenant=world.tenant, region=world.region.name).order_by("id")
    return list(rows.values_list("verb", "actor", "place", "times"))


def unknown(world: World) -> int:
    rows = RefusedAttempt.objects.filter(region=world.region.name, verb="raw SQL")
    assert not rows.exclude(actor="unknown", tenant=None).exists()
    return sum(rows.values_list("times", flat=True))


def meets_it(world: World, verb: str, actor: str) -> None:
    """As the platform: it tries, is refused, and says so in a transaction of its own."""
    with psycopg.connect(**routed(world.region), autocommit=True) as db:
        with pytest.raises(errors.OperationalError, match="retained under law"), db.transaction():
            db.execute(f'SET LOCAL ROLE "{world.names.role}"')
            db.execute("SELECT set_config('bw.epoch', '1', true)")
            db.execute("DELETE FROM rag.chunk_vectors")
        db.execute(NOTE, (world.tenant.pk, verb, actor))


def test_what_the_platform_met_is_brought_once_and_counted_on(held: World) -> None:
    before = unknown(held)
    for verb, actor in (("DELETE /v1/users/<id:person>", "service:desk"), ("outbox", "system:ragplatform")):
        meets_it(held, verb, actor)
    for _ in range(2):
        refusals.tick()
    place_ = f"database of {held.region.name}"
    first = ("platform: DELETE /v1/users/<id:person>", "service:desk", place_, 1)
    assert noted(held) == [first, ("platform: outbox", "system:ragplatform", place_, 1)]
    meets_it(held, "outbox", "system:ragplatform")
    for _ in range(2):
        refusals.tick()
    assert noted(held) == [first, ("platform: outbox", "system:ragplatform", place_, 2)]
    assert unknown(held) == before, "what the platform has noted is not unknown"


def test_raw_sql_is_counted_although_its_transaction_kept_nothing(held: World, stack: Stack) -> None:
    before = unknown(held)
    with psycopg.connect(**stack.superuser_kwargs(held.region.name), autocommit=True) as db:
        for statement in ("DELETE FROM rag.chunk_vectors", "UPDATE rag.documents SET title = 'x'"):
            with pytest.raises(errors.OperationalError, match="retained under law"):
                db.execute(f"{statement} WHERE tenant_id = %s", (held.tenant.pk,))
    refusals.collect(held.region)
    assert unknown(held) == before, "who notes is a moment later than who counts, so it is looked at once more"
    for _ in range(2):
        refusals.collect(held.region)
        assert unknown(held) == before + 2, "each once"


DDL = {
    "drop": ("provisioner", "DROP TABLE rag.chunks CASCADE"),
    "alter": ("provisioner", "ALTER TABLE rag.chunks DISABLE TRIGGER ALL"),
    "detach": ("provisioner", "ALTER TABLE rag.chunk_vectors DETACH PARTITION rag.{part}"),
    "the partition": ("provisioner", "DROP TABLE rag.{part}"),
    "at once": ("provisioner", "ALTER TABLE rag.chunk_vectors DETACH PARTITION rag.{part} CONCURRENTLY"),
    "truncate by the owner": ("provisioner", "TRUNCATE rag.chunks"),
    "truncate by the superuser": ("superuser", "TRUNCATE rag.chunks CASCADE"),
}


def tried(world: World, stack: Stack, which: str) -> None:
    """One attempt, by hand, and refused."""
    who, statement = DDL[which]
    region = world.region
    login = stack.superuser_kwargs(region.name) if who == "superuser" else region.database.connect_kwargs(who)
    with psycopg.connect(**login, autocommit=True) as db, pytest.raises(psycopg.Error) as refused:
        db.execute(statement.format(part=world.names.partition))
    assert refused.value.sqlstate in ("42501", "55BWH"), refused.value


@pytest.mark.parametrize("which", DDL)
def test_what_would_change_a_table_is_counted_as_raw_sql_is(held: World, stack: Stack, which: str) -> None:
    before = unknown(held)
    tried(held, stack, which)
    for _ in range(3):
        refusals.collect(held.region)
    assert unknown(held) == before + 1, "once"


def test_what_no_hold_refused_is_not_counted_as_refused_by_one(world: World, stack: Stack) -> None:
    """Tables are changed by the superuser alone, held or not; on record is what a hold would have been broken by."""
    tenants.insert_rows(world.region, world.names, documents=1)
    for _ in range(2):
        refusals.collect(world.region)
    before = unknown(world)
    for which in ("drop", "alter", "truncate by the owner"):
        tried(world, stack, which)
    for _ in range(2):
        refusals.collect(world.region)
    assert unknown(world) == before
