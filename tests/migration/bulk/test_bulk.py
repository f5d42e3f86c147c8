"""DataSync carries what it can ahead of the mover, is never believed, and writes nothing behind a comparison."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from bailiwick_verify.record import misfits
from django.db import connections
from django.db.models import F

from lifecycle.migration.engine import bulk, compare, objects
from lifecycle.migration.models import Migration
from lifecycle.stores import aws
from lifecycle.stores.objects import datasync
from portal.audit.models import Entry
from portal.jobs import runner
from portal.jobs.models import Job, Step
from portal.lib.clock import now
from tests.jobs.support import eventually
from tests.migration.comparing.test_holder import work
from tests.migration.control.running import SIDES, Running
from tests.migration.engine import kills
from tests.migration.windows.made import window

from .conftest import HISTORIES, PLAIN, bucket_of, engine, seen_on_green, step, told
from .double import Double, Refused

pytestmark = pytest.mark.django_db(transaction=True)
SWITCHED = "traffic_cutover_complete"
LEFT_TO_THE_MOVER = len(HISTORIES) + 1


def is_gone(double: Double) -> bool:
    return not (double.tasks or double.locations)


def recorded_of(one: Running) -> dict[str, Any]:
    """The record of its switch, as a stranger can read it."""
    entry = Entry.objects.filter(verb="migration.recorded", object_id=str(one.migration.pk)).get()
    record: dict[str, Any] = json.loads(entry.body)["data"]
    assert misfits(record) == []
    return record


def whole(one: Running) -> bool:
    """Both sides hold the same, histories included, and nothing of the list is left."""
    found = compare.compare(engine(one))
    return found.ok and found.keys == len(PLAIN) + LEFT_TO_THE_MOVER


def test_what_it_brings_rightly_is_kept_and_the_mover_brings_the_rest(one: Running, double: Double) -> None:
    one.until(SWITCHED)
    assert whole(one) and is_gone(double)
    found = told(one)
    assert (found["objects"], found["left_to_the_mover"]) == (len(PLAIN), LEFT_TO_THE_MOVER)
    assert found["found"] == {"alike": len(PLAIN), "different": 0, "missing": 0}
    assert found["said"]["status"] == "SUCCESS" and found["said"]["files"] == len(PLAIN)
    assert [seen_on_green(one, key) for key in PLAIN] == [[None]] * len(PLAIN), "brought once, by DataSync"
    assert all(all(marks) for marks in (seen_on_green(one, key) for key in HISTORIES)), "brought by the mover"
    history = objects.history(one.stores.green, bucket_of(one), "deleted")
    assert [moment.is_marker for moment in history] == [False, True]
    recorded = recorded_of(one)
    assert recorded["datasync"]["execution"] == found["said"]["execution"] in double.runs
    assert recorded["datasync"]["found"] == found["found"]
    assert {one["outcome"] for one in recorded["inventory"].values()} == {"none at hand"}
    assert double.calls["CreateTask"] == double.calls["StartTaskExecution"] == 1


def test_a_success_that_copied_nothing_is_not_believed(one: Running, double: Double) -> None:
    double.carries = lambda content: None
    one.until(SWITCHED)
    assert told(one)["said"]["status"] == "SUCCESS"
    assert told(one)["found"] == {"alike": 0, "different": 0, "missing": len(PLAIN)}
    assert whole(one) and is_gone(double)


def test_one_byte_that_is_wrong_is_brought_anew(one: Running, double: Double) -> None:
    double.carries = lambda content: b"Comma" if content == b"comma" else content
    one.until(SWITCHED)
    assert told(one)["found"] == {"alike": len(PLAIN) - 1, "different": 1, "missing": 0}
    assert whole(one) and all(seen_on_green(one, "a, b"))


def test_an_object_that_is_written_again_meanwhile_keeps_the_order_of_its_versions(
    one: Running, double: Double
) -> None:
    double.is_stuck = True
    eventually(lambda: work(one) or double.runs, what="a run")
    s3 = aws.client(one.stores.blue, "s3")
    s3.put_object(Bucket=bucket_of(one), Key="tagged", Body=b"newer")
    s3.delete_object(Bucket=bucket_of(one), Key="empty")
    double.let_go()
    one.until(SWITCHED)
    assert whole(one)
    body = aws.client(one.stores.green, "s3").get_object(Bucket=bucket_of(one), Key="tagged")["Body"].read()
    assert body == b"newer" and told(one)["found"]["different"] == 2


@pytest.mark.parametrize("action", ["ListTasks", "CreateLocationS3", "CreateTask", "StartTaskExecution"])
def test_a_refusal_fails_no_move(one: Running, double: Double, action: str) -> None:
    def refuse(asked: str, is_done: bool) -> None:
        if asked == action:
            raise Refused("AccessDeniedException")

    double.asked = refuse
    one.until(SWITCHED)
    assert whole(one) and "AccessDeniedException" in told(one)["failed"]
    assert recorded_of(one)["datasync"]["execution"] is None
    lines = Job.objects.get(pk=one.migration.job_id).log.filter(step="bulk", level="warning")
    assert lines.filter(text__contains="The mover brings what is not there").exists()
    assert is_gone(double)


def test_an_error_fails_no_move(one: Running, double: Double) -> None:
    double.ends = "ERROR"
    one.until(SWITCHED)
    assert whole(one) and is_gone(double) and told(one)["said"]["status"] == "ERROR"


def test_a_run_that_takes_too_long_is_ended(one: Running, double: Double, settings: Any) -> None:
    settings.MIGRATION["datasync"]["hours"] = 0
    one.until(SWITCHED)
    assert whole(one) and is_gone(double) and "longer" in told(one)["failed"]
    assert double.calls["CancelTaskExecution"] == 1


def test_nothing_is_compared_while_it_may_still_write(
    one: Running, double: Double, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not end when it is told to. What it writes late is found; the switch comes after it."""
    settings.MIGRATION["datasync"]["hours"] = 0
    monkeypatch.setattr("lifecycle.migration.steps.bulk.ENDS_WITHIN", now() - now())
    double.is_stuck = True
    double.carries = lambda content: b"stale"
    eventually(lambda: work(one) or "DataSync may still write" in one.job.wait_reason, what="the comparison waits")
    assert "objects_seen" not in step(one, "verify").evidence and one.migration.state == "incremental_sync"
    assert {run.status for run in double.runs.values()} == {"CANCELLING"}
    assert one.stands[0] == SIDES[0] and whole(one), "the mover has brought all of it"
    for _ in range(3):
        work(one)
    assert one.stands[0] == SIDES[0], "it waits for as long as that takes"
    double.let_go()
    assert not whole(one), "it has written over what the mover brought"
    one.until(SWITCHED)
    assert whole(one) and is_gone(double)


def test_a_service_that_falls_silent_holds_the_switch_until_it_answers(
    one: Running, double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    double.is_stuck = True
    eventually(lambda: work(one) or double.runs, what="a run")

    def silent(action: str, is_done: bool) -> None:
        raise Refused("ServiceUnavailable")

    double.asked = silent
    past = {**told(one), "until": now().isoformat()}
    Migration.objects.filter(pk=one.migration.pk).update(datasync=past)
    monkeypatch.setattr("lifecycle.migration.steps.bulk.ENDS_WITHIN", now() - now())
    eventually(lambda: work(one) or "DataSync may still write" in one.job.wait_reason, what="the comparison waits")
    double.asked = lambda action, is_done: None
    double.let_go()
    one.until(SWITCHED)
    assert whole(one) and is_gone(double)


def test_killed_at_every_call_it_makes_one_task_and_one_run(one: Running, double: Double) -> None:
    """Whoever calls dies before it reaches DataSync, then once more when it has been done and not answered."""
    died: set[tuple[str, bool]] = set()
    child = [0]

    def kill(action: str, is_done: bool) -> None:
        if child[0] and (action, is_done) not in died:
            died.add((action, is_done))
            os.kill(child[0], signal.SIGKILL)
            if not is_done:
                raise Refused("ServiceUnavailable")

    double.asked = kill
    job = one.migration.job_id

    def turn() -> bool:
        connections.close_all()
        Job.objects.filter(pk=job).update(wake_at=now())
        Step.objects.filter(job=job, name="bulk").update(losses=0)  # else it is given up after so many
        connections.close_all()
        child[0] = kills.fork(lambda: runner.run(job))
        kills.wait(child[0])
        return step(one).state == "succeeded"

    eventually(turn, what="carried ahead")
    child[0] = 0
    made = {"CreateLocationS3", "CreateTask", "StartTaskExecution", "DeleteTask", "DeleteLocation"}
    assert {(action, is_done) for action in made for is_done in (False, True)} <= died
    assert len(double.runs) == 1 and is_gone(double)
    assert told(one)["found"] == {"alike": len(PLAIN), "different": 0, "missing": 0}
    one.until(SWITCHED)
    assert whole(one)


def test_a_run_that_begins_while_all_is_taken_away_carries_nothing(one: Running, double: Double) -> None:
    """A worker that slept between its last look and its call: the list was gone before."""
    eventually(lambda: work(one) or double.runs, what="a run")
    transfer = bulk.transfer_of(engine(one))
    task = datasync.task_of(transfer)
    double.let_go()

    def sleeper(action: str, is_done: bool) -> None:
        if action == "DeleteTask" and not is_done and len(double.runs) == 1:
            datasync.start(transfer, task or "")

    double.asked = sleeper
    one.until(SWITCHED)
    assert len(double.runs) == 2 and whole(one)
    assert [run.named for run in double.runs.values()][1] is None


def test_a_worker_that_lost_the_job_makes_nothing_more(one: Running, double: Double) -> None:
    def overtaken(action: str, is_done: bool) -> None:
        if (action, is_done) == ("CreateLocationS3", True) and not double.calls["CreateTask"]:
            Job.objects.filter(pk=one.migration.job_id).update(job_epoch=F("job_epoch") + 1)
            connections.close_all()

    double.asked = overtaken
    eventually(lambda: work(one) or double.locations, what="a location")
    assert len(double.locations) == 1 and not double.tasks and double.calls["CreateLocationS3"] == 1


@pytest.mark.parametrize(("begins", "runs"), [(-1, 0), (5, 1)])
def test_a_window_does_not_wait_for_it(one: Running, double: Double, begins: float, runs: int) -> None:
    Migration.objects.filter(pk=one.migration.pk).update(window_minutes=30)
    one.migration.refresh_from_db()
    its = window(one.migration, begins)
    double.is_stuck = True
    eventually(lambda: work(one) or double.runs or step(one).state == "skipped", what="asked, or not")
    assert len(double.runs) == runs
    assert told(one).get("until") == (its.starts_at.isoformat() if runs else None)


def test_the_way_back_ends_it_and_waits_for_nothing(one: Running, double: Double) -> None:
    double.is_stuck = True
    eventually(lambda: work(one) or double.runs, what="a run")
    one.roll_back()
    one.until("rolled_back")
    ending = Job.objects.get(kind="migration.end_datasync")
    runner.run(ending.pk)
    ending.refresh_from_db()
    assert ending.state == "waiting" and double.calls["CancelTaskExecution"] == 1
    double.let_go()
    Job.objects.filter(pk=ending.pk).update(wake_at=now())
    runner.run(ending.pk)
    ending.refresh_from_db()
    assert ending.state == "succeeded" and is_gone(double) and "over" in told(one)


def test_it_is_not_asked_where_it_is_not_wanted(one: Running, double: Double, settings: Any) -> None:
    settings.MIGRATION["datasync"] |= {"bytes": 1000, "objects": len(PLAIN) + 1}
    eventually(lambda: work(one) or step(one).state == "skipped", what="skipped")
    assert "not enough" in step(one).evidence["skipped"] and not double.calls and told(one) == {}
    one.until(SWITCHED)
    assert whole(one)
    assert "datasync" not in recorded_of(one)


@pytest.mark.parametrize("side", SIDES)
def test_a_region_that_names_no_role_is_left_to_the_mover(
    one: Running, double: Double, settings: Any, tmp_path: Path, side: str
) -> None:
    known = json.loads(Path(settings.REGIONS_FILE).read_text())
    del known[side]["datasync"]
    settings.REGIONS_FILE = tmp_path / "one-role.json"
    settings.REGIONS_FILE.write_text(json.dumps(known))
    eventually(lambda: work(one) or step(one).state == "skipped", what="skipped")
    assert f"{side} names no role" in str(step(one).evidence) and not double.calls


def test_a_bucket_that_holds_something_is_left_to_the_mover(one: Running, double: Double) -> None:
    aws.client(one.stores.green, "s3").put_object(Bucket=bucket_of(one), Key="tagged", Body=b"of an earlier move")
    eventually(lambda: work(one) or step(one).state == "skipped", what="skipped")
    assert not double.calls
    one.until(SWITCHED)
    assert whole(one)
