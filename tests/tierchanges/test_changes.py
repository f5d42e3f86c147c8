"""A change of tier from its asking to its end: what it costs, who signs, what moves with it, and how it goes back."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from lifecycle.tierchanges import actions, fit, schedule
from lifecycle.tierchanges.models import TierChange
from portal.access.actor import Actor
from portal.approvals import actions as approvals
from portal.approvals.models import Case
from portal.lib.clock import now
from portal.lib.errors import Blocked, Conflict, Invalid
from portal.notify.models import Notice
from tenants import actions as registry
from tenants.costs.models import Agreement
from tenants.costs.statements import refresh
from tenants.models import BusinessUnit, Movement, Reservation, Tenant, Tier
from tenants.registry.models import Published
from tests.admin.world import person, tenant
from tests.sealing import seal_here

from .made import approved, asked, deliver, meera, sealed, sign

pytestmark = pytest.mark.django_db
TODAY, LAST = date(2026, 11, 10), date(2026, 11, 20)
HELD = Decimal("1153800.00")


@pytest.fixture(autouse=True)
def _november() -> Any:
    with time_machine.travel(datetime(2026, 11, 10, 6, 0, tzinfo=UTC), tick=True):
        yield


def at(day: date) -> Any:
    return time_machine.travel(datetime(day.year, day.month, day.day, 6, 0, tzinfo=UTC), tick=True)


def roles(change: TierChange) -> dict[str, str]:
    case = Case.objects.get(pk=change.case_id)
    return {one.role: str(one.state) for one in case.requirements.all()}


def held(tenant: Tenant) -> Decimal:
    rows = Reservation.objects.filter(tenant_id=tenant.pk, state__in=["reserved", "committed", "actual"])
    return sum((row.amount_inr for row in rows), Decimal(0))


# -- asking -----------------------------------------------------------------------------------------------------------
def test_the_whole_years_difference_decides_who_signs(mine: Tenant) -> None:
    change = asked(mine, ends_on=LAST)
    assert change.yearly_inr == change.counted_inr == Decimal("1110000.00")  # (2,05,000 − 1,12,500) × 12
    assert roles(change) == {"cfo": "open", "cto": "waiting"}
    assert Case.objects.get(pk=change.case_id).snapshot["season_inr"] == "30410.96"  # 10 of 365 days
    assert held(mine) == HELD + change.counted_inr
    mine.refresh_from_db()
    assert mine.tier_id == "gold", "nothing moves before it is approved"


def test_two_changes_of_a_unit_in_thirty_days_add_up(mine: Tenant) -> None:
    Tenant.objects.filter(pk=mine.pk).update(tier="silver", **Tier.objects.get(pk="silver").limits())
    first = asked(mine, "gold")
    assert roles(first) == {"cfo": "waived", "cto": "open"} and first.counted_inr == Decimal("798000.00")
    actions.cancel(first.pk, actor=meera(), reason="not yet")
    assert held(mine) == HELD
    again = asked(mine, "gold", budget_inr=Decimal("1000000.01"))
    assert again.counted_inr == Decimal("1000000.01") and roles(again)["cfo"] == "open", "the larger amount counts"


def test_one_open_request_at_a_time(mine: Tenant) -> None:
    asked(mine)
    with pytest.raises(Conflict, match="open already"):
        asked(mine, "silver", acknowledged=True)
    assert TierChange.objects.count() == 1


def test_what_the_envelope_does_not_hold_is_not_asked(mine: Tenant) -> None:
    BusinessUnit.objects.filter(pk="FIN").update(envelope_inr=HELD)
    with pytest.raises(Blocked):
        asked(mine)
    assert not TierChange.objects.exists() and held(mine) == HELD


def test_an_unknown_price_is_never_nothing(mine: Tenant) -> None:
    registry.save_tier(actor=schedule.SYSTEM, reason="no price yet", **_like_platinum("enterprise"))
    with pytest.raises(Invalid, match="no price for Platform, enterprise"):
        asked(mine, "enterprise")
    change = asked(mine, "enterprise", budget_inr=Decimal("120000.00"))
    assert change.yearly_inr is None and Case.objects.get(pk=change.case_id).amount_inr is None
    assert roles(change)["cfo"] == "open", "a person signs"
    assert approved(change).state == "applied"
    charged = [one.monthly_inr for one in Agreement.objects.filter(tenant=mine)]
    assert charged == [Decimal("112500.00"), Decimal("122500.00")], "what was signed, until there is a price"


def _like_platinum(code: str) -> dict[str, Any]:
    row = Tier.objects.filter(pk="platinum").values().get()
    return {**row, "code": code, "name": code.capitalize()}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"tier": "gold"}, "tier"),
        ({"starts_on": TODAY - timedelta(days=1)}, "starts_on"),
        ({"ends_on": TODAY}, "ends_on"),
        ({"starts_on": LAST, "ends_on": LAST}, "ends_on"),
        ({"expected": {}}, "expected_users"),
    ],
)
def test_what_cannot_be_asked(mine: Tenant, given: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        asked(mine, **given)
    assert field in refused.value.fields and not TierChange.objects.exists()


def test_a_lower_tier_that_does_not_hold_what_is_used_wants_a_word(mine: Tenant, monkeypatch: Any) -> None:
    used = {"users": 10, "documents": 150_000}
    monkeypatch.setattr(fit.rows, "count", lambda region, tenant_id: used)  # the store's answer
    fit.stored_bytes_of.__globals__["Condition"].objects.create(tenant=mine, read_at=now(), stored_bytes=1)
    with pytest.raises(Invalid, match="documents: 1,50,000, the tier holds 1,00,000") as refused:
        asked(mine, "silver")
    assert refused.value.extra["fits"] == ["Platinum"], "gold is what it has"
    change = asked(mine, "silver", acknowledged=True)
    assert [one["what"] for one in change.exceeds] == ["max_documents"] and change.is_acknowledged
    assert change.counted_inr == 0 and change.yearly_inr == Decimal("-798000.00")


def test_what_could_not_be_read_does_not_fit(mine: Tenant) -> None:
    far = tenant("far-away", "FIN", "meera", region="xx-none-1")
    with pytest.raises(Invalid, match="documents: unknown"):
        asked(far, "bronze", budget_inr=Decimal(1))


# -- in force ---------------------------------------------------------------------------------------------------------
def test_everything_moves_with_it_and_only_after_the_seal(mine: Tenant) -> None:
    change = asked(mine)
    sign(change)
    deliver()
    mine.refresh_from_db()
    assert mine.tier_id == "gold", "signed, and not sealed"
    seal_here()
    deliver()
    mine.refresh_from_db()
    assert (mine.tier_id, mine.limits()) == ("platinum", Tier.objects.get(pk="platinum").limits())
    assert (mine.monthly_cost_inr, mine.annual_budget_inr) == (Decimal("205000.00"), Decimal("2610000.00"))
    assert Reservation.objects.get(holder_id=change.pk).state == "committed" and held(mine) == HELD + change.counted_inr
    told = json.loads(Published.objects.get(pk=mine.pk).body)
    assert (told["tier"], told["limits"]) == ("platinum", mine.limits())
    assert Notice.objects.filter(user=mine.owner, event="tier_change.changed").count() == 1


def test_the_statement_charges_both_by_days(mine: Tenant) -> None:
    Tenant.objects.filter(pk=mine.pk).update(activated_at=datetime(2026, 10, 1, tzinfo=UTC))
    approved(asked(mine))
    refresh(TODAY.replace(day=1))
    lines = [(one["label"], one["amount_inr"]) for one in mine.statements.get().lines]
    assert lines == [("Baseline, 9 of 30 days", "33750.00"), ("Baseline, 21 of 30 days", "143500.00")]


def test_less_for_good_gives_money_back(mine: Tenant) -> None:
    change = approved(asked(mine, "silver", acknowledged=True))
    assert change.state == "applied" and held(mine) == HELD - Decimal("798000.00")
    moved = Movement.objects.filter(reservation__tenant_id=mine.pk)
    assert sum(m.amount_inr * ((m.new != "") - (m.old != "")) for m in moved) >= 0
    mine.refresh_from_db()
    assert mine.annual_budget_inr == Decimal("702000.00")


def test_less_for_a_time_keeps_the_money_for_the_way_back(mine: Tenant) -> None:
    approved(asked(mine, "silver", acknowledged=True, ends_on=LAST))
    assert held(mine) == HELD


def test_it_begins_on_its_day(mine: Tenant) -> None:
    change = approved(asked(mine, starts_on=TODAY + timedelta(days=3), ends_on=LAST))
    schedule.tick()
    mine.refresh_from_db()
    assert (change.state, mine.tier_id) == ("scheduled", "gold")
    with at(TODAY + timedelta(days=4)):  # nobody was there on the day itself
        schedule.tick()
    mine.refresh_from_db()
    assert mine.tier_id == "platinum"


def _another_tier(mine: Tenant) -> None:
    registry.change_tier(mine.pk, Tier.objects.get(pk="bronze"), actor=meera(), reason="test")


def _less_is_promised(mine: Tenant) -> None:
    Tier.objects.filter(pk="platinum").update(max_users=1)


def _suspend_and_archive(mine: Tenant) -> None:
    for verb in (registry.suspend, registry.archive):
        verb(mine.pk, actor=schedule.SYSTEM, reason="test")


@pytest.mark.parametrize("change_it", [_another_tier, _less_is_promised, _suspend_and_archive])
def test_what_no_longer_holds_on_the_day_does_not_begin(mine: Tenant, change_it: Any) -> None:
    change = approved(asked(mine, starts_on=LAST))
    change_it(mine)
    with at(LAST):
        schedule.tick()
    change.refresh_from_db()
    mine.refresh_from_db()
    assert change.state == "voided" and change.state_reason and mine.tier_id != "platinum"
    assert held(mine) == HELD


def test_an_approval_that_is_voided_before_the_day_takes_the_change_with_it(mine: Tenant) -> None:
    change = approved(asked(mine, starts_on=LAST))
    approvals.void(change.case_id, actor=schedule.SYSTEM, reason="a mistake")
    deliver()
    change.refresh_from_db()
    assert (change.state, held(mine)) == ("voided", HELD)


def test_another_price_before_the_seal_voids_it(mine: Tenant) -> None:
    change = asked(mine)
    registry.publish_prices({("tier_base", "platinum"): Decimal(1)}, actor=schedule.SYSTEM, reason="cheaper")
    change = sealed(change)
    mine.refresh_from_db()
    assert (change.state, mine.tier_id, held(mine)) == ("voided", "gold", HELD)


# -- the way back -----------------------------------------------------------------------------------------------------
def test_it_goes_back_by_itself_once_however_often_the_clock_looks(mine: Tenant) -> None:
    change = approved(asked(mine, ends_on=LAST))
    schedule.tick()
    mine.refresh_from_db()
    assert mine.tier_id == "platinum"
    with at(LAST + timedelta(days=5)):  # the scheduler was down on the day
        schedule.tick()
        version = Tenant.objects.get(pk=mine.pk).config_version
        schedule.tick()
        schedule.end(change.pk)
        deliver()
    change.refresh_from_db()
    mine.refresh_from_db()
    assert (change.state, mine.tier_id, mine.config_version) == ("returned", "gold", version)
    assert mine.limits() == mine.tier.limits() and held(mine) == HELD
    assert (mine.monthly_cost_inr, mine.annual_budget_inr) == (Decimal("112500.00"), Decimal("1500000.00"))
    assert Agreement.objects.filter(tenant=mine).latest("effective_on").monthly_inr == Decimal("112500.00")
    assert json.loads(Published.objects.get(pk=mine.pk).body)["tier"] == "gold"


def test_limits_of_its_own_come_back(mine: Tenant) -> None:
    Tenant.objects.filter(pk=mine.pk).update(max_users=7)
    change = approved(asked(mine, ends_on=LAST))
    actions.end(change.pk, actor=meera(), reason="enough")
    mine.refresh_from_db()
    assert (mine.max_users, mine.max_documents) == (7, mine.tier.max_documents)


def test_a_later_change_is_not_overwritten(mine: Tenant) -> None:
    season = approved(asked(mine, ends_on=LAST))
    later = approved(asked(mine, "silver", acknowledged=True))
    with at(LAST):
        schedule.tick()
        deliver()
    season.refresh_from_db()
    mine.refresh_from_db()
    assert (season.state, later.state, mine.tier_id) == ("return_conflict", "applied", "silver")
    assert Notice.objects.filter(title__contains="please decide", user=mine.owner).exists()
    actions.keep(season.pk, actor=meera(), reason="silver is enough")
    season.refresh_from_db()
    assert season.state == "kept"


def test_a_change_that_came_and_went_meanwhile_is_no_conflict(mine: Tenant) -> None:
    season = approved(asked(mine, ends_on=LAST))
    within = approved(asked(mine, "silver", acknowledged=True, ends_on=LAST - timedelta(days=5)))
    with at(LAST - timedelta(days=5)):
        schedule.tick()
    with at(LAST):
        schedule.tick()
    for one in (season, within, mine):
        one.refresh_from_db()
    assert (within.state, season.state, mine.tier_id) == ("returned", "returned", "gold")


def test_the_refused_and_the_withdrawn_hold_nothing(mine: Tenant) -> None:
    change = asked(mine)
    approvals.reject(change.case_id, actor=Actor.of_user(person("vikram")), reason="Too much.")
    deliver()
    change.refresh_from_db()
    assert (change.state, held(mine)) == ("rejected", HELD)
    scheduled = approved(asked(mine, starts_on=LAST))
    actions.cancel(scheduled.pk, actor=meera(), reason="not needed")
    assert held(mine) == HELD
