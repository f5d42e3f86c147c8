"""While green is on trial: it is judged whatever blue does, blue that falls behind is told, and a way back is kept."""

from typing import Any

import pytest

from lifecycle.migration import actions
from lifecycle.migration.judging.models import Judgement
from lifecycle.migration.models import Migration
from lifecycle.migration.steps import stability
from lifecycle.retiring.models import Retirement
from lifecycle.stores.postgres import fences
from portal.jobs import runner
from portal.jobs.actions import wake
from portal.jobs.outbox import deliver_due
from portal.lib.clock import now
from portal.notify.models import Notice
from tests.admin.world import person
from tests.migration.engine.conftest import both_ways

from .running import SIDES, Running, kiran
from .test_given_up import write
from .test_workers import BACK, SWITCHED

pytestmark = [pytest.mark.django_db(transaction=True), both_ways]
BLUE, GREEN = SIDES


def looked(one: Running) -> None:
    wake(one.job.pk)
    runner.run(one.job.pk)
    deliver_due()


def told(event: str) -> int:
    return Notice.objects.filter(event=event, user=person("kiran")).count()


def test_green_is_judged_and_people_are_told_while_blue_is_silent(switched: Running, dead: Any, settings: Any) -> None:
    one, last = switched, Judgement.objects.get(migration=switched.migration)
    settings.MIGRATION = {**settings.MIGRATION, "gate_seconds": 0}
    dead(BLUE)
    for number, writes in enumerate((1, 0, 11)):
        if writes:
            write(one, one.stores.green, one.stands[1], writes)
        looked(one)
        assert told("migration.not_following") == (1, 1, 2)[number], "once, and again with a further digit"
    assert Judgement.objects.first().at > last.at


def test_a_side_that_answers_no_is_not_silent(switched: Running) -> None:
    one = switched
    fences.set_state(one.stores.blue, one.stores.id, "open")
    write(one, one.stores.green, one.stands[1])
    looked(one)
    assert one.job.state == "failed" and "must be closed" in one.job.error
    assert told("migration.stopped") == 1 and one.migration.state == SWITCHED


def test_a_way_back_that_was_granted_in_the_last_look_keeps_blue(
    switched: Running, settings: Any, monkeypatch: Any
) -> None:
    one, last_look = switched, stability._last_look
    settings.MIGRATION = {**settings.MIGRATION, "tick_seconds": 0}
    settings.GUARDS = {**settings.GUARDS, "migration.decommission": []}  # nobody asks this green anything
    settings.GUARDED_VERBS = settings.GUARDED_VERBS - {"migration.decommission"}
    Migration.objects.filter(pk=one.migration.pk).update(stable_at=now())

    def meanwhile(*given: Any) -> Any:
        found = last_look(*given)
        write(one, one.stores.green, one.stands[1], 3)
        actions.roll_back(one.migration.pk, actor=kiran(), reason="enough")
        return found

    monkeypatch.setattr(stability, "_last_look", meanwhile)
    looked(one)
    one.until(BACK)
    assert not Retirement.objects.exists() and one.open() == [one.stands] and one.stands[0] == BLUE
    assert one.stores.everything(one.stores.blue) == one.stores.everything(one.stores.green)
