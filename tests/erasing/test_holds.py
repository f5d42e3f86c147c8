"""A hold takes an erasure wherever it is, in neutral words; it returns by itself once the last hold is released."""

from uuid import uuid4

import pytest

from compliance.erasing import actions, queries, running, schedule
from compliance.erasing.models import ErasureRequest
from compliance.holds import actions as holds
from compliance.holds.models import Hold
from compliance.holds.queries import stands
from compliance.holds.stores import Told, report
from portal.access.accounts import SEED
from portal.jobs.models import OutboxEvent
from portal.lib.errors import Blocked
from portal.notify.models import Notice
from tenants.models import Tenant
from tests.admin.world import person
from tests.erasing.made import act, ask, deliver, put, sign
from tests.sealing import seal_here

pytestmark = pytest.mark.django_db


def place(of: Tenant) -> Hold:
    said = {"kind": "litigation", "matter": "Rao against Meridian", "reason": "A suit was filed."}
    return holds.place(of.pk, actor=act("thomas"), **said)


def release(*placed: Hold) -> None:
    """Both persons say so for each, all is sealed at once, and one hold after the other ends."""
    for one in placed:
        holds.ask_release(one.pk, actor=act("thomas"), reason="settled")
        holds.confirm_release(one.pk, actor=act("farah"), reason="read it")
    seal_here()


def store_says(of: Tenant, state: str) -> None:
    report(of.pk, [Told("ap-south-1", state, stands(of.pk).version)], actor=SEED)


def state_of(one: ErasureRequest) -> str:
    return ErasureRequest.objects.get(pk=one.pk).state


def test_under_a_hold_a_request_waits_and_goes_on_with_the_last_release(notes: Tenant) -> None:
    first, second = place(notes), place(notes)
    store_says(notes, "held")
    one = ask(notes, "meera")
    assert (one.state, one.blocked_from, one.case_id) == ("legal_hold_blocked", "legal_hold_check", None)
    deliver()
    told = dict(Notice.objects.filter(event="erasure.changed").values_list("user__username", "title"))
    assert "legal hold" in told["thomas"] and "retained under law" in told["meera"]
    assert "hold" not in told["meera"]
    release(first, second)
    holds.effect_of(first.pk)
    store_says(notes, "held")
    schedule.tick()
    deliver()
    assert state_of(one) == "legal_hold_blocked"
    holds.effect_of(second.pk)
    schedule.tick()
    assert state_of(one) == "legal_hold_blocked", "a store has not heard of the release"
    store_says(notes, "clear")
    deliver()
    assert state_of(one) == "awaiting_approval"
    assert Notice.objects.filter(user=person("thomas"), title__contains="no hold stands").count() == 1


def test_placing_takes_what_waits_and_signatures_are_kept(notes: Tenant) -> None:
    one = ask(notes)
    sign(one)
    hold = place(notes)
    store_says(notes, "held")
    deliver()
    assert state_of(one) == "legal_hold_blocked"
    release(hold)
    deliver()  # the signatures take effect under the hold, and so does the release
    store_says(notes, "clear")
    deliver()
    found = ErasureRequest.objects.get(pk=one.pk)
    assert found.state == "scheduled" and found.approved_at and found.scheduled_for


def test_work_that_meets_a_hold_rests_with_its_counts(notes: Tenant) -> None:
    one = put(ask(notes), "executing", phase="deleting")
    running.enter_ledger(one.pk, actor=SEED)
    running.note_system(one.pk, "postgres", "ap-south-1", actor=SEED, targeted=1311, acknowledged=1204)
    place(notes)
    deliver()
    assert state_of(one) == "executing", "its own fence stops it, and it says so with what is gone"
    blocked = running.hold_blocked(one.pk, actor=SEED)
    assert (blocked.state, blocked.blocked_from) == ("legal_hold_blocked", "executing")
    assert (blocked.counts["gone"], blocked.counts["of"]) == (1204, 1311)
    assert running.hold_over(one.pk, actor=SEED).state == "legal_hold_blocked"
    assert running.started(one.pk, uuid4(), actor=SEED).state == "legal_hold_blocked"
    assert "refuse" not in queries.available_verbs(blocked, act("farah"))


def test_nothing_begins_ends_or_is_tried_again_under_a_hold(notes: Tenant) -> None:
    due = put(ask(notes), "scheduled", scheduled_for="2026-01-01T00:00:00+00:00")
    stuck = put(ask(notes, user_id=uuid4()), "failed")
    last = put(ask(notes, user_id=uuid4()), "verifying", certificate_id=uuid4())
    place(notes)
    assert running.started(due.pk, uuid4(), actor=SEED).state == "legal_hold_blocked"
    with pytest.raises(Blocked):
        actions.retry(stuck.pk, actor=act("farah"), reason="Again.")
    with pytest.raises(Blocked):
        running.completed(last.pk, is_final=True, actor=SEED)


@pytest.mark.parametrize("back", ["scheduled", "executing", "verifying"])
def test_it_returns_to_where_it_was_and_is_rung_for(notes: Tenant, back: str) -> None:
    one = put(ask(notes), "legal_hold_blocked", blocked_from=back, scheduled_for="2026-01-01T00:00:00+00:00")
    assert running.hold_over(one.pk, actor=SEED).state == back
    assert running.hold_over(one.pk, actor=SEED).state == back
    assert OutboxEvent.objects.filter(event="erasure.due", payload__request_id=str(one.pk)).count() == 1
