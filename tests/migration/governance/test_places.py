"""Fifty moves in line: never more at once than a region takes, nobody overtaken in its regions, nobody left waiting."""

import random
from typing import Any

import pytest

from lifecycle.migration import places
from lifecycle.migration.models import Migration
from portal.jobs.models import Job, Step
from tests.migration.control.made import bank, like, migration, put
from tests.sweeps import SEED

MOVES, MOST = 50, 2
REGIONS = ("ap-south-1", "eu-west-1", "us-east-1", "us-west-2")


@pytest.fixture
def line(shipped: None, settings: Any) -> list[Migration]:
    """Fifty between random regions, each in line since its number."""
    settings.MIGRATION = {**settings.MIGRATION, "moves_per_region": MOST}
    seed = SEED
    print("seed", seed)
    dice, first = random.Random(seed), bank()
    found = [_queued(like(first, f"bank-{number}"), number, *dice.sample(REGIONS, 2)) for number in range(MOVES)]
    dice.shuffle(found)
    return found


def _queued(one: Any, number: int, source: str, target: str) -> Migration:
    made = migration(one)
    about = {"kind": "migration.move", "title": "Move", "tenant_id": one.pk, "subject_id": str(made.pk)}
    job = Job.objects.create(requested_by="system:test", **about)
    Step.objects.create(job=job, seq=0, name=places.STEP, title="Look", evidence={places.SINCE: _since(number)})
    Migration.objects.filter(pk=made.pk).update(job_id=job.pk, source=source, target=target)
    return Migration.objects.get(pk=made.pk)


def _since(number: int) -> str:
    return f"2026-01-01T00:{number:02d}:00+00:00"


def since_of(one: Migration) -> str:
    return str(Step.objects.get(job_id=one.job_id).evidence[places.SINCE])


def test_fifty_moves_share_the_regions_fairly(line: list[Migration]) -> None:
    since = {one.pk: since_of(one) for one in line}
    waiting, moving, rounds = list(line), list[Migration](), 0
    while waiting:
        for one in list(waiting):  # in any order: whoever's worker looks first
            if places.why_not(one, since[one.pk]):
                continue
            waiting.remove(one)
            overtaken = [old for old in waiting if since[old.pk] < since[one.pk] and _share(old, one)]
            for old in overtaken:
                assert _room_is_left_for(old, [*moving, one]), "it took a place that an older one was waiting for"
            put(one, "initial_sync")
            moving.append(one)
            assert all(sum(region in _ends(each) for each in moving) <= MOST for region in REGIONS)
        assert moving, "everybody waits for everybody"
        put(moving.pop(0), "traffic_cutover_complete")
        rounds += 1
    assert rounds <= MOVES


def _ends(one: Migration) -> tuple[str, str]:
    return one.source, one.target


def _share(one: Migration, other: Migration) -> bool:
    return bool(set(_ends(one)) & set(_ends(other)))


def _room_is_left_for(old: Migration, moving: list[Migration]) -> bool:
    """The new one leaves a place in every region that both of them need."""
    new, others = moving[-1], moving[:-1]
    both = set(_ends(old)) & set(_ends(new))
    return all(sum(region in _ends(each) for each in others) + 1 < MOST for region in both)


def test_who_waits_for_something_else_is_not_in_line(line: list[Migration]) -> None:
    last = max(line, key=since_of)
    assert places.why_not(last, since_of(last))
    steps = Step.objects.exclude(job_id=last.job_id)
    for step in steps:
        step.evidence = {places.SINCE: None}
    Step.objects.bulk_update(steps, ["evidence"])
    assert places.why_not(last, since_of(last)) == ""
