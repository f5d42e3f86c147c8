"""After many writes on green the way back loses none of them; while green is dead, their number is said."""

import threading
from typing import Any

import pytest
from django.db import connection, connections, transaction

from lifecycle.migration import actions, schedule
from lifecycle.migration.engine.rounds import Round
from lifecycle.migration.models import Migration
from lifecycle.migration.steps import cutover
from lifecycle.stores.postgres import fences
from portal.jobs import runner
from portal.jobs.actions import wake
from portal.jobs.models import Job
from tests.jobs.support import eventually
from tests.migration.engine.burst import burst
from tests.migration.engine.conftest import both_ways

from .running import SIDES, Running, kiran
from .test_workers import BACK, SWITCHED

pytestmark = [pytest.mark.django_db(transaction=True), both_ways]


def told(one: Running) -> str:
    wake(one.job.pk)
    runner.run(one.job.pk)
    return one.job.wait_reason


def test_ten_thousand_writes_on_green_are_counted_then_said_and_all_come_back(
    switched: Running, dead: Any, settings: Any
) -> None:
    one, changes = switched, burst(switched.stores, switched.stores.green)
    assert changes > 10_000, "of every kind"
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


def test_a_second_round_needs_no_second_worker(switched: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of ten thousand keys does not fit into the pause: the worker goes on, and is not given back for it."""
    one, seen = switched, []
    burst(one.stores, one.stores.green)

    def fits(found: Round) -> bool:
        seen.append(found.keys)
        return len(seen) > 1

    monkeypatch.setattr(cutover, "fits", fits)
    one.roll_back()
    runner.run(one.job.pk)
    assert one.job.state == "succeeded" and one.migration.state == BACK
    assert len(seen) == 2 and seen[0] > 9_000
    assert one.stores.everything(one.stores.blue) == one.stores.everything(one.stores.green)


def test_the_owner_is_opened_though_the_other_side_is_dead(switched: Running, dead: Any) -> None:
    one = switched
    before = one.stands
    fences.set_state(one.stores.green, one.stores.id, "fenced")
    dead(SIDES[0])
    schedule.give_back(one.migration)
    fence = fences.read(one.stores.green, one.stores.id)
    assert fence and (fence.state, fence.epoch) == ("open", one.stands[1])
    assert one.stands[0] == before[0] and one.stands[1] > before[1]


def test_whoever_takes_it_back_queues_behind_the_worker_that_writes_and_neither_is_ended_for_it(
    switched: Running,
) -> None:
    """A worker has its job and then the move; a person who had them the other way round would meet it in a deadlock."""
    one, failed = switched, []

    def press() -> None:
        try:
            actions.roll_back(one.migration.pk, actor=kiran(), reason="enough")
        except Exception as error:
            failed.append(error)
        finally:
            connections.close_all()

    person = threading.Thread(target=press)
    with transaction.atomic(), connection.cursor() as db:
        Job.objects.select_for_update(no_key=True).get(pk=one.job.pk)
        person.start()
        waits = (
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
        )
        eventually(lambda: db.execute(waits) and db.fetchone() == (True,), 10, "the person")
        db.execute("SET LOCAL lock_timeout = '100ms'")
        Migration.objects.filter(pk=one.migration.pk).update(exposure=0)
    person.join(10)
    assert not failed, "nobody was in anybody's way"
    one.until(BACK)
