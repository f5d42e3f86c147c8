"""A request from its receipt to its end: who may, what is refused, what two others sign, what is told to whom."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from compliance.erasing import actions, queries, running, schedule
from compliance.erasing.models import ErasureLedger, ErasureRequest, Obligation, SubjectKey
from portal.access.accounts import SEED
from portal.access.models import Grant
from portal.approvals import actions as approvals
from portal.approvals.models import Case
from portal.jobs.models import OutboxEvent
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid, NotAllowed
from portal.notify.models import Notice
from tenants.models import Tenant
from tests.admin.world import person, tenant
from tests.erasing.made import EMAIL, USER_ID, act, ask, deliver, put, scheduled, sign, silent
from tests.erasing.made import owed as obligation

pytestmark = pytest.mark.django_db


def test_a_request_is_validated_and_waits_for_two_others(notes: Tenant) -> None:
    one = ask(notes)
    assert (str(one), one.state, one.authority) == ("ER-0001", "awaiting_approval", "compliance")
    assert [passage.new for passage in one.passages.order_by("id")] == [
        "received", "validated", "legal_hold_check", "awaiting_approval",
    ]  # fmt: skip
    runs = {run.name: (run.found, run.why) for run in one.systems.all()}
    assert len(runs) == 8 and runs["postgres-ap-south-1"] == (7, "") and runs["backups"][0] is None
    assert {kept.rule for kept in one.exemptions.all()} == {"RET-CONTRACT", "RET-DPDP"}
    case = Case.objects.get(pk=one.case_id)
    assert {demand.role for demand in case.requirements.all()} == {"cco", "legal"}
    found = queries.facts(one.pk)
    assert (found.user_id, len(found.key), found.approvers) == (USER_ID, 32, ())


def test_a_store_that_is_silent_holds_up_nobody(notes: Tenant, settings: Any) -> None:
    settings.ERASURE = {**settings.ERASURE, "verifier_of": "tests.erasing.made.one_is_silent", "look_seconds": 3}
    try:
        runs = {run.system: (run.found, run.why) for run in ask(notes).systems.all()}
    finally:
        silent.let_go.set()
    assert runs["cache"] == (None, "it did not answer in time") and runs["postgres"] == (7, "")


def test_nobody_signs_for_two_and_whoever_asked_never_signs(notes: Tenant) -> None:
    for role in ("cco", "legal"):
        Grant.objects.create(user=person("farah"), role=role, granted_by="system:test")
    Grant.objects.create(user=person("leela"), role="legal", granted_by="system:test")
    one = ask(notes)
    with pytest.raises(NotAllowed):
        sign(one, person("farah"))
    sign(one, person("leela"))
    with pytest.raises((NotAllowed, Conflict)):
        sign(one, person("leela"))
    assert Case.objects.get(pk=one.case_id).state == "open"
    sign(one, person("thomas"))
    assert Case.objects.get(pk=one.case_id).state == "signed"


def test_signed_it_waits_for_its_undo_window_and_then_begins(notes: Tenant, time_machine: Any) -> None:
    one = scheduled(ask(notes))
    assert one.state == "scheduled" and one.scheduled_for
    assert 0 < (one.scheduled_for - now()).total_seconds() <= 900
    event = OutboxEvent.objects.get(event="erasure.due")
    assert event.payload == {"request_id": str(one.pk)}
    with pytest.raises(Conflict, match="undone"):
        running.started(one.pk, uuid4(), actor=SEED)
    time_machine.move_to(one.scheduled_for + timedelta(seconds=1))
    assert len(queries.facts(one.pk).approvers) == 2
    assert running.started(one.pk, uuid4(), actor=SEED).state == "executing"


def test_undone_in_time_nothing_begins(notes: Tenant) -> None:
    one = scheduled(ask(notes))
    assert actions.cancel(one.pk, actor=act("farah"), reason="Asked by mistake.").state == "cancelled"
    assert not SubjectKey.objects.exists()
    with pytest.raises(Absent):
        queries.facts(one.pk)
    with pytest.raises(Conflict):
        running.started(one.pk, uuid4(), actor=SEED)


def test_a_rejected_case_refuses_and_a_withdrawn_one_cancels(notes: Tenant) -> None:
    one, two = ask(notes), ask(notes, user_id=uuid4())
    approvals.reject(one.case_id, actor=act("leela"), reason="Not she.")
    approvals.cancel_case(two.case_id, actor=act("farah"), reason="Not now.")
    deliver()
    states = dict(ErasureRequest.objects.values_list("number", "state"))
    assert states == {1: "refused", 2: "cancelled"} and not SubjectKey.objects.exists()


def test_the_same_is_asked_for_once(notes: Tenant) -> None:
    one = ask(notes)
    for by in ("farah", "meera"):
        with pytest.raises(Conflict, match="ER-0001") as refused:
            ask(notes, by, user_id=None, email=EMAIL)
        assert refused.value.extra == {"open": "ER-0001"}
    ask(tenant("other-notes", "FIN", "meera"))
    ask(notes, kind="document", documents=[USER_ID])
    actions.cancel(one.pk, actor=act("farah"), reason="Asked by mistake.")
    assert str(ask(notes)) == "ER-0004"


def test_who_may_ask_for_what(notes: Tenant) -> None:
    whole = {"kind": "tenant", "legal_basis": "gdpr-28-3-g", "identity": "party"}
    assert ask(notes, "meera", **whole).authority == "owner"
    assert ask(tenant("more-notes", "FIN", "arjun"), "farah", **whole).authority == "compliance"
    with pytest.raises(NotAllowed, match="owner"):
        ask(tenant("their-notes", "FIN", "arjun"), "meera", **whole)
    assert ask(notes, "meera").authority == "owner"
    for by, refusal in (("nadia", NotAllowed), ("arjun", Absent), ("kiran", NotAllowed), ("oliver", NotAllowed)):
        with pytest.raises(refusal):
            ask(notes, by, user_id=uuid4())
    with pytest.raises(Conflict):
        ask(tenant("gone-notes", "FIN", "meera", status="deleted"))


WRONG: list[dict[str, Any]] = [
    {"reason": " "},
    {"reason": f"{EMAIL} wrote to us"},
    {"reason": "asha@elsewhere.example wrote to us"},
    {"kind": "planet"},
    {"legal_basis": "whim"},
    {"legal_basis": "gdpr-28-3-g"},
    {"identity": "gut"},
    {"user_id": None},
    {"email": EMAIL},
    {"user_id": None, "email": "stranger@example.com"},
    {"documents": [USER_ID]},
    {"kind": "document"},
    {"kind": "tenant", "legal_basis": "contract", "documents": [USER_ID]},
    {"kind": "document", "documents": [USER_ID], "email": EMAIL},
]


def test_what_is_wrong_is_said_and_changes_nothing(notes: Tenant) -> None:
    for more in WRONG:
        with pytest.raises(Invalid):
            ask(notes, **more)
    assert not ErasureRequest.objects.exists() and not SubjectKey.objects.exists()


def test_an_address_is_looked_up_and_kept_nowhere(notes: Tenant) -> None:
    one = ask(notes, user_id=None, email=f" {EMAIL} ")
    assert one.identifiers == ["email"] and queries.facts(one.pk).user_id == USER_ID
    assert tables_with("asha.rao") == set()
    assert tables_with(str(USER_ID)) == {"erasing_subjectkey"}
    actions.cancel(one.pk, actor=act("farah"), reason="Asked by mistake.")
    assert tables_with(str(USER_ID)) == set()


def tables_with(text: str) -> set[str]:
    """Every table of the portal and of its ledger with a row in which this is read."""
    with connection.cursor() as cursor:
        cursor.execute("""SELECT format('%I.%I', schemaname, tablename), tablename FROM pg_tables
                          WHERE schemaname IN ('public', 'ledger')""")
        found = set()
        for table, name in cursor.fetchall():
            cursor.execute(f"SELECT EXISTS (SELECT FROM {table} AS t WHERE t::text ILIKE %s)", [f"%{text}%"])
            found |= {name} if cursor.fetchone()[0] else set()
    return found


def test_the_clock_is_extended_once_and_in_time(notes: Tenant, time_machine: Any) -> None:
    one = ask(notes)
    before = one.due_on
    with pytest.raises(NotAllowed):
        actions.extend(one.pk, actor=act("meera"), reason="More time.")
    assert actions.extend(one.pk, actor=act("farah"), reason="Many systems.").due_on > before
    with pytest.raises(Conflict, match="once"):
        actions.extend(one.pk, actor=act("farah"), reason="Even more.")
    late = ask(notes, user_id=uuid4())
    time_machine.move_to(late.received_at + timedelta(days=40))
    with pytest.raises(Conflict, match="over"):
        actions.extend(late.pk, actor=act("farah"), reason="Too late.")


def test_alarms_come_once_each(notes: Tenant, time_machine: Any) -> None:
    one = ask(notes)
    seen = []
    for days in (9, 7, 6, 3, 1, 0, -1, -2):
        time_machine.move_to(f"{one.due_on - timedelta(days=days)}T12:00:00+00:00")
        schedule.tick()
        schedule.tick()
        found = OutboxEvent.objects.filter(event="erasure.due_near").order_by("id")
        seen.append([event.payload["days"] for event in found])
    assert seen[-1] == [7, 3, 1, -1] and ErasureRequest.objects.get().state == "awaiting_approval"
    deliver()
    assert Notice.objects.filter(event="erasure.changed", title__contains="overdue", user=person("farah")).count() == 1


def test_what_is_owed_is_asked_for_and_settled(notes: Tenant, time_machine: Any) -> None:
    one = obligation(notes)
    time_machine.move_to(f"{one.due_on + timedelta(days=1)}T12:00:00+00:00")
    schedule.tick()
    assert Obligation.objects.get().state == "overdue"
    deliver()
    assert Notice.objects.filter(event="erasure.obligation_due", user=person("farah")).count() == 1
    with pytest.raises(NotAllowed):
        actions.settle_obligation(one.pk, actor=act("meera"), reason="Seen.")
    assert actions.settle_obligation(one.pk, actor=act("farah"), reason="The processor wrote.").state == "lapsed"
    assert OutboxEvent.objects.get(event="erasure.obligation_lapsed").payload["obligation_id"] == str(one.pk)
    with pytest.raises(Conflict):
        actions.settle_obligation(one.pk, actor=act("farah"), reason="Again.")


def test_recipients_are_companies_and_told_once(notes: Tenant) -> None:
    one = ask(notes)
    told = {"name": "Payroll Ltd", "how": "By letter.", "reason": "Art. 19"}
    actions.tell_recipient(one.pk, actor=act("farah"), **told)
    for more, refusal in (({}, Conflict), ({"name": EMAIL}, Invalid), ({"name": "B", "how": " "}, Invalid)):
        with pytest.raises(refusal):
            actions.tell_recipient(one.pk, actor=act("farah"), **{**told, **more})
    assert [one["name"] for one in queries.facts(one.pk).recipients] == ["Payroll Ltd"]


def test_after_it_began_it_is_cancelled_with_counts_by_compliance_alone(notes: Tenant) -> None:
    one = put(ask(notes, "meera"), "executing")
    running.enter_ledger(one.pk, actor=SEED)
    running.note_system(one.pk, "postgres", "ap-south-1", actor=SEED, targeted=10, acknowledged=4)
    with pytest.raises(NotAllowed):
        actions.cancel(one.pk, actor=act("meera"), reason="Stop.")
    with pytest.raises(Conflict):
        actions.refuse(one.pk, actor=act("farah"), reason="Stop.")
    done = actions.cancel(one.pk, actor=act("farah"), reason="Stop.")
    assert (done.counts["gone"], done.counts["of"]) == (4, 10)
    assert "untouched" not in queries.where_it_stands(done) and "4 of 10" in queries.where_it_stands(done)
    with pytest.raises(Conflict) as over:
        running.phase(one.pk, "deleting", actor=SEED)
    assert over.value.code == "erasure-over"
    assert queries.facts(one.pk).user_id == USER_ID, "its stores are to be cleared up"
    running.cleared_up(one.pk, actor=SEED)
    assert not SubjectKey.objects.exists()


def done(notes: Tenant, **more: Any) -> ErasureRequest:
    one = put(ask(notes, **more), "verifying")
    running.certified(one.pk, uuid4(), actor=SEED)
    return running.completed(one.pk, is_final=True, actor=SEED)


def test_an_objection_asks_every_store_again(notes: Tenant, settings: Any) -> None:
    one, again = done(notes), {"actor": act("meera"), "reason": "I still see it."}
    for who in (None, uuid4()):
        with pytest.raises(Invalid, match="somebody else"):
            actions.contest(one.pk, user_id=who, **again)
    settings.ERASURE = {**settings.ERASURE, "verifier_of": "tests.erasing.made.nothing_of"}
    found = actions.contest(one.pk, user_id=USER_ID, **again)
    assert (found.state, found.reasons, ErasureLedger.objects.count()) == ("completed", [], 2)
    assert [passage.new for passage in found.passages.all()[:2]] == ["completed", "verifying"]
    assert not SubjectKey.objects.exists()
    with pytest.raises(Conflict):
        actions.contest(one.pk, user_id=USER_ID, **again)


def test_what_an_objection_finds_is_erased_again(notes: Tenant) -> None:
    one = done(notes, kind="document", documents=[USER_ID])
    with pytest.raises(Invalid, match="other documents"):
        actions.contest(one.pk, actor=act("farah"), reason="There it is.", document_ids=[uuid4()])
    found = actions.contest(one.pk, actor=act("farah"), reason="There it is.", document_ids=[USER_ID])
    assert found.state == "not_certifiable" and "postgres-ap-south-1 still has 7." in found.reasons
    assert actions.retry(one.pk, actor=act("farah"), reason="Again.").state == "executing"
    assert queries.facts(one.pk).document_ids == (USER_ID,)


def test_a_refusal_is_objected_to_with_legal(notes: Tenant) -> None:
    one = ask(notes, "meera")
    actions.refuse(one.pk, actor=act("thomas"), reason="Not hers.")
    assert actions.contest(one.pk, actor=act("meera"), reason="It is.").state == "refused"
    deliver()
    assert Notice.objects.filter(user=person("thomas"), title__contains="objected to").count() == 1


def test_words_that_are_offered_are_those_that_are_taken(notes: Tenant) -> None:
    one = ask(notes)
    farah, offered = act("farah"), {}
    for state in ("awaiting_approval", "legal_hold_blocked", "executing", "failed", "completed", "cancelled"):
        offered[state] = queries.available_verbs(put(one, state), farah)
    assert offered == {
        "awaiting_approval": ["extend", "tell_recipient", "refuse", "cancel"],
        "executing": ["extend", "tell_recipient", "cancel"],
        "failed": ["retry", "extend", "tell_recipient", "cancel"],
        "completed": ["tell_recipient", "contest"],
        "cancelled": [],
        "legal_hold_blocked": ["extend", "tell_recipient", "refuse", "cancel"],
    }
    assert queries.available_verbs(one, act("oliver")) == []
