"""What the shipped rules ask for, and what they waive."""

from decimal import Decimal

import pytest

from portal.approvals import actions, conditions
from portal.approvals.conditions import Matter
from portal.approvals.models import Case, Rule
from portal.lib.errors import Invalid, NotAllowed

from .people import LIMIT, SYSTEM, act, effected, opened, person, signed

pytestmark = pytest.mark.django_db


def roles(case: Case, state: str = "") -> set[str]:
    found = case.requirements.filter(state=state) if state else case.requirements.exclude(state="waived")
    return set(found.values_list("role", flat=True))


def test_exactly_ten_lakh_waives_the_cfo_and_approves_itself(rules, asker, cfo):
    case = opened(asker, LIMIT)
    assert (case.state, roles(case), roles(case, "waived")) == ("signed", set(), {"cfo"})
    assert effected(case).state == "approved"


def test_one_paisa_more_goes_to_the_cfo(rules, asker, cfo):
    case = opened(asker, LIMIT + Decimal("0.01"))
    assert (case.state, roles(case, "open"), roles(case, "waived")) == ("open", {"cfo"}, set())
    signed(case, cfo)
    assert effected(case).state == "approved"


def test_at_the_limit_the_other_rules_still_speak(rules, asker, cfo):
    person("chitra", "cco")
    case = opened(asker, LIMIT, facts={"data_classes": ["PII"]})
    assert (case.state, roles(case), roles(case, "waived")) == ("open", {"cco"}, {"cfo"})


def test_every_shipped_rule(rules, asker, cfo):
    for name in ("cco", "legal", "cto"):
        person(name, name)
    facts = {"tier": "gold", "data_classes": ["financial"], "leaves_home_country": True}
    case = opened(asker, facts=facts)
    found = {(r.role, r.order, r.sla_hours) for r in case.requirements.all()}
    assert found == {("cco", 1, 24), ("legal", 1, 72), ("cfo", 2, 48), ("cto", 3, 24)}


@pytest.mark.parametrize("amount", [None, "0.00"])
def test_an_unknown_price_forces_a_person(rules, asker, cfo, amount):
    case = opened(asker, amount, facts={"price_known": False})
    assert roles(case, "open") == {"cfo"}


def test_a_fact_that_is_missing_asks_rather_than_waives(rules, asker, cfo):
    person("legal", "legal")
    case = opened(asker, "5.00", facts={"leaves_home_country": None})
    assert roles(case) == {"legal"}


def test_no_rule_blocks_and_tells_until_a_rule_speaks(rules, asker, cfo):
    case = opened(asker, kind="restore")
    assert (case.state, case.is_blocked) == ("open", True)
    assert not case.requirements.exists()
    admin = act(person("adi", "platform_admin"))
    actions.create_rule(
        "APR-050",
        actor=admin,
        reason="Restores cost money.",
        title="Any restore",
        case_kind="restore",
        role="cfo",
    )
    case = actions.reassess(case.pk)
    assert not case.is_blocked
    assert roles(case, "open") == {"cfo"}


def test_a_kind_under_the_rules_of_another_has_its_own_too(rules, asker, cfo):
    actions.create_rule(
        "APR-051",
        actor=act(person("adi", "platform_admin")),
        reason="The tier is the law's business here.",
        title="Any tier change",
        case_kind="tier_change",
        role="legal",
    )
    assert roles(opened(asker, kind="tier_change")) == {"cfo", "legal"}
    assert roles(opened(asker)) == {"cfo"}


def test_the_case_keeps_the_rule_it_was_opened_with(rules, asker, cfo):
    admin = act(person("adi", "platform_admin"))
    case = opened(asker)
    rule = actions.edit_rule("APR-002", actor=admin, reason="Stricter.", quorum=2, sla_hours=1)
    assert (rule.version, Rule.objects.in_force().get(rule_id="APR-002").quorum) == (2, 2)
    kept = case.requirements.get()
    assert (kept.rule_version, kept.quorum, kept.sla_hours) == (1, 1, 48)


def test_a_future_version_leaves_the_present_one_in_force(rules, asker, cfo):
    from datetime import timedelta

    from portal.lib.clock import now

    later = now() + timedelta(days=2)
    actions.edit_rule("APR-002", actor=SYSTEM, reason="Next quarter.", effective_from=later, quorum=2)
    assert Rule.objects.in_force().get(rule_id="APR-002").version == 1
    assert Rule.objects.in_force(later).get(rule_id="APR-002").version == 2


def test_a_retired_rule_lets_nothing_through(rules, asker, cfo):
    actions.retire_rule("APR-001", actor=SYSTEM, reason="No waivers this year.")
    assert opened(asker, "5.00").is_blocked


def test_two_rules_for_one_role_ask_once_and_the_strictest(rules, asker, cfo):
    actions.create_rule(
        "APR-060",
        actor=SYSTEM,
        reason="Board decision.",
        title="Silver needs two",
        case_kind="tenant_request",
        condition={"tiers": ["silver"]},
        role="cfo",
        order=1,
        quorum=2,
        sla_hours=24,
    )
    person("second", "cfo")
    requirement = opened(asker).requirements.get()
    assert (requirement.order, requirement.quorum, requirement.sla_hours, len(requirement.rules)) == (1, 2, 24, 2)
    waived = opened(asker, "5.00")
    assert roles(waived) == {"cfo"}, "the waiver sets aside the rule it names, and no other"


@pytest.mark.parametrize(
    "condition",
    [
        {"sql": "1=1"},
        {"amount_above_inr": "ten lakh"},
        {"amount_above_inr": 1.5},
        {"tiers": []},
        {"tiers": "gold"},
        [],
        {"leaves_home_country": "no"},
    ],
)
def test_the_vocabulary_is_closed(condition):
    with pytest.raises(Invalid):
        conditions.check(condition)


@pytest.mark.parametrize(
    "fields", [{"role": "auditor"}, {"quorum": 0}, {"waives": ["APR-001"]}, {"colour": "red"}, {"sla_hours": 0}]
)
def test_a_rule_that_makes_no_sense_is_refused(rules, fields):
    with pytest.raises(Invalid):
        actions.edit_rule("APR-002", actor=SYSTEM, reason="Try.", **fields)


def test_only_administrators_write_rules(rules, cfo):
    with pytest.raises(NotAllowed):
        actions.retire_rule("APR-002", actor=act(cfo), reason="In my way.")


def test_words_of_a_condition():
    assert conditions.in_words({"amount_above_inr": "1000000.00"}) == "amount above ₹10,00,000.00"
    assert conditions.evaluate({}, Matter({}, None)) is True
