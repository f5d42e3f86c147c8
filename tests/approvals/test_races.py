"""Two at once: exactly one wins."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from portal.approvals import actions, defaults
from portal.approvals.models import Case, Signature
from portal.jobs.models import OutboxEvent
from portal.lib.errors import Refusal

from .people import SYSTEM, act, effected, opened, person, signed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def shipped_rules():
    defaults.install(SYSTEM)


def at_once(*calls):
    """Run the calls in threads of their own, released together; return what each returned or raised."""
    barrier = Barrier(len(calls))

    def run(call):
        try:
            connection.ensure_connection()
            barrier.wait(10)
            return call()
        except Refusal as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def wins(results):
    return [not isinstance(result, Refusal) for result in results]


def test_approve_and_reject():
    asker, one, two = person("asha", "tenant_admin"), person("one", "cfo"), person("two", "cfo")
    for _ in range(8):
        case = opened(asker)
        results = at_once(
            lambda case=case: signed(case, one),
            lambda case=case: actions.reject(case.pk, actor=act(two), reason="No."),
        )
        assert sorted(wins(results)) == [False, True]
        decision = Signature.objects.get(case=case).decision
        assert Case.objects.get(pk=case.pk).state == {"sign": "signed", "reject": "rejected"}[decision]
        assert (
            OutboxEvent.objects.filter(
                event__in=["approval.signed", "approval.rejected"], payload__case_id=str(case.pk)
            ).count()
            == 1
        )


def test_sign_and_expire(time_machine):
    asker, cfo = person("asha", "tenant_admin"), person("one", "cfo")
    outcomes = set()
    for late in (0, 1) * 4:
        case = opened(asker)
        time_machine.move_to(case.expires_at.timestamp() - 0.05 + late * 0.05)
        signing, _ = at_once(lambda case=case: signed(case, cfo), lambda case=case: actions.expire(case.pk))
        case.refresh_from_db()
        actions.expire(case.pk)
        assert case.signatures.count() == (case.state == "signed") == (not isinstance(signing, Refusal))
        outcomes.add(case.state)
    assert "signed" in outcomes


def test_the_same_person_twice():
    asker, cfo = person("asha", "tenant_admin"), person("one", "cfo")
    actions.edit_rule("APR-002", actor=SYSTEM, reason="Two.", quorum=2)
    person("two", "cfo")
    case = opened(asker)
    results = at_once(*[lambda: signed(case, cfo)] * 4)
    assert sum(wins(results)) == 1
    case.refresh_from_db()
    assert (case.state, case.signatures.count()) == ("open", 1)


def test_a_quorum_of_two_at_once():
    asker, people = person("asha", "tenant_admin"), [person(f"p{n}", "cfo") for n in range(4)]
    actions.edit_rule("APR-002", actor=SYSTEM, reason="Two.", quorum=2)
    case = opened(asker)
    results = at_once(*[lambda user=user: signed(case, user) for user in people])
    assert sum(wins(results)) == 2
    case.refresh_from_db()
    assert (case.state, case.signatures.count()) == ("signed", 2)


def test_void_and_effect():
    asker, cfo = person("asha", "tenant_admin"), person("one", "cfo")
    for _ in range(4):
        case = opened(asker)
        signed(case, cfo)
        at_once(
            lambda case=case: effected(case), lambda case=case: actions.void(case.pk, actor=SYSTEM, reason="Changed.")
        )
        assert Case.objects.get(pk=case.pk).state == "voided", "an approved case can still be voided, never the reverse"


def test_parallel_requests_do_not_slip_under_the_limit():
    asker = person("asha", "tenant_admin")
    person("one", "cfo")
    cases = at_once(*[lambda: opened(asker, "990000.00", aggregation_key="finance") for _ in range(8)])
    assert sorted(case.state for case in cases) == ["open"] * 7 + ["signed"]
    assert sorted(int(case.aggregated_inr) for case in cases) == [990_000 * n for n in range(1, 9)]


def test_one_case_about_one_thing():
    from .people import subject

    asker, about = person("asha", "tenant_admin"), subject()
    person("one", "cfo")
    results = at_once(*[lambda: opened(asker, about=about) for _ in range(4)])
    assert sum(wins(results)) == 1


def test_rules_edited_at_once_are_versions_in_a_row():
    results = at_once(
        *[lambda n=n: actions.edit_rule("APR-002", actor=SYSTEM, reason="x", quorum=n) for n in range(1, 5)]
    )
    assert sorted(rule.version for rule in results) == [2, 3, 4, 5]
