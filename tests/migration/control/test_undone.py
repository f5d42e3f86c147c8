"""A move that is taken back before its switch asks blue alone, which served all the time: green may be dead."""

from typing import Any

import pytest

from lifecycle.stores.postgres import fences
from portal.embedded.stack import Stack
from portal.jobs import runner
from portal.jobs.actions import wake
from portal.jobs.models import Job
from portal.jobs.outbox import deliver_due
from tests.jobs.support import eventually
from tests.migration.holder import turn

from .running import NO_READS, SIDES, Running, running
from .test_workers import BACK

pytestmark = pytest.mark.django_db(transaction=True)


def work(one: Running) -> str:
    turn(one.job.pk)
    deliver_due()
    one.migration.refresh_from_db()
    return one.migration.state


@pytest.fixture
def stopped(shipped: None, stack: Stack, settings: Any) -> Running:
    """It failed between its copy and its switch; green stands open, as a switch that died may leave it."""
    settings.MIGRATION = {**settings.MIGRATION, **NO_READS, "budget_ms": 0, "hours": 0}
    one = running(stack.superuser_kwargs("control", "postgres"), documents=3)
    eventually(lambda: work(one) == "failed", what="failed")
    fences.set_state(one.stores.green, one.stores.id, "open")
    return one


def green(one: Running) -> str:
    found = fences.read(one.stores.green, one.stores.id)
    return found.state if found else "missing"


def test_a_dead_green_is_closed_when_it_answers_and_holds_up_nobody(stopped: Running, dead: Any) -> None:
    one, before = stopped, stopped.stands
    dead(SIDES[1])
    one.roll_back()
    eventually(lambda: work(one) == BACK, what=BACK)
    assert one.stands == before, "blue served all the time: it keeps its epoch, and nobody waited for its lock"
    assert not fences.captures(one.stores.blue, one.stores.id)
    closing = Job.objects.get(kind="migration.close_green")
    runner.run(closing.pk)
    closing.refresh_from_db()
    assert "does not answer" in closing.wait_reason and green(one) == "open"
    dead()
    wake(closing.pk)
    runner.run(closing.pk)
    closing.refresh_from_db()
    assert (closing.state, green(one)) == ("succeeded", "closed")
    assert one.open() == [before]


def test_a_green_that_answers_is_closed_at_once(stopped: Running) -> None:
    one, before = stopped, stopped.stands
    one.roll_back()
    eventually(lambda: work(one) == BACK, what=BACK)
    assert one.open() == [before] == [one.stands]
    assert not Job.objects.filter(kind="migration.close_green").exists()
