"""One worker, one job: outcomes, pauses, waits, wakes, cancelling, undoing, resuming."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import time_machine

from portal.audit.models import Entry
from portal.jobs import actions, queries, runner
from portal.jobs.errors import Superseded
from portal.jobs.models import Job, JobState, OutboxEvent, ResourceLease, Step, Wake
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid

from .support import ENGINEER, calls, fresh, start

pytestmark = pytest.mark.django_db


def step(job: Job, name: str) -> Step:
    return Step.objects.get(job=job, name=name)


def news(job: Job) -> list[str]:
    return [event.event for event in OutboxEvent.objects.filter(payload__job_id=str(job.pk)).order_by("pk")]


def test_steps_run_in_order_and_leave_their_evidence(world: Path) -> None:
    job = start("three", world, tenant_id=uuid4())
    runner.run(job.pk)
    job = fresh(job)
    assert (job.state, job.lease_holder, job.job_epoch) == ("succeeded", "", 1)
    assert calls(world) == ["first", "second", "third"]
    assert step(job, "first").evidence == {"planned": "first", "made": "first"}
    assert step(job, "second").evidence == {"saw": "first"}
    assert (step(job, "third").done, step(job, "third").total) == (2, 2)
    assert [line.text for line in job.log.all()][:2] == ["first begins", "first has its effect"]
    assert [line.seq for line in job.log.all()] == [1, 2, 3, 4]
    assert news(job) == ["job.succeeded"]
    assert not ResourceLease.objects.exists()
    assert list(Entry.objects.acts().filter(object_id=str(job.pk)).values_list("verb", "actor")) == [
        ("job.start", "system:test"),
        ("job.succeeded", "system:runner"),
    ]


def test_a_finished_job_is_not_run_again(world: Path) -> None:
    job = start("three", world)
    runner.run(job.pk)
    runner.run(job.pk)
    assert calls(world) == ["first", "second", "third"]


def test_unknown_jobs_and_kinds(world: Path) -> None:
    runner.run(uuid4())
    with pytest.raises(Invalid):
        start("unheard", world)
    with pytest.raises(Absent):
        actions.cancel_job(uuid4(), actor=ENGINEER, reason="x")


def test_transient_pauses_without_a_worker_and_grows(world: Path) -> None:
    job = start("flaky", world, params={"times": 3})
    pauses = []
    with time_machine.travel(now(), tick=False) as clock:
        for _ in range(3):
            runner.run(job.pk)
            job = fresh(job)
            assert (job.state, job.lease_holder) == ("waiting", "")
            assert "the store is busy" in job.wait_reason
            pauses.append((job.wake_at - now()).total_seconds())
            runner.run(job.pk)  # a duplicate delivery before its time does nothing
            assert fresh(job).state == "waiting"
            clock.move_to(job.wake_at)
        runner.run(job.pk)
    assert fresh(job).state == "succeeded"
    assert calls(world) == ["first"] + ["shaky"] * 4
    assert 1 <= pauses[0] <= 2 <= pauses[1] <= 4 <= pauses[2] <= 8


def test_transient_gives_up_after_the_steps_limit(world: Path) -> None:
    job = start("flaky", world, params={"times": 99})
    with time_machine.travel(now(), tick=False) as clock:
        while fresh(job).state not in ("failed", "succeeded"):
            runner.run(job.pk)
            clock.move_to(fresh(job).wake_at or now())
    assert calls(world).count("shaky") == 8
    assert fresh(job).error == "the store is busy"
    assert news(job) == ["job.failed"]


def test_the_providers_own_wish_is_honoured(world: Path) -> None:
    job = start("foreign", world)
    runner.run(job.pk)
    assert fresh(job).wake_at > now() + timedelta(seconds=39)


def test_pauses_double_up_to_a_ceiling_with_jitter() -> None:
    for attempt in range(2, 60):
        assert 0.9 <= runner.pause_before(attempt, 2.0) <= runner.LONGEST_PAUSE
    assert len({runner.pause_before(5, 2.0) for _ in range(20)}) > 10


def test_unforeseen_errors_fail_after_three_tries_without_their_secrets(world: Path) -> None:
    job = start("unforeseen", world)
    with time_machine.travel(now(), tick=False) as clock:
        while fresh(job).state != "failed":
            runner.run(job.pk)
            clock.move_to(fresh(job).wake_at or now())
    error = fresh(job).error
    assert calls(world) == ["odd"] * 3
    assert error.startswith("ValueError: cannot reach postgresql://app:***@db/x")
    assert "hunter2" not in error


def test_evidence_that_cannot_be_stored_is_the_steps_failure(world: Path) -> None:
    job = start("unstorable", world)
    runner.run(job.pk)
    assert fresh(job).state == "waiting"
    assert "ValueError" in step(job, "odd").error


def test_permanent_fails_at_once_and_a_person_resumes_it_there(world: Path) -> None:
    job = start("refused", world)
    runner.run(job.pk)
    assert fresh(job).state == "failed"
    assert step(job, "hopeless").error == "the bucket belongs to somebody else"
    (world / "repaired").touch()
    actions.resume_job(job.pk, actor=ENGINEER, reason="bucket handed over")
    runner.run(job.pk)
    job = fresh(job)
    assert (job.state, job.retries, job.error) == ("succeeded", 1, "")
    assert calls(world) == ["first", "hopeless", "hopeless"]
    assert news(job) == ["job.failed", "job.succeeded"]


def test_skip_and_an_unasked_stop(world: Path) -> None:
    job = start("skips", world)
    runner.run(job.pk)
    assert (step(job, "nothing").state, step(job, "nothing").evidence) == (
        "skipped",
        {"skipped": "no cache in this region"},
    )
    assert fresh(job).state == "succeeded"
    other = start("stops", world)
    runner.run(other.pk)
    assert fresh(other).state == "failed"


def test_waiting_holds_no_worker_but_keeps_the_resource(world: Path) -> None:
    tenant = uuid4()
    job = start("waits", world, tenant_id=tenant, params={"hours": 48})
    runner.run(job.pk)
    job = fresh(job)
    assert (job.state, job.lease_until, job.wait_reason) == ("waiting", None, "Waits for the signature")
    assert ResourceLease.objects.get(tenant_id=tenant).job == job
    runner.run(job.pk)
    assert calls(world) == ["first", "signature"]
    (world / "signed").touch()
    with time_machine.travel(job.wake_at):
        runner.run(job.pk)
    assert fresh(job).state == "succeeded"
    assert fresh(job).job_epoch == 2


def test_a_wake_ends_the_wait(world: Path) -> None:
    job = start("waits", world)
    runner.run(job.pk)
    assert fresh(job).wake_at is None
    (world / "signed").touch()
    actions.wake(job.pk)
    runner.run(job.pk)
    assert fresh(job).state == "succeeded"
    actions.wake(job.pk)
    assert not Wake.objects.exists()


def test_a_wake_while_the_step_decides_to_wait_is_not_lost(world: Path) -> None:
    job = start("waits", world)
    turn = runner.claim(job.pk)
    assert turn is not None
    turn = runner.settle(turn, runner.attempt(turn))
    assert turn is not None and turn.step.name == "signature"
    looked = runner.attempt(turn)  # looks, finds nothing, decides to wait
    (world / "signed").touch()
    actions.wake(job.pk)  # the signature arrives just now
    assert runner.settle(turn, looked) is None
    assert fresh(job).state == "waiting"
    runner.run(job.pk)
    assert fresh(job).state == "succeeded"


def test_a_wake_before_the_look_costs_no_second_look(world: Path) -> None:
    job = start("waits", world)
    actions.wake(job.pk)
    runner.run(job.pk)
    runner.run(job.pk)
    assert calls(world) == ["first", "signature"]


def test_cancel_before_anything_has_begun_undoes_nothing(world: Path) -> None:
    job = start("undone", world)
    actions.cancel_job(job.pk, actor=ENGINEER, reason="changed our mind")
    runner.run(job.pk)
    assert fresh(job).state == "cancelled"
    assert set(job.steps.values_list("state", flat=True)) == {"cancelled"}
    assert calls(world) == []
    assert news(job) == ["job.cancelled"]
    assert Job.objects.count() == 1


def test_cancel_while_waiting_is_immediate(world: Path) -> None:
    job = start("waits", world, tenant_id=uuid4())
    runner.run(job.pk)
    actions.cancel_job(job.pk, actor=ENGINEER, reason="not wanted")
    assert fresh(job).state == "cancelled"
    assert not ResourceLease.objects.exists()
    with pytest.raises(Conflict):
        actions.cancel_job(job.pk, actor=ENGINEER, reason="again")


def test_cancel_during_a_step_stops_at_its_boundary_and_undoes_in_reverse(world: Path) -> None:
    job = start("undone", world, tenant_id=uuid4())
    turn = runner.claim(job.pk)
    for _ in range(2):
        assert turn is not None
        turn = runner.settle(turn, runner.attempt(turn))
    assert turn is not None and turn.step.name == "third"
    actions.cancel_job(job.pk, actor=ENGINEER, reason="not wanted")
    assert fresh(job).state == "cancelling"
    assert turn.cancel_requested
    with pytest.raises(Conflict):
        actions.cancel_job(job.pk, actor=ENGINEER, reason="twice")
    assert runner.settle(turn, runner.attempt(turn)) is None
    assert fresh(job).state == "cancelled"
    undoing = Job.objects.get(compensates=job)
    assert (undoing.kind, undoing.params["failed_job"]) == ("test.undone.undo", str(job.pk))
    assert ResourceLease.objects.get().job == undoing  # nobody slips in between
    runner.run(undoing.pk)
    assert calls(world)[-2:] == ["undo third", "undo first"]
    assert step(undoing, "third").evidence == {"undid": "third"}
    assert fresh(undoing).state == "succeeded"
    assert not ResourceLease.objects.exists()
    with pytest.raises(Conflict):
        actions.cancel_job(undoing.pk, actor=ENGINEER, reason="x")


def test_a_step_that_looks_stops_early(world: Path) -> None:
    job = start("slow", world, params={"polite": True})
    turn = runner.claim(job.pk)
    assert turn is not None
    actions.cancel_job(job.pk, actor=ENGINEER, reason="not wanted")
    assert isinstance(runner.attempt(turn), runner.Stopped)
    assert runner.settle(turn, runner.Stopped()) is None
    assert fresh(job).state == "cancelled"
    assert step(job, "slow").state == "cancelled"


def test_a_kind_that_cannot_be_cancelled(world: Path) -> None:
    job = start("stubborn", world)
    with pytest.raises(Conflict):
        actions.cancel_job(job.pk, actor=ENGINEER, reason="x")
    assert fresh(job).state == "queued"


def test_failure_starts_the_named_compensation_in_the_same_transaction(world: Path) -> None:
    job = start("cleaned", world, tenant_id=uuid4())
    runner.run(job.pk)
    undoing = Job.objects.get(compensates=job)
    assert (fresh(job).state, undoing.state, undoing.kind) == ("failed", "queued", "test.clean_up")
    event = OutboxEvent.objects.get(event="job.failed")
    assert (event.payload["compensation"], event.payload["step"]) == (str(undoing.pk), "hopeless")
    with pytest.raises(Conflict):
        actions.resume_job(job.pk, actor=ENGINEER, reason="too late")
    runner.run(undoing.pk)
    assert step(undoing, "clean").evidence == {
        "after": str(job.pk),
        "first": {"planned": "first", "made": "first"},
    }


def test_a_kind_may_leave_the_decision_to_a_person(world: Path) -> None:
    job = start("asks", world)
    runner.run(job.pk)
    assert fresh(job).state == "failed"
    assert queries.available_verbs(fresh(job), ENGINEER) == ["resume", "compensate"]
    undoing = actions.compensate_job(job.pk, actor=ENGINEER, reason="roll back")
    runner.run(undoing.pk)
    assert fresh(undoing).state == "succeeded"
    assert queries.available_verbs(fresh(job), ENGINEER) == []
    for verb in (actions.compensate_job, actions.resume_job):
        with pytest.raises(Conflict):
            verb(job.pk, actor=ENGINEER, reason="again")


def test_retry_step_ends_a_pause_and_resumes_a_failure(world: Path) -> None:
    job = start("flaky", world, params={"times": 1})
    with pytest.raises(Conflict):
        actions.retry_step(job.pk, "shaky", actor=ENGINEER, reason="too early")
    runner.run(job.pk)
    with pytest.raises(Conflict):
        actions.retry_step(job.pk, "first", actor=ENGINEER, reason="already done")
    actions.retry_step(job.pk, "shaky", actor=ENGINEER, reason="it is back")
    runner.run(job.pk)
    assert fresh(job).state == "succeeded"
    failed = start("refused", world)
    runner.run(failed.pk)
    (world / "repaired").touch()
    actions.retry_step(failed.pk, "hopeless", actor=ENGINEER, reason="repaired")
    runner.run(failed.pk)
    assert fresh(failed).state == "succeeded"


def test_every_write_of_a_superseded_worker_is_refused(world: Path) -> None:
    job = start("three", world, tenant_id=uuid4())
    stale = runner.claim(job.pk)
    assert stale is not None
    Job.objects.filter(pk=job.pk).update(lease_until=now() - timedelta(seconds=1))
    heir = runner.claim(job.pk)
    assert heir is not None and heir.epoch == stale.epoch + 1

    def fenced() -> None:
        with stale.fenced():
            raise AssertionError("the block must not run")

    stale._renewed = 0.0
    for write in (
        lambda: stale.log("late"),
        lambda: stale.heartbeat(5, 5),
        lambda: stale.note(late=True),
        fenced,
        lambda: runner.settle(stale, runner.Done({"late": True})),
        lambda: runner.settle(stale, runner.Failed("late")),
        lambda: runner.settle(stale, runner.Wait(None, "late")),
    ):
        with pytest.raises(Superseded):
            write()
    assert not job.log.exists()
    assert step(job, "first").evidence == {}
    assert step(job, "first").losses == 1
    assert runner.settle(heir, runner.attempt(heir)) is not None


def test_a_live_lease_is_not_taken_and_renews_by_progress(world: Path) -> None:
    job = start("three", world)
    turn = runner.claim(job.pk)
    assert turn is not None
    assert runner.claim(job.pk) is None
    before = fresh(job).lease_until
    turn.heartbeat()
    assert fresh(job).lease_until == before  # at most about one write a second
    turn.heartbeat(3, 3)
    assert fresh(job).lease_until > before


def test_a_step_that_kills_every_worker_fails_in_the_end(world: Path) -> None:
    job = start("three", world)
    for _ in range(runner.LOSSES):
        assert runner.claim(job.pk) is not None
        Job.objects.filter(pk=job.pk).update(lease_until=now() - timedelta(seconds=1))
    assert runner.claim(job.pk) is None
    assert fresh(job).state == "failed"
    assert "died 10 times" in fresh(job).error


def test_a_step_this_version_does_not_know_fails_the_job(world: Path) -> None:
    job = start("three", world)
    Step.objects.filter(job=job, name="second").update(name="renamed")
    runner.run(job.pk)
    assert "does not know" in fresh(job).error
    gone = start("three", world)
    Job.objects.filter(pk=gone.pk).update(kind="test.gone")
    runner.run(gone.pk)
    assert fresh(gone).state == JobState.FAILED


def test_eta_uses_past_runs_and_then_the_steps_own_pace(world: Path) -> None:
    job = start("three", world)
    assert queries.eta(job) == 30
    for _ in range(2):
        past = start("three", world)
        runner.run(past.pk)
    assert queries.eta(job) == 0  # past runs took no time
    Step.objects.filter(job=job, name="first").update(
        state="running", started_at=now() - timedelta(seconds=10), done=100, total=400
    )
    assert queries.eta(job) in (29, 30, 31)
    lines = queries.timeline(fresh(job))
    assert [line.name for line in lines] == ["first", "second", "third"]
    assert 9.5 <= (lines[0].rate_per_second or 0) <= 10.1
    assert queries.eta(fresh(past)) is None


def test_log_is_read_by_offset(world: Path) -> None:
    job = start("three", world)
    turn = runner.claim(job.pk)
    assert turn is not None
    turn.log_many([(f"line {number} token=abc", "info") for number in range(700)])
    turn.log_many([])
    first = queries.log_after(job, 0)
    rest = queries.log_after(job, first[-1].seq)
    assert [line.seq for line in first + rest] == list(range(1, 701))
    assert first[0].text == "line 0 token=***"


@pytest.mark.django_db(transaction=True)
def test_a_lost_database_connection_is_transient(world: Path) -> None:
    job = start("cut", world)
    runner.run(job.pk)
    assert fresh(job).state == "waiting"
    actions.wake(job.pk)
    runner.run(job.pk)
    assert fresh(job).state == "succeeded"
