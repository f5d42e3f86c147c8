"""A certificate that stands is looked into again: what is found revokes it, what could not be asked is an alarm."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from compliance.certificates.models import Certificate
from compliance.erasing import actions as erasing
from compliance.erasing.models import ErasureRequest, Kind, Passage, SubjectKey
from compliance.erasing.pseudonyms import ledger_digest
from compliance.rechecks import actions, asking, queries, schedule
from compliance.rechecks.models import Recheck
from compliance.verifiers.looking import Answer, Question
from compliance.verifiers.remains import Remains
from portal.audit.context import acting
from portal.jobs import runner
from portal.jobs.models import Job
from portal.lib.clock import now
from portal.lib.errors import Conflict, NotAllowed
from portal.notify.models import Notice
from tenants.models import Tenant
from tests.compliance.certificates.conftest import deliver
from tests.compliance.certificates.made import issued_row
from tests.compliance.certificates.test_issuing import due_now
from tests.erasing.conftest import notes
from tests.erasing.made import Seven, act, nothing_of, put, row
from tests.verifiers.conftest import World, world

__all__ = ["notes", "world"]
pytestmark = pytest.mark.django_db


class Blind(Seven):
    """One that cannot look."""

    def look(self, question: Question) -> Answer:
        return Answer("blind", "test", "", None, why="It was refused with 403.")


def one_is_blind(system: str) -> Any:
    return Blind() if system == "cache" else nothing_of(system)


def sees(settings: Any, name: str) -> None:
    settings.ERASURE = {**settings.ERASURE, "verifier_of": name}


@pytest.fixture
def standing(notes: Tenant) -> Certificate:
    """The certificate of a whole tenant's erasure."""
    return _standing(notes)


def _standing(of: Tenant, kind: str = "tenant") -> Certificate:
    root = issued_row(of.pk, of.business_unit_id, f"erasure:{of.pk}")
    done = put(row(of, "completed", kind), "completed", certificate_id=root.pk)
    with acting(actions.SYSTEM):
        SubjectKey.objects.filter(request=done).delete()  # as when a request is completed
    return root


def look(root: Certificate) -> Recheck:
    made = actions.begin(root.pk, actor=act("farah"), reason="I want to know.")
    runner.run(made.job_id)
    deliver()
    return Recheck.objects.get(pk=made.pk)


def test_nothing_found_leaves_it_standing(standing: Certificate, settings: Any) -> None:
    sees(settings, "tests.erasing.made.nothing_of")
    made = look(standing)
    assert made.state == "clean" and len(made.systems) > 3
    assert Certificate.objects.get().state == "issued"
    assert Passage.objects.filter(reason__contains="looked into again").exists()


def test_what_is_found_revokes_it_and_opens_the_erasure_again(standing: Certificate, settings: Any) -> None:
    sees(settings, "tests.erasing.made.verifier_of")
    made = look(standing)
    found = Certificate.objects.get()
    assert (made.state, found.state) == ("residual", "revoked") and "has 7" in found.state_reason
    request = ErasureRequest.objects.get()
    assert request.state == "not_certifiable" and request.key.user_id is None
    assert Notice.objects.filter(event="recheck.residual", severity="critical").exists()
    assert Notice.objects.filter(event="certificate.revoked").exists()
    erasing.retry(request.pk, actor=act("farah"), reason="Have it erased again.")


def test_what_could_not_be_asked_is_an_alarm_and_no_revocation(standing: Certificate, settings: Any) -> None:
    sees(settings, f"{__name__}.one_is_blind")
    made = look(standing)
    assert (made.state, Certificate.objects.get().state) == ("not_checked", "issued")
    said = Notice.objects.filter(event="recheck.not_checked", severity="critical").first()
    assert said and "Not asked" in said.body


def test_killed_after_every_answer_it_concludes_once(standing: Certificate, settings: Any) -> None:
    sees(settings, "tests.erasing.made.verifier_of")
    made = actions.begin(standing.pk, actor=act("farah"), reason="I want to know.")
    turn = runner.claim(made.job_id)
    while turn is not None:
        runner.attempt(turn)
        due_now(made.job_id)
        turn = runner.claim(made.job_id)
        assert turn is not None
        turn = runner.settle(turn, runner.attempt(turn))
    deliver()
    assert Recheck.objects.get().state == "residual"
    assert Notice.objects.filter(event="certificate.revoked").values("user").distinct().count() == (
        Notice.objects.filter(event="certificate.revoked").count()
    )


# -- when -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("age", "days"), [(0, 7), (89, 7), (90, 91), (4000, 91)])
def test_often_at_first_and_ever_after(age: int, days: int) -> None:
    assert queries.every(timedelta(days=age)) == timedelta(days=days)


def test_the_calendar_begins_what_is_due_and_nothing_twice(standing: Certificate) -> None:
    schedule.tick()
    assert not Recheck.objects.exists()
    assert queries.due(now() + timedelta(days=7)) == [standing]
    made = actions.begin(standing.pk, actor=actions.SYSTEM, reason="Its time has come.", cause="scheduled")
    assert queries.due(now() + timedelta(days=6)) == []
    with pytest.raises(Conflict, match="being looked into"):
        actions.begin(standing.pk, actor=act("farah"), reason="Again.")
    assert Job.objects.get(pk=made.job_id).subject_id == str(made.pk)


def test_only_compliance_has_one_looked_into(standing: Certificate) -> None:
    with pytest.raises(NotAllowed):
        actions.begin(standing.pk, actor=act("meera"), reason="I want to know.")


def test_the_database_keeps_a_look_as_it_was(standing: Certificate, settings: Any) -> None:
    sees(settings, "tests.erasing.made.nothing_of")
    look(standing)
    for statement in ("DELETE FROM rechecks_recheck", "UPDATE rechecks_recheck SET state = 'residual'"):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(statement)


@pytest.mark.parametrize("kind", ["person", "tenant"])
def test_one_that_was_certified_before_its_last_look_is_revoked_by_the_calendar(
    notes: Tenant, settings: Any, time_machine: Any, kind: str
) -> None:
    """Its job certified first and looked again later, found something, and came to no end: it is in no ledger."""
    sees(settings, "tests.erasing.made.verifier_of")
    root = issued_row(notes.pk, notes.business_unit_id, f"erasure:{notes.pk}")
    put(row(notes, "verifying", kind), "not_certifiable", certificate_id=root.pk)
    time_machine.move_to(now() + timedelta(days=7))
    schedule.tick()
    made = Recheck.objects.get()
    assert made.cause == "scheduled"
    runner.run(made.job_id)
    deliver()
    root.refresh_from_db()
    assert root.state == "revoked" and "has 7" in root.state_reason
    assert Notice.objects.filter(event="certificate.revoked", severity="critical").exists()
    assert ErasureRequest.objects.get().state == "not_certifiable", "an officer has it erased again"
    schedule.tick()
    assert Recheck.objects.count() == 1, "what is revoked is looked into no more"


# -- objections -----------------------------------------------------------------------------------------------------
def test_an_objection_has_every_system_asked_and_tells_the_people_concerned(
    standing: Certificate, settings: Any
) -> None:
    sees(settings, "tests.erasing.made.nothing_of")
    from portal.jobs.outbox import emit

    request = ErasureRequest.objects.select_related("tenant").get()
    emit("erasure.contested", {**erasing.news_of(request), "left": []})
    deliver()
    made = Recheck.objects.get()
    assert made.cause == "contest"
    runner.run(made.job_id)
    deliver()
    told = Notice.objects.filter(event="recheck.clean").values_list("user__username", flat=True)
    assert {"farah", "thomas", request.requested_by.username} <= set(told)


# -- of a person: by hash -------------------------------------------------------------------------------------------
def test_a_person_whose_id_nobody_knows_is_found_by_its_hash(world: World) -> None:
    tenant_id = world.names.tenant_id
    person, document = (ledger_digest(kind, tenant_id, key) for kind, key in _known(world))

    def is_erased(one: UUID) -> bool:
        return ledger_digest(Kind.PERSON, tenant_id, one) == person or (
            ledger_digest(Kind.DOCUMENT, tenant_id, one) == document
        )

    said, seen = Remains("postgres").look(world.region, tenant_id, is_erased)
    assert said.found == 2 and seen >= 3, said  # the person and the document, each once; another's document was seen
    nobody, seen = Remains("postgres").look(world.region, tenant_id, lambda one: one == uuid4())
    assert (nobody.found, seen >= 2) == (0, True)
    assert not any(one.hex in str(said) or str(one) in str(said) for _kind, one in _known(world))


def _known(world: World) -> list[tuple[str, UUID]]:
    return [(Kind.PERSON, world.user), (Kind.DOCUMENT, world.document)]


def test_what_cannot_be_asked_by_a_hash_is_said_to_be_unasked(notes: Tenant) -> None:
    root = _standing(notes, "person")
    request = queries.erasure_of(root)
    assert request is not None
    for one in asking.connected():
        said = asking.ask(one, root.certified, request)
        assert not said.is_asked and said.found is None and "hash" in said.why
