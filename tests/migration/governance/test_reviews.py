"""A move that was taken back is understood before it is tried again, by people of whom one had no part in it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from lifecycle.migration import actions as moves
from lifecycle.migration.models import Migration
from lifecycle.migration.reviews import actions, schedule
from lifecycle.migration.reviews.green import cost_a_day, kept_of
from lifecycle.migration.reviews.models import Review
from lifecycle.migration.reviews.queries import in_the_way
from lifecycle.retiring.models import Retirement
from portal.access.accounts import SEED
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import acting
from portal.jobs.models import Job
from portal.jobs.outbox import deliver_due
from portal.lib.clock import now
from portal.lib.errors import Blocked, Conflict, Invalid, NotAllowed, Refusal
from portal.notify.models import Notice
from tenants.models import Price, PriceKind, Tenant
from tests.admin.world import person
from tests.migration.control.made import approve, bank, copied, migration, put, under_way

GATES = "system:migration.gates"


def actor(username: str) -> Actor:
    return Actor.of_user(person(username))


def taken_back(tenant: Tenant | None = None, by: str = GATES, **more: Any) -> Migration:
    """A move that was switched and then taken back by somebody, a day ago."""
    one = migration(tenant or bank(geography="GLOBAL", data_classes=[]), "traffic_cutover_complete", **more)
    under_way(one)
    with acting(SEED):
        record("migration.roll_back_asked", one, actor=Actor(by, None, "system"))
    put(one, "rolled_back")
    Migration.objects.filter(pk=one.pk).update(ended_at=now() - timedelta(days=1), state_reason="Errors on green.")
    return Migration.objects.get(pk=one.pk)


@pytest.fixture
def review(shipped: None) -> Review:
    found = actions.open_review(taken_back().pk, actor=SEED)
    assert found is not None
    return found


def filled_in(review: Review, days: int = 0) -> Review:
    kiran, today = actor("kiran"), now().date()
    actions.describe(review.pk, actor=kiran, reason="r", cause="A pool too small.", retry_on=today + timedelta(days))
    more = {"text": "Double the pool.", "owner": "kiran", "due_on": today}
    actions.add_measure(review.pk, actor=kiran, reason="r", **more)
    return review


def test_a_roll_back_opens_its_review_with_the_timeline_and_tells_the_engineers(shipped: None) -> None:
    one = taken_back()
    schedule.tick()
    schedule.tick()
    deliver_due()
    review = Review.objects.get()
    assert review.migration_id == one.pk and review.taken_back_by == GATES
    assert {"rounds", "switch over_budget"} <= {line["what"] for line in review.timeline}
    assert review.timeline == sorted(review.timeline, key=lambda line: line["at"])
    assert Notice.objects.filter(event="migration_review.opened", user__username="kiran").count() == 1


@pytest.mark.parametrize("by, opens", [("01a", False), (GATES, True)])
def test_a_rehearsal_that_a_person_takes_back_is_what_a_rehearsal_is_for(shipped: None, by: str, opens: bool) -> None:
    one = taken_back(is_rehearsal=True, by=by)
    assert (actions.open_review(one.pk, actor=SEED) is not None) == opens
    assert bool(in_the_way(one.tenant, "eu-west-1")) == opens


def test_what_had_not_begun_leaves_nothing_to_review(shipped: None) -> None:
    one = migration(bank(), "rolled_back")
    Migration.objects.filter(pk=one.pk).update(started_at=None)
    assert actions.open_review(one.pk, actor=SEED) is None and not in_the_way(one.tenant, one.target)


def test_no_retry_until_it_is_closed_and_its_day_has_come(review: Review) -> None:
    tenant, kiran = review.migration.tenant, actor("kiran")
    again = moves.request(tenant.pk, "eu-west-1", actor=kiran, reason="once more", strategy="blue_green")
    assert "MIG-REVIEW" in {one["code"] for one in again.findings if one["outcome"] == "wait"}
    approve(again)
    copied(tenant)
    Migration.objects.filter(pk=again.pk).update(not_before=now())

    def blocked_by() -> str:
        with pytest.raises(Blocked) as refusal:
            moves.start(again.pk, actor=kiran, reason="now")
        return refusal.value.by

    def past_the_portal() -> None:
        with transaction.atomic(), acting(SEED):
            Migration.objects.filter(pk=again.pk).update(state="provisioning_green")

    assert blocked_by() == "review"
    with pytest.raises(IntegrityError, match="does not allow another yet"):
        past_the_portal()
    filled_in(review, days=3)
    actions.close(review.pk, actor=actor("sanjay"), reason="understood")
    assert blocked_by() == "review" and "Not before" in in_the_way(tenant, "eu-west-1")[0].remedy
    assert not in_the_way(tenant, "us-east-1"), "another target is another move"


def test_on_its_day_it_is_tried_again(review: Review) -> None:
    actions.close(filled_in(review).pk, actor=actor("anita"), reason="understood")
    assert in_the_way(review.migration.tenant, "eu-west-1") == []


def test_a_roll_back_whose_review_is_missing_is_in_the_way_too(shipped: None) -> None:
    one = taken_back()
    assert [found.code for found in in_the_way(one.tenant, "eu-west-1")] == ["MIG-REVIEW"]


def test_whoever_asked_for_the_move_or_took_it_back_does_not_close_it(shipped: None) -> None:
    review = actions.open_review(taken_back(by=str(person("priya").pk)).pk, actor=SEED)
    assert review is not None
    filled_in(review)
    for name in ("kiran", "priya", "meera", "oliver"):
        with pytest.raises(NotAllowed):
            actions.close(review.pk, actor=actor(name), reason="mine")
    with pytest.raises(NotAllowed):
        actions.close(review.pk, actor=SEED, reason="by itself")
    assert actions.close(review.pk, actor=actor("anita"), reason="understood").closed_by == person("anita")


def test_it_is_not_closed_without_cause_day_and_measure(review: Review) -> None:
    with pytest.raises(Invalid) as refusal:
        actions.close(review.pk, actor=actor("anita"), reason="quick")
    assert set(refusal.value.fields) == {"cause", "retry_on", "measures"}


def test_what_is_closed_is_final_but_a_measure_may_still_get_done(review: Review) -> None:
    actions.close(filled_in(review).pk, actor=actor("anita"), reason="understood")
    kiran, number = actor("kiran"), review.measures.get().pk
    calls: list[Callable[[], Any]] = [
        lambda: actions.close(review.pk, actor=actor("sanjay"), reason="again"),
        lambda: actions.describe(review.pk, actor=kiran, reason="r", cause="Another."),
        lambda: actions.add_measure(review.pk, actor=kiran, reason="r", text="x", owner="kiran", due_on=now().date()),
    ]
    for call in calls:
        with pytest.raises(Conflict):
            call()
    assert actions.finish_measure(review.pk, actor=kiran, reason="done", measure=number).done_at
    with pytest.raises(Conflict):
        actions.finish_measure(review.pk, actor=kiran, reason="done", measure=number)


@pytest.mark.parametrize(
    "written, refusal",
    [
        ("UPDATE reviews_review SET closed_at = now()", "review_closed_says_why|at least one measure"),
        (
            "UPDATE reviews_review SET closed_at = now(), cause = 'c', retry_on = now(), closed_by_id = %(kiran)s",
            "part",
        ),
        ("UPDATE reviews_review SET taken_back_by = 'nobody'", "fixed when it opens"),
        ("DELETE FROM reviews_review", "never removed"),
        ("DELETE FROM reviews_measure", "never changed or removed"),
        ("UPDATE reviews_measure SET text = 'easier'", "never changed or removed"),
    ],
)
def test_the_database_holds_the_rules_too(review: Review, written: str, refusal: str) -> None:
    filled_in(review)
    with pytest.raises(IntegrityError, match=refusal), transaction.atomic(), acting(SEED):
        connection.cursor().execute(written, {"kiran": person("kiran").pk})


@pytest.mark.django_db(transaction=True)
def test_of_two_who_close_at_once_one_does(review: Review) -> None:
    filled_in(review)
    gate = Barrier(2)

    def closed(name: str) -> Any:
        try:
            who = actor(name)
            gate.wait(10)
            return actions.close(review.pk, actor=who, reason=name)
        except Refusal as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(closed, ("anita", "sanjay")))
    assert sorted(isinstance(one, Conflict) for one in found) == [False, True]


def test_through_the_api(review: Review, api: Any) -> None:
    url, kiran, today = f"/api/v1/migration-reviews/{review.pk}/", api("kiran"), f"{now():%Y-%m-%d}"
    assert kiran.get("/api/v1/migration-reviews/").json()["results"][0]["closed_at"] is None
    assert kiran.patch(url, {"reason": "r", "cause": "A pool.", "retry_on": today}).json()["cause"] == "A pool."
    assert kiran.patch(url, {"reason": "r", "colour": "red"}).status_code == 422
    assert kiran.patch(url, {"reason": "r"}).status_code == 422
    bad = {"reason": "r", "text": "x", "owner": "nobody", "due_on": "2020-01-01"}
    assert set(kiran.post(f"{url}measures/", bad).json()["fields"]) == {"owner", "due_on"}
    said = kiran.post(f"{url}measures/", {**bad, "owner": "priya", "due_on": today}).json()
    number = said["measures"][0]["id"]
    assert kiran.post(f"{url}measure-completion/", {"reason": "r", "measure": number}).status_code == 200
    assert kiran.post(f"{url}measure-completion/", {"reason": "r", "measure": number + 1}).status_code == 422
    assert kiran.post(f"{url}closing/", {"reason": "r"}).status_code == 403
    assert api("meera").post(f"{url}closing/", {"reason": "r"}).status_code == 403
    assert api("arjun").get(url).status_code == 404
    assert api("anita").post(f"{url}closing/", {"reason": "r"}).json()["closed_by"] == "anita"
    assert api("anita").post(f"{url}closing/", {"reason": "r"}).status_code == 409


def test_its_page(review: Review) -> None:
    browser = Client()
    browser.force_login(person("anita"), backend="django.contrib.auth.backends.ModelBackend")
    filled_in(review)
    said = browser.get(f"/migration-reviews/{review.pk}/").content.decode()
    for words in ("A pool too small.", "Double the pool.", "Kiran Das", "switch over budget", "Close the review"):
        assert words in said, words
    assert "Close the review" not in _seen_by("meera", review)
    answer = browser.post(f"/migration-reviews/{review.pk}/do/close/", {"reason": "understood", "verb": "close"})
    assert answer.status_code == 302
    assert "may be tried again" in _seen_by("meera", review)
    assert "when it is tried again" in _page(f"/migrations/{review.migration_id}/", "kiran")


def _seen_by(name: str, review: Review) -> str:
    return _page(f"/migration-reviews/{review.pk}/", name)


def _page(path: str, name: str) -> str:
    client = Client()
    client.force_login(person(name), backend="django.contrib.auth.backends.ModelBackend")
    return str(client.get(path).content.decode())


def test_the_copy_that_stays_costs_by_the_day_and_is_asked_about_when_its_days_are_over(
    shipped: None, settings: Any, api: Any
) -> None:
    one = taken_back()
    month, there = one.tenant.monthly_cost_inr, Price.objects.get(kind=PriceKind.REGION, key="eu-west-1").amount
    assert month is not None
    assert cost_a_day(one) == (month * there / 30).quantize(Decimal("0.01"))
    said = api("kiran").get(f"/api/v1/migrations/{one.pk}/").json()["kept_green"]
    assert said["a_day_inr"] == str(cost_a_day(one))
    assert 0 <= Decimal(said["so_far_inr"]) - Decimal(said["a_day_inr"]) < 10, "it has been kept for a day"
    assert f"The copy in {one.target}" in _page(f"/migrations/{one.pk}/", "kiran")
    schedule.tick()
    asked = Notice.objects.filter(event="migration.green_kept")
    assert not asked.exists()
    settings.MIGRATION = {**settings.MIGRATION, "green_days": 1}
    for _twice in range(2):
        schedule.tick()
    assert asked.filter(user__username="kiran").count() == 1
    moves.release_green(one.pk, actor=actor("kiran"), reason="not needed")
    left = Retirement.objects.get(subject=one.pk)
    assert (left.region, left.occasion, left.state) == (one.target, "green", "queued")
    assert Job.objects.get(pk=left.job_id).kind == "store.retire"


def test_what_has_no_price_is_said_to_be_unknown(shipped: None) -> None:
    one = taken_back()
    Tenant.objects.filter(pk=one.tenant_id).update(monthly_cost_inr=None)
    one.tenant.refresh_from_db()
    kept = kept_of(one)
    assert kept is not None and kept.a_day_inr is None and kept.so_far_inr is None
    assert "not known" in _page(f"/migrations/{one.pk}/", "kiran")
