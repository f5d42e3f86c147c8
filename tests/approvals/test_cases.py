"""A case from opening to its end: every state against every verb, order, quorum, time, blocks, splitting, effect."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.access.models import Grant
from portal.approvals import actions, schedule
from portal.approvals.models import Case
from portal.jobs.models import OutboxEvent
from portal.lib.clock import now
from portal.lib.errors import Conflict, Invalid, NotAllowed
from portal.lib.ids import new_id

from .people import LIMIT, SYSTEM, act, effected, opened, person, signed, subject

pytestmark = pytest.mark.django_db

VERBS = {
    "sign": lambda case, cfo, asker: signed(case, cfo),
    "reject": lambda case, cfo, asker: actions.reject(case.pk, actor=act(cfo), reason="Too dear."),
    "cancel": lambda case, cfo, asker: actions.cancel_case(case.pk, actor=act(asker), reason="Not needed."),
    "void": lambda case, cfo, asker: actions.void(case.pk, actor=SYSTEM, reason="The plan changed."),
    "ask": lambda case, cfo, asker: actions.ask(case.pk, actor=act(cfo), text="Why now?"),
    "effect": lambda case, cfo, asker: effected(case),
    "expire": lambda case, cfo, asker: actions.expire(case.pk),
    "reassess": lambda case, cfo, asker: actions.reassess(case.pk),
}
AFTER = {
    "open": {"sign": "signed", "reject": "rejected", "cancel": "cancelled", "void": "voided", "ask": "open"},
    "signed": {"cancel": "cancelled", "void": "voided", "effect": "approved"},
    "approved": {"void": "voided"},
}
SILENT = {"effect", "expire", "reassess"}


def in_state(state, asker, cfo):
    case = opened(asker)
    if state in ("signed", "approved"):
        signed(case, cfo)
    if state == "approved":
        effected(case)
    if state == "rejected":
        VERBS["reject"](case, cfo, asker)
    if state == "cancelled":
        VERBS["cancel"](case, cfo, asker)
    if state == "voided":
        VERBS["void"](case, cfo, asker)
    return Case.objects.get(pk=case.pk)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("state", Case.State.values)
def test_every_state_against_every_verb(rules, asker, cfo, state, verb, time_machine):
    case = in_state(state, asker, cfo)
    if state == "expired":
        time_machine.move_to(case.expires_at)
        case = actions.expire(case.pk)
    assert case.state == state
    expected = AFTER.get(state, {}).get(verb)
    if expected or verb in SILENT:
        VERBS[verb](case, cfo, asker)
    else:
        with pytest.raises(Conflict):
            VERBS[verb](case, cfo, asker)
    assert Case.objects.get(pk=case.pk).state == (expected or state)


def test_a_later_role_waits_for_the_earlier(rules, asker, cfo):
    cco, cto = person("chitra", "cco"), person("tara", "cto")
    case = opened(asker, facts={"tier": "gold", "data_classes": ["PII"]})
    with pytest.raises(Conflict) as caught:
        signed(case, cfo)
    assert caught.value.code == "not-your-turn"
    assert "Compliance" in caught.value.detail
    for user in (cco, cfo, cto):
        assert case.requirements.get(state="open").role in {r.role for r in user.grants.all()}
        signed(case, user)
    assert effected(case).state == "approved"


def test_one_refusal_ends_the_case(rules, asker, cfo):
    cco = person("chitra", "cco")
    case = opened(asker, facts={"data_classes": ["PII"]})
    actions.reject(case.pk, actor=act(cco), reason="No lawful basis.")
    case.refresh_from_db()
    assert (case.state, case.decided_reason) == ("rejected", "No lawful basis.")
    with pytest.raises(Conflict):
        signed(case, cfo)


@pytest.mark.parametrize("reason", ["", "   "])
def test_a_decision_says_why(rules, asker, cfo, reason):
    case = opened(asker)
    with pytest.raises(Invalid):
        signed(case, cfo, reason=reason)
    with pytest.raises(Invalid):
        actions.reject(case.pk, actor=act(cfo), reason=reason)


@pytest.mark.parametrize("amount", [Decimal("1.001"), Decimal("-1"), Decimal("NaN"), 5, 1.5])
def test_an_amount_is_a_decimal_of_rupees(rules, asker, amount):
    with pytest.raises(Invalid):
        actions.open_case(
            actor=act(asker),
            kind="tenant_request",
            subject=subject(),
            title="x",
            amount_inr=amount,
            aggregation_key="",
            facts={},
            digest="d",
            snapshot={},
        )


def test_one_live_case_about_one_thing(rules, asker, cfo):
    about = subject()
    opened(asker, about=about)
    with pytest.raises(Conflict):
        opened(asker, about=about)


# -- splitting -------------------------------------------------------------------------------------------------------
def test_two_requests_of_nine_point_nine_lakh(rules, asker, cfo):
    first = opened(asker, "990000.00", aggregation_key="finance")
    second = opened(asker, "990000.00", aggregation_key="finance")
    assert (first.state, second.state) == ("signed", "open")
    assert (second.aggregated_inr, second.aggregated_with) == (Decimal("1980000.00"), [str(first.pk)])
    assert second.requirements.get(state="open").role == "cfo"
    assert opened(asker, "990000.00", aggregation_key="retail").state == "signed"


def test_what_was_refused_or_is_long_ago_does_not_count(rules, asker, cfo, time_machine):
    def next_case():
        return opened(asker, "600000.00", aggregation_key="finance")

    first = next_case()
    actions.void(first.pk, actor=SYSTEM, reason="Changed.")
    second = next_case()
    assert second.state == "signed"
    time_machine.move_to(now() + timedelta(days=29))
    assert next_case().state == "open"
    time_machine.move_to(now() + timedelta(days=31))
    assert next_case().state == "signed"


def test_a_new_case_about_the_same_thing_replaces_the_old_amount(rules, asker, cfo):
    about = subject()
    first = opened(asker, "600000.00", aggregation_key="finance", about=about)
    effected(first)
    assert opened(asker, "600000.00", aggregation_key="finance", about=about).aggregated_inr == Decimal("600000.00")


def test_an_unknown_amount_in_the_window_makes_the_sum_unknown(rules, asker, cfo):
    opened(asker, None, aggregation_key="finance")
    case = opened(asker, "5.00", aggregation_key="finance")
    assert case.aggregated_inr is None
    assert case.requirements.get(state="open").role == "cfo"


# -- blocked ---------------------------------------------------------------------------------------------------------
def test_an_empty_group_blocks_until_a_grant_appears(rules, asker):
    case = opened(asker)
    requirement = case.requirements.get()
    assert (requirement.state, case.is_blocked) == ("blocked", True)
    assert OutboxEvent.objects.filter(event="approval.blocked").count() == 1
    schedule.tick()
    assert OutboxEvent.objects.filter(event="approval.blocked").count() == 1, "told once"
    late = person("late", "cfo")
    schedule.tick()
    requirement.refresh_from_db()
    assert requirement.state == "open"
    signed(case, late)
    assert effected(case).state == "approved"


def test_a_new_holder_need_not_wait_for_the_tick(rules, asker):
    case = opened(asker)
    signed(case, person("late", "cfo"))
    assert Case.objects.get(pk=case.pk).state == "signed"


def test_the_requester_is_not_a_group(rules, cfo):
    assert opened(cfo).is_blocked


def test_one_person_with_both_roles_is_not_two_groups(rules, asker):
    both = person("bina", "cfo", "cco")
    case = opened(asker, facts={"data_classes": ["PII"]})
    signed(case, both)
    case.refresh_from_db()
    assert case.is_blocked


def test_a_group_that_empties_blocks(rules, asker, cfo):
    case = opened(asker)
    Grant.objects.filter(user=cfo).update(revoked_at=now())
    schedule.tick()
    case.refresh_from_db()
    assert case.is_blocked


# -- time ------------------------------------------------------------------------------------------------------------
def test_overdue_is_told_once_and_later_it_expires(rules, asker, cfo, time_machine):
    case = opened(asker)
    due = case.requirements.get().due_at
    time_machine.move_to(due - timedelta(seconds=1))
    schedule.tick()
    assert not OutboxEvent.objects.filter(event="approval.escalated").exists()
    time_machine.move_to(due)
    schedule.tick()
    schedule.tick()
    event = OutboxEvent.objects.get(event="approval.escalated")
    assert event.payload["escalate_to"] == "platform_admin"
    time_machine.move_to(case.expires_at - timedelta(seconds=1))
    schedule.tick()
    case.refresh_from_db()
    assert case.state == "open"
    time_machine.move_to(case.expires_at)
    with pytest.raises(Conflict):
        signed(case, cfo)
    schedule.tick()
    case.refresh_from_db()
    assert case.state == "expired"


# -- effect ----------------------------------------------------------------------------------------------------------
CURRENT = {"digest": "d1"}


def digest_now(subject_id):
    return CURRENT["digest"]


@override_settings(APPROVAL_DIGESTS={"tenant_request": "tests.approvals.test_cases.digest_now"})
@pytest.mark.parametrize(("current", "state"), [("d1", "approved"), ("d2", "voided")])
def test_a_plan_that_changed_after_signing_voids(rules, asker, cfo, current, state):
    case = opened(asker)
    signed(case, cfo)
    CURRENT["digest"] = current
    assert effected(case).state == state
    assert OutboxEvent.objects.filter(event=f"approval.{state}").count() == 1
    assert effected(case).state == state
    assert OutboxEvent.objects.filter(event=f"approval.{state}").count() == 1


def test_at_the_limit_nobody_signs_and_the_effect_still_looks(rules, asker, cfo):
    case = opened(asker, LIMIT)
    assert case.state == "signed"
    actions.void(case.pk, actor=SYSTEM, reason="Changed.")
    assert effected(case).state == "voided"


# -- questions and withdrawal ----------------------------------------------------------------------------------------
def test_a_question_and_its_answer_stay_with_the_case(rules, asker, cfo):
    case = opened(asker)
    question = actions.ask(case.pk, actor=act(cfo), text="Why gold?")
    with pytest.raises(NotAllowed):
        actions.answer(question.pk, actor=act(cfo), text="Because.")
    actions.answer(question.pk, actor=act(asker), text="Month-end close.")
    with pytest.raises(Conflict):
        actions.answer(question.pk, actor=act(asker), text="Again.")
    with pytest.raises(NotAllowed):
        actions.ask(case.pk, actor=act(asker), text="May I?")


def test_a_stranger_does_not_withdraw(rules, asker, cfo):
    case = opened(asker)
    for user in (cfo, person("other", "tenant_admin@retail")):
        with pytest.raises(NotAllowed):
            actions.cancel_case(case.pk, actor=act(user), reason="No.")


# -- quorum ----------------------------------------------------------------------------------------------------------
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(quorum=st.integers(1, 3), holders=st.integers(0, 4), data=st.data())
def test_quorum_counts_different_people(rules, asker, quorum, holders, data):
    """However often and in whatever order people try, exactly `quorum` different holders are needed, no fewer."""
    kind = new_id().hex
    group = [person(f"h{n}", f"cto@{kind}") for n in range(holders)]
    actions.create_rule(kind, actor=SYSTEM, reason="t", title="t", case_kind=kind, role="cto", quorum=quorum)
    case = opened(asker, kind=kind, about=subject(kind))
    assert case.is_blocked == (holders < quorum)
    tries = data.draw(st.lists(st.integers(0, holders - 1), max_size=8)) if holders else []
    done: set[int] = set()
    for n in tries:
        allowed = n not in done and len(done) < quorum <= holders
        if allowed:
            signed(case, group[n])
            done.add(n)
        else:
            with pytest.raises((Conflict, NotAllowed)):
                signed(case, group[n])
    case.refresh_from_db()
    assert (case.state == "signed") == (len(done) == quorum)
