"""A window is what was signed: it begins after the notice, is opened by the move alone, and never outlasts its end."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from lifecycle.migration import actions, schedule
from lifecycle.migration.models import Migration
from lifecycle.migration.planning import digest_of, regions
from lifecycle.migration.windows.queries import service_of
from lifecycle.migration.windows.steps import in_window
from lifecycle.stores.postgres import fences
from portal.access.actor import Actor
from portal.audit.context import acting
from portal.jobs.errors import Permanent, WaitUntil
from portal.jobs.models import Job
from portal.jobs.outbox import deliver_due
from portal.lib.clock import now
from portal.lib.errors import Blocked
from portal.notify.models import Notice
from tenants.models import Tenant
from tests.admin.world import person
from tests.migration.control.made import bank, like, migration

from .made import TEST, job_of, step_of, window

SIDES = ("ap-south-1", "eu-west-1")
PLAN = "/api/v1/migrations/plan/"


@pytest.fixture
def moving(shipped: None, settings: Any) -> Iterator[Migration]:
    """A move that takes an hour's window, with a fence on both sides; the watchdog is impatient."""
    settings.MIGRATION = {**settings.MIGRATION, "fenced_seconds": -1}
    one = migration(bank(), "provisioning_green", window_minutes=60)
    for name, state in zip(SIDES, ("open", "closed"), strict=True):
        fences.ensure(regions()[name], tenant_id=one.tenant_id, state=state)
    yield one
    for name in SIDES:
        fences.remove(regions()[name], one.tenant_id)


def told(one: Migration) -> dict[str, Any]:
    """What platforms are told of its tenant."""
    return service_of([Tenant.objects.get(pk=one.tenant_id)])[one.tenant_id]


def states(one: Migration) -> tuple[str, ...]:
    found = [fences.read(regions()[name], one.tenant_id) for name in SIDES]
    return tuple(each.state if each else "missing" for each in found)


def test_the_window_is_planned_after_the_notice_and_signed(shipped: None, api: Any) -> None:
    free, kiran = bank(geography="GLOBAL"), api("kiran")
    body = {"tenant_id": str(free.pk), "target": "eu-west-1"}
    plan = kiran.post(PLAN, body).json()
    assert plan["window_starts_at"] == plan["not_before"] and plan["window_minutes"] == 60
    soon, later = (now() + timedelta(days=days) for days in (1, 9))
    for wrong in ({"window_starts_at": soon}, {"window_starts_at": later, "strategy": "blue_green"}):
        assert kiran.post(PLAN, {**body, **{key: str(value) for key, value in wrong.items()}}).status_code == 422
    made = kiran.post(
        "/api/v1/migrations/", {**body, "window_starts_at": later.isoformat(), "reason": "Closer."}
    ).json()
    one = Migration.objects.get(pk=made["id"])
    assert one.window.starts_at == later and one.window.ends_at == later + timedelta(minutes=60)
    signed = one.digest
    one.window.starts_at += timedelta(minutes=1)
    assert digest_of(one) != signed
    deliver_due()
    notice = Notice.objects.filter(event="migration.changed").first()
    assert notice and "Without service" in str(notice.details), "the tenant is told before"


def test_a_move_with_a_window_is_started_a_day_ahead_and_not_after_it(shipped: None) -> None:
    kiran, about = Actor.of_user(person("kiran")), bank(environment="staging")
    for begins, words in ((60 * 30, "a day ahead"), (-61, "Its window is over")):
        one = migration(like(about, f"bank{begins}"), window_minutes=60, is_rehearsal=True)
        window(one, begins)
        with pytest.raises(Blocked, match=words):
            actions.start(one.pk, actor=kiran, reason="now")
    one = migration(like(about, "bank-ready"), window_minutes=60, is_rehearsal=True)
    window(one, 60)
    assert actions.start(one.pk, actor=kiran, reason="now").job_id


@pytest.mark.parametrize(
    "change",
    ["starts_at = starts_at - interval '1 hour'", "opened_at = NULL", "closed_at = now() - interval '1 hour'"],
)
def test_what_was_signed_is_not_changed_below_the_screen(moving: Migration, change: str) -> None:
    window(moving, -1, opened=True)
    with pytest.raises(DatabaseError), transaction.atomic(), acting(TEST, "test"), connection.cursor() as cursor:
        cursor.execute(f"UPDATE windows_window SET {change} WHERE migration_id = %s", [moving.pk])


def test_the_step_waits_for_its_window_then_shuts_the_store_and_says_until_when(moving: Migration) -> None:
    ahead = window(moving, 5)
    ctx, work = step_of(job_of(moving), "copy"), in_window(lambda ctx: {"done": True})
    with pytest.raises(WaitUntil) as wait:
        work(ctx)
    assert wait.value.at == ahead.starts_at and states(moving) == ("open", "closed") and told(moving) == {}


def test_in_it_the_store_takes_no_write_and_platforms_say_until_when(moving: Migration) -> None:
    open_now = window(moving, -1)
    ctx, work = step_of(job_of(moving), "copy"), in_window(lambda ctx: {"done": True})
    assert work(ctx) == work(ctx) == {"done": True}
    assert states(moving) == ("fenced", "closed")
    assert told(moving) == {"maintenance": {"until": open_now.ends_at.isoformat()}}


def failing(ctx: Any) -> Any:
    raise Permanent("The disk is full.")


def pausing(ctx: Any) -> Any:
    raise WaitUntil(None, "Paused")


@pytest.mark.parametrize("ends", [failing, pausing])
def test_what_ends_the_work_ends_the_window(moving: Migration, ends: Any) -> None:
    window(moving, -1)
    ctx = step_of(job_of(moving), "copy")
    with pytest.raises((Permanent, WaitUntil)):
        in_window(ends)(ctx)
    assert states(moving) == ("open", "closed") and told(moving) == {}
    with pytest.raises(Permanent, match="window is over"):
        in_window(lambda ctx: {})(ctx)
    deliver_due()
    titles = set(Notice.objects.values_list("title", flat=True))
    assert any("in service again" in title for title in titles), titles


def test_work_that_does_not_fit_any_more_is_given_up_before_the_end(moving: Migration) -> None:
    window(moving, -1)
    ctx, work = step_of(job_of(moving), "copy"), in_window(lambda ctx: {})
    work(ctx)
    Migration.objects.filter(pk=moving.pk).update(rows_total=10_000_000, rows_copied=1000, copy_seconds=100)
    with pytest.raises(Permanent, match="are left of its window"):
        work(ctx)
    assert states(moving) == ("open", "closed") and told(moving) == {}


def test_the_watchdog_leaves_a_window_alone_while_its_job_goes_on(moving: Migration) -> None:
    window(moving, -1)
    job = job_of(moving)
    in_window(lambda ctx: {})(step_of(job, "copy"))
    schedule.tick()
    waiting = {"lease_holder": "", "lease_until": None, "wake_at": now() + timedelta(minutes=2)}
    Job.objects.filter(pk=job.pk).update(state="waiting", **waiting)
    schedule.tick()
    assert states(moving) == ("fenced", "closed") and told(moving)


@pytest.mark.parametrize("halted", ["killed", "paused"])
def test_the_watchdog_ends_a_window_with_nobody_at_work(moving: Migration, halted: str) -> None:
    window(moving, -1)
    job = job_of(moving)
    in_window(lambda ctx: {})(step_of(job, "copy"))
    gone = {"lease_until": now() - timedelta(minutes=1)} if halted == "killed" else {
        "state": "waiting", "wake_at": None, "lease_holder": "", "lease_until": None
    }  # fmt: skip
    Job.objects.filter(pk=job.pk).update(**gone)
    schedule.tick()
    assert states(moving) == ("open", "closed") and told(moving) == {}


def test_the_watchdog_ends_a_window_before_its_end_whoever_is_at_work(moving: Migration, settings: Any) -> None:
    window(moving, -1)
    job = job_of(moving)
    in_window(lambda ctx: {})(step_of(job, "copy"))
    settings.MIGRATION = {**settings.MIGRATION, "window_margin_seconds": 3600}
    schedule.tick()
    assert states(moving) == ("open", "closed") and told(moving) == {}
    with pytest.raises(Permanent):
        in_window(lambda ctx: {})(step_of(job, "copy"))
    assert states(moving) == ("open", "closed"), "who was overtaken shuts nothing again"
