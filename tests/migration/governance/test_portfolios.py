"""A portfolio begins wave after wave, within its budget, and stops by itself when something goes wrong."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from lifecycle.migration import actions as moves
from lifecycle.migration.models import Migration, Playbook
from lifecycle.migration.portfolios import actions, schedule
from lifecycle.migration.portfolios.models import Member, Portfolio
from lifecycle.migration.reviews.models import Review
from portal.access.accounts import SEED
from portal.access.actor import Actor
from portal.approvals.models import Case
from portal.audit.context import acting
from portal.jobs.outbox import deliver_due
from portal.lib.clock import now
from portal.lib.errors import Blocked, Conflict, NotAllowed
from portal.notify.models import Notice
from tenants.models import Tenant
from tests.admin.world import person, tenant
from tests.migration.control.made import bank, like, migration, put

FREE = {"geography": "GLOBAL", "data_classes": []}
GREEN = "eu-west-1"
VERBS: dict[str, Callable[..., Any]] = {
    "start": actions.start,
    "stop": actions.stop,
    "resume": actions.resume,
    "cancel": actions.cancel,
    "set_budget": lambda pk, **who: actions.set_budget(pk, budget_inr=Decimal(7), **who),
}
MAY = {
    "planned": {"start", "cancel", "set_budget"},
    "running": {"stop"},
    "stopped": {"resume", "cancel", "set_budget"},
    "completed": set(),
    "cancelled": set(),
}


@pytest.fixture
def kiran(shipped: None) -> Actor:
    return Actor.of_user(person("kiran"))


@pytest.fixture
def portfolio(kiran: Actor) -> Portfolio:
    """Three rehearsals of ₹1,20,000 in two waves, running; nothing of them has begun."""
    made = Portfolio.objects.create(
        number=1, title="South", target=GREEN, budget_inr=400_000, is_rehearsal=True, requested_by=person("kiran")
    )
    first = bank(environment="staging", **FREE)
    for wave, one in ((1, first), (1, like(first, "bank-2")), (2, like(first, "bank-3"))):
        Member.objects.create(portfolio=made, wave=wave, tenant=one, migration=migration(one, is_rehearsal=True))
    return actions.start(made.pk, actor=kiran, reason="go")


def looked_at(portfolio: Portfolio) -> Portfolio:
    schedule.tick()
    return Portfolio.objects.get(pk=portfolio.pk)


def begun(portfolio: Portfolio) -> list[int]:
    return list(portfolio.members.filter(migration__job_id__isnull=False).values_list("wave", flat=True))


def of_wave(portfolio: Portfolio, wave: int) -> list[Migration]:
    return [one.migration for one in portfolio.members.filter(wave=wave).select_related("migration")]


def stable(*moved: Migration, hours: int = -1) -> None:
    for one in moved:
        put(one, "traffic_cutover_complete")
        Migration.objects.filter(pk=one.pk).update(stable_at=now() + timedelta(hours=hours))


def test_wave_after_wave_until_all_are_stable(portfolio: Portfolio) -> None:
    looked_at(portfolio)
    assert begun(portfolio) == [1, 1]
    stable(*of_wave(portfolio, 1), hours=1)
    assert looked_at(portfolio).waits_for == "Wave 1 is under way." and begun(portfolio) == [1, 1]
    stable(*of_wave(portfolio, 1))
    looked_at(portfolio)
    assert begun(portfolio) == [1, 1, 2]
    stable(*of_wave(portfolio, 2))
    assert looked_at(portfolio).state == "completed"
    deliver_due()
    assert Notice.objects.filter(event="portfolio.changed", user__username="kiran").exists()


@pytest.mark.parametrize("state", ["failed", "rolled_back"])
def test_the_first_that_goes_wrong_stops_the_rest(portfolio: Portfolio, state: str) -> None:
    looked_at(portfolio)
    put(of_wave(portfolio, 1)[1], state)
    stable(of_wave(portfolio, 1)[0])
    found = looked_at(portfolio)
    assert found.state == "stopped" and "bank-2" in found.state_reason and begun(portfolio) == [1, 1]
    deliver_due()
    assert "stopped" in Notice.objects.filter(event="portfolio.changed", user__username="kiran").get().title


@pytest.mark.parametrize("cost, words", [("160000.01", "₹4,00,000.01"), (None, "not known")])
def test_what_does_not_fit_the_budget_or_is_not_known_is_not_begun(
    portfolio: Portfolio, cost: str | None, words: str
) -> None:
    looked_at(portfolio)
    stable(*of_wave(portfolio, 1))
    Migration.objects.filter(pk=of_wave(portfolio, 2)[0].pk).update(estimate={"total_inr": cost})
    Portfolio.objects.update(budget_inr=400_000)
    found = looked_at(portfolio)
    assert found.state == "stopped" and words in found.state_reason and begun(portfolio) == [1, 1]


def test_exactly_the_budget_fits(portfolio: Portfolio) -> None:
    Portfolio.objects.update(budget_inr=360_000)
    looked_at(portfolio)
    stable(*of_wave(portfolio, 1))
    looked_at(portfolio)
    assert begun(portfolio) == [1, 1, 2]


def test_nothing_begins_while_one_is_under_review(portfolio: Portfolio) -> None:
    first = of_wave(portfolio, 1)[0]
    earlier = migration(like(first.tenant, "bank-0"), "rolled_back")
    Migration.objects.filter(pk=earlier.pk).update(tenant=first.tenant)
    Review.objects.create(migration=earlier, taken_back_by="system:migration.gates")
    assert "is under review" in looked_at(portfolio).waits_for and begun(portfolio) == []


def test_what_may_not_start_yet_says_why_and_holds_up_nobody_of_its_wave(portfolio: Portfolio) -> None:
    Migration.objects.filter(pk=of_wave(portfolio, 1)[0].pk).update(not_before=now() + timedelta(days=1))
    found = looked_at(portfolio)
    assert begun(portfolio) == [1] and "notice runs until" in found.waits_for and found.state == "running"


def test_no_member_starts_out_of_its_turn(portfolio: Portfolio, kiran: Actor) -> None:
    last = of_wave(portfolio, 2)[0]
    with pytest.raises(Blocked) as refusal:
        moves.start(last.pk, actor=kiran, reason="now")
    assert refusal.value.by == "portfolio" and "wave 1 is not stable" in refusal.value.detail
    actions.stop(portfolio.pk, actor=kiran, reason="a moment")
    with pytest.raises(Blocked):
        moves.start(of_wave(portfolio, 1)[0].pk, actor=kiran, reason="now")
    with pytest.raises(IntegrityError, match="while that runs"), transaction.atomic(), acting(SEED):
        Migration.objects.filter(pk=last.pk).update(state="provisioning_green")


def test_it_goes_on_without_what_was_taken_back_but_not_past_a_failure(portfolio: Portfolio, kiran: Actor) -> None:
    looked_at(portfolio)
    one, other = of_wave(portfolio, 1)
    put(one, "failed")
    stable(other)
    looked_at(portfolio)
    with pytest.raises(Conflict, match="failed"):
        actions.resume(portfolio.pk, actor=kiran, reason="on")
    put(one, "rolled_back")
    actions.resume(portfolio.pk, actor=kiran, reason="on")
    assert portfolio.members.exclude(left_out_at=None).get().migration == one
    looked_at(portfolio)
    assert begun(portfolio) == [1, 1, 2]


def test_withdrawn_it_ends_what_has_not_begun(portfolio: Portfolio, kiran: Actor) -> None:
    looked_at(portfolio)
    put(of_wave(portfolio, 1)[0], "incremental_sync")
    actions.stop(portfolio.pk, actor=kiran, reason="no more")
    actions.cancel(portfolio.pk, actor=kiran, reason="no more")
    states = list(portfolio.members.values_list("migration__state", flat=True))
    assert states == ["incremental_sync", "rolled_back", "rolled_back"]


@pytest.mark.parametrize("state", MAY)
def test_every_verb_in_every_state(portfolio: Portfolio, kiran: Actor, state: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE portfolios_portfolio DISABLE TRIGGER portfolios_portfolio_guard")
        cursor.execute("UPDATE portfolios_portfolio SET state = %s, state_reason = 'r'", [state])
        cursor.execute("ALTER TABLE portfolios_portfolio ENABLE TRIGGER portfolios_portfolio_guard")
    for word, verb in VERBS.items():
        with pytest.raises(NotAllowed):
            verb(portfolio.pk, actor=Actor.of_user(person("meera")), reason="r")
        sid = transaction.savepoint()
        try:
            verb(portfolio.pk, actor=kiran, reason="r")
            done = True
        except Conflict:
            done = False
        transaction.savepoint_rollback(sid)
        assert done == (word in MAY[state]), word


@pytest.mark.parametrize(
    "written, refusal",
    [
        ("UPDATE portfolios_portfolio SET state = 'planned'", "does not go from"),
        ("UPDATE portfolios_portfolio SET state = 'stopped', state_reason = ''", "portfolio_stopped_says_why"),
        ("UPDATE portfolios_portfolio SET budget_inr = 0", "portfolio_budget_positive"),
        ("UPDATE portfolios_portfolio SET target = 'us-east-1'", "fixed when it is asked for"),
        ("DELETE FROM portfolios_portfolio", "never removed"),
        ("UPDATE portfolios_member SET wave = 1 WHERE wave = 2", "never changed"),
        ("UPDATE portfolios_member SET left_out_at = now()", "taken back"),
    ],
)
def test_the_database_holds_the_rules_too(portfolio: Portfolio, written: str, refusal: str) -> None:
    with pytest.raises(IntegrityError, match=refusal), transaction.atomic(), acting(SEED):
        connection.cursor().execute(written)


@pytest.fixture
def three(shipped: None) -> list[Tenant]:
    """Two that may move, and one whose data may not leave."""
    return [
        tenant("fin-a", "FIN", "meera", **FREE),
        tenant("fin-b", "FIN", "meera", **FREE),
        tenant("fin-c", "FIN", "meera", data_classes=["financial"]),
    ]


def asked(three: list[Tenant], budget: str = "900000", **more: Any) -> dict[str, Any]:
    waves = [[str(three[0].pk)], [str(three[1].pk)]]
    return {"target": GREEN, "waves": waves, "budget_inr": budget, **more}


def test_the_dry_run_of_all_of_it_names_the_refused_and_stores_nothing(
    three: list[Tenant], api: Any, settings: Any
) -> None:
    body = asked(three)
    kiran = api("kiran")
    plan = kiran.post("/api/v1/portfolios/plan/", body).json()
    costs = [Decimal(one["total_inr"]) for one in plan["members"]]
    assert plan["is_possible"] and Decimal(plan["total_inr"]) == sum(costs) and plan["rows"] == 0
    assert plan["seconds"] > 2 * settings.MIGRATION["stability_seconds"], "each wave's stability before the next"
    refused = {**body, "waves": [[str(three[0].pk)], [str(three[2].pk)]]}
    plan = kiran.post("/api/v1/portfolios/plan/", refused).json()
    assert plan["refused"] == ["fin-c"] and not plan["is_possible"]
    open_one = migration(three[1])
    assert kiran.post("/api/v1/portfolios/plan/", body).json()["refused"] == ["fin-b"], "a move of it is open"
    put(open_one, "completed")
    Playbook.objects.update(engineer_inr_an_hour=None)
    plan = kiran.post("/api/v1/portfolios/plan/", body).json()
    assert plan["total_inr"] is None and plan["unpriced"] == ["fin-a", "fin-b"] and not plan["fits_budget"]
    assert not Portfolio.objects.exists() and Migration.objects.get() == open_one


def test_all_of_it_is_asked_for_at_once_each_move_with_its_own_signatures(three: list[Tenant], api: Any) -> None:
    body = {**asked(three), "title": "South", "reason": "Closer to their users."}
    made = api("kiran").post("/api/v1/portfolios/", body)
    assert made.status_code == 201, made.content
    cases = Case.objects.filter(kind="migration").order_by("opened_at")
    assert [one["case_id"] for one in made.json()["members"]] == [str(case.pk) for case in cases]
    first, second = cases
    assert second.aggregated_inr == first.amount_inr + second.amount_inr, "what is split is added up for the CFO"
    assert made.json()["state"] == "planned"


@pytest.mark.parametrize("why", ["refused", "unpriced", "over"])
def test_nothing_is_kept_where_one_is_refused_unpriced_or_too_dear(three: list[Tenant], api: Any, why: str) -> None:
    body = {**asked(three), "title": "South", "reason": "r"}
    if why == "refused":
        body["waves"].append([str(three[2].pk)])
    elif why == "unpriced":
        Playbook.objects.update(transfer_inr_a_gb=None)
    else:
        body["budget_inr"] = "10"
    said = api("kiran").post("/api/v1/portfolios/", body)
    assert said.status_code == 422, said.content
    assert not Portfolio.objects.exists() and not Migration.objects.exists()


@pytest.mark.parametrize(
    "field, value",
    [
        ("waves", []),
        ("waves", [[]]),
        ("waves", [["nobody"]]),
        ("waves", [["01a200dd-c65f-75e2-93f9-fa2bcfc65bba"]]),
        ("waves", "same"),
        ("budget_inr", "0"),
        ("budget_inr", "10.50"),
        ("budget_inr", "NaN"),
        ("target", "nowhere"),
        ("colour", "red"),
    ],
)
def test_bad_input_is_refused_by_its_field(three: list[Tenant], api: Any, field: str, value: Any) -> None:
    twice = [[str(three[0].pk)], [str(three[0].pk)]]
    said = api("kiran").post("/api/v1/portfolios/plan/", {**asked(three), field: twice if value == "same" else value})
    assert said.status_code == 422 and field in said.json()["fields"], said.content


def test_its_pages(portfolio: Portfolio, three: list[Tenant], client: Any) -> None:
    client.force_login(person("kiran"), backend="django.contrib.auth.backends.ModelBackend")
    typed = {"title": "South", "target": GREEN, "budget_inr": "900000", "waves": "fin-a\nfin-b", "reason": "r"}
    said = client.post("/portfolios/new/", {**typed, "preview": "1"}).content.decode()
    assert "within budget" in said and "fin-b" in said
    assert b"nobody" in client.post("/portfolios/new/", {**typed, "waves": "nobody", "preview": "1"}).content
    assert client.post("/portfolios/new/", typed).status_code == 302
    shown = client.get(f"/portfolios/{portfolio.pk}/").content.decode()
    for words in ("₹4 L", "bank-3", "₹1,20,000.00", "of 3 tenants", "none needed", "Stop"):
        assert words in shown, words
    client.force_login(person("meera"), backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(f"/portfolios/{portfolio.pk}/").status_code in (403, 404)
