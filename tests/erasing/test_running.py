"""What the engine says, said twice; what the database refuses; the ledger that every restore replays."""

from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from compliance.erasing import entering, queries, running
from compliance.erasing.actions import cancel, waive_export
from compliance.erasing.models import ErasureLedger, ErasureRequest, Kind, Obligation, SubjectKey
from compliance.erasing.pseudonyms import ledger_digest
from portal.access.accounts import SEED
from portal.lib.errors import Conflict
from tenants.models import Tenant
from tests.admin.world import tenant
from tests.erasing.made import USER_ID, act, ask, put

pytestmark = pytest.mark.django_db
DOCUMENT = uuid4()


def begun(notes: Tenant, **more: Any) -> ErasureRequest:
    one = put(ask(notes, **more), "scheduled", scheduled_for="2026-01-01T00:00:00+00:00")
    if one.awaits_export:
        waive_export(one.pk, actor=act("thomas"), reason="The tenant keeps its own copy.")
    return running.started(one.pk, uuid4(), actor=SEED)


def finished(one: ErasureRequest) -> ErasureRequest:
    running.phase(one.pk, "certifying", actor=SEED)
    running.certified(one.pk, uuid4(), actor=SEED)
    debts = [running.Debt("backups", date(2027, 2, 1), "Purge of the last set")]
    return running.completed(one.pk, is_final=True, obligations=debts, actor=SEED)


def test_from_the_first_phase_to_the_last_everything_may_be_said_twice(notes: Tenant) -> None:
    one = begun(notes)
    assert running.started(one.pk, one.job_id, actor=SEED).phase == "quiescing"
    seen = []
    before = ("quiescing", "manifesting", "deleting", "settling")
    for word in (*before, "verifying", "grace", "resweep", "late", "certifying"):
        for _twice in range(2):
            found = running.phase(one.pk, word, actor=SEED)
        seen.append((found.phase, found.state))
        running.fix_documents(one.pk, [DOCUMENT], actor=SEED)
    assert [state for _phase, state in seen] == ["executing"] * 4 + ["verifying"] * 5
    assert one.passages.count() == 4 + 1 + 8  # to be scheduled was made past the machine
    running.note_system(one.pk, "vectors", "ap-south-1", actor=SEED, outcome="erased", targeted=3, residual=0)
    running.note_system(one.pk, "queue", "ap-south-1", actor=SEED, state="skipped", title="Queues")
    assert one.systems.count() == 9
    with pytest.raises(TypeError):
        running.note_system(one.pk, "vectors", "ap-south-1", actor=SEED, email="no")
    for _twice in range(2):
        done = finished(one) if _twice == 0 else running.completed(one.pk, is_final=True, actor=SEED)
    assert (done.state, done.is_final, Obligation.objects.count()) == ("completed", True, 1)
    assert not SubjectKey.objects.exists()


def test_phases_go_back_where_something_was_found(notes: Tenant) -> None:
    one = begun(notes)
    assert running.phase(one.pk, "resweep", actor=SEED).state == "verifying"
    assert running.phase(one.pk, "deleting", actor=SEED).state == "executing"


def test_it_is_not_completed_without_a_certificate(notes: Tenant) -> None:
    one = begun(notes)
    running.phase(one.pk, "certifying", actor=SEED)
    with pytest.raises(Conflict, match="not certified"):
        running.completed(one.pk, is_final=False, actor=SEED)


def test_failures_keep_the_key_for_another_try(notes: Tenant) -> None:
    one = begun(notes)
    running.enter_ledger(one.pk, actor=SEED)
    running.note_system(one.pk, "cache", "ap-south-1", actor=SEED, targeted=9, acknowledged=2)
    found = running.not_certifiable(one.pk, ["cache: not checked"], actor=SEED)
    assert (found.state, found.reasons, found.counts["gone"]) == ("not_certifiable", ["cache: not checked"], 2)
    assert (
        running.not_certifiable(one.pk, ["cache: not checked"], actor=SEED).passages.count() == found.passages.count()
    )
    assert queries.facts(one.pk).user_id == USER_ID
    two = begun(notes, user_id=uuid4())
    assert running.failed(two.pk, "the store went away", actor=SEED).state == "failed"


def test_the_ledger_names_all_that_a_restore_must_erase_again(notes: Tenant) -> None:
    one = begun(notes)
    running.fix_documents(one.pk, [DOCUMENT], actor=SEED)
    entered = running.enter_ledger(one.pk, actor=SEED)
    assert entered == running.enter_ledger(one.pk, actor=SEED)
    assert queries.erasure_ledger_digest() == entered.digest and queries.is_erased(notes.pk, user_id=USER_ID)
    finished(one)
    assert [row.word for row in one.entries.all()] == ["begun", "concluded"]
    assert entered.subject == ledger_digest(Kind.PERSON, notes.pk, USER_ID) and str(USER_ID) not in entered.subject
    assert queries.is_erased(notes.pk, user_id=USER_ID) and queries.is_erased(notes.pk, document_id=DOCUMENT)
    assert not queries.is_erased(notes.pk, user_id=uuid4()) and not queries.is_erased(uuid4(), user_id=USER_ID)
    other = tenant("whole-notes", "FIN", "meera")
    finished(begun(other, kind="tenant", legal_basis="contract"))
    assert queries.is_erased(other.pk, user_id=uuid4())
    before = entering.GENESIS
    for row in queries.erasure_ledger():
        before = entering.chained(row, before)
        assert row.digest == before
    assert [row.tenant_id for row in queries.erasure_ledger(other.pk)] == [other.pk] * 2


def test_the_database_repeats_the_rules(notes: Tenant) -> None:
    one = finished(begun(notes))
    two = ask(notes)
    held = put(ask(notes, user_id=uuid4()), "legal_hold_blocked")
    this = f"WHERE id = '{two.pk}'"
    sql = {
        "DELETE FROM erasing_erasureledger": "only grows",
        "UPDATE erasing_erasureledger SET subject = ''": "only grows",
        f"DELETE FROM erasing_erasurerequest {this}": "never removed",
        f"UPDATE erasing_erasurerequest SET subject = '{'a' * 64}' {this}": "fixed when it is received",
        f"UPDATE erasing_erasurerequest SET due_on = due_on + 60 {this}": "extended once",
        f"UPDATE erasing_erasurerequest SET state = 'scheduled' {this}": "two others have signed",
        f"UPDATE erasing_erasurerequest SET state = 'verifying' WHERE id = '{one.pk}'": "does not go from completed",
        f"UPDATE erasing_erasurerequest SET started_at = NULL WHERE id = '{one.pk}'": "stays begun",
        f"UPDATE erasing_erasurerequest SET blocked_from = 'executing' WHERE id = '{held.pk}'": "where it was",
        f"UPDATE erasing_subjectkey SET fence = '{two.key.fence}'": "unique",
        "UPDATE erasing_obligation SET state = 'lapsed'": "settled_is_dated",
    }
    for statement, words in sql.items():
        with pytest.raises(IntegrityError, match=words), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert ErasureLedger.objects.count() == 2


def test_nothing_is_said_to_be_gone_of_which_a_restore_would_not_know(notes: Tenant) -> None:
    one = begun(notes)
    rows = one.systems.filter(system="cache")
    with pytest.raises(IntegrityError, match="before it is entered"), transaction.atomic():
        rows.update(acknowledged=1)
    running.enter_ledger(one.pk, actor=SEED)
    assert rows.update(acknowledged=1) == 1
    running.phase(one.pk, "certifying", actor=SEED)
    running.certified(one.pk, uuid4(), actor=SEED)
    with pytest.raises(IntegrityError, match="once the erasure ledger says so"), transaction.atomic():
        ErasureRequest.objects.filter(pk=one.pk).update(state="completed", is_final=True)


def test_what_was_cancelled_in_the_middle_is_not_replayed_unless_it_had_been_concluded(notes: Tenant) -> None:
    one = begun(notes)
    running.enter_ledger(one.pk, actor=SEED)
    running.note_system(one.pk, "cache", "ap-south-1", actor=SEED, targeted=9, acknowledged=2)
    cancel(one.pk, actor=act("farah"), reason="She thought better of it.")
    assert queries.is_erased(notes.pk, user_id=USER_ID), "until it is counted"
    running.cleared_up(one.pk, actor=SEED)
    assert not queries.is_erased(notes.pk, user_id=USER_ID)
    last = list(queries.erasure_ledger(notes.pk))[-1]
    assert last.word == "called_off" and {"name": "cache-ap-south-1", "gone": 2} in last.systems
    again = begun(notes)
    running.enter_ledger(again.pk, actor=SEED)
    assert queries.is_erased(notes.pk, user_id=USER_ID)


def test_a_second_open_request_about_the_same_is_refused_by_the_database(notes: Tenant) -> None:
    one, two = ask(notes), ask(notes, user_id=uuid4())
    SubjectKey.objects.filter(request=two).delete()
    again = {"request": two, "key": b"0" * 32, "user_id": USER_ID}
    with pytest.raises(IntegrityError, match="fence"), transaction.atomic():
        SubjectKey.objects.create(fence=one.key.fence, **again)
