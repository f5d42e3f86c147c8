"""After many writes on green the way back loses none of them; while green is dead, their number is said."""

from typing import Any

import pytest

from lifecycle.migration import schedule
from lifecycle.migration.models import Migration
from lifecycle.stores.postgres import fences
from portal.jobs import runner
from portal.jobs.actions import wake
from tests.migration.engine.conftest import both_ways

from .running import SIDES, Running
from .test_workers import BACK, SWITCHED

pytestmark = [pytest.mark.django_db(transaction=True), both_ways]
WRITES = {
    """INSERT INTO rag.documents (tenant_id, id, title)
       SELECT %(t)s, gen_random_uuid(), 'g' || n FROM generate_series(1, 4000) n""": 4000,
    "INSERT INTO rag.chunks SELECT tenant_id, id, 9, title FROM rag.documents WHERE title LIKE 'g%%'": 4000,
    """INSERT INTO rag.chunk_vectors SELECT tenant_id, document_id, ordinal,
       (SELECT array_agg(random()) FROM generate_series(1, 256))::vector
       FROM rag.chunks WHERE ordinal = 9 LIMIT 1750""": 1750,
    """DELETE FROM rag.chunk_vectors WHERE (document_id, ordinal) IN
       (SELECT document_id, ordinal FROM rag.chunk_vectors LIMIT 250)""": 250,
    "DELETE FROM rag.access_controls": 20,
    "UPDATE rag.usage_counters SET amount = amount + 10": 1,
}


def write_on_green(one: Running) -> int:
    """Every kind of write, a transaction each; returns how many changes wait to be carried back."""
    changes = 0
    for statement, expected in WRITES.items():
        with one.stores.writer(one.stores.green, one.stands[1]) as db:
            done = db.execute(statement, {"t": one.stores.id}).rowcount
        assert done == expected, statement
        changes += done
    return changes


def told(one: Running) -> str:
    wake(one.job.pk)
    runner.run(one.job.pk)
    return one.job.wait_reason


def test_ten_thousand_writes_on_green_are_counted_then_said_and_all_come_back(
    switched: Running, dead: Any, settings: Any
) -> None:
    one, changes = switched, write_on_green(switched)
    assert changes > 10_000
    dead(SIDES[0])
    for gone in ((SIDES[0],), SIDES):
        dead(*gone)
        assert f"{changes} writes would be lost with green. A person decides." in told(one), gone
        assert Migration.objects.get(pk=one.migration.pk).exposure == changes
    one.roll_back()
    assert f"{changes} writes would be lost" in told(one), "nor does the way back lose them in silence"
    assert one.migration.state == SWITCHED and one.stands[0] == SIDES[1]
    dead()
    before = one.stores.everything(one.stores.green)
    one.until(BACK)
    assert one.stores.everything(one.stores.blue) == before
    assert one.open() == [one.stands] and one.stands[0] == SIDES[0]
    back = one.migration.attempts.get(direction="back", outcome="switched")
    assert back.pause_ms <= settings.MIGRATION["rollback_seconds"] * 1000, "what writers waited for"


def test_the_owner_is_opened_though_the_other_side_is_dead(switched: Running, dead: Any) -> None:
    one = switched
    before = one.stands
    fences.set_state(one.stores.green, one.stores.id, "fenced")
    dead(SIDES[0])
    schedule.give_back(one.migration)
    fence = fences.read(one.stores.green, one.stores.id)
    assert fence and (fence.state, fence.epoch) == ("open", one.stands[1])
    assert one.stands[0] == before[0] and one.stands[1] > before[1]
