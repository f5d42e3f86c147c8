"""A hold goes into every store of its tenant, whatever is down, late, suspended or moving meanwhile."""

import threading
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connections

from compliance.holds import actions
from compliance.holds.models import Hold, RefusedAttempt
from compliance.holds.queries import stands
from lifecycle.holding import schedule
from lifecycle.holding.fencing import ask
from lifecycle.holding.keeping import destroying
from lifecycle.migration.control import Control
from lifecycle.stores.errors import Held
from lifecycle.stores.postgres import fences, rows
from portal.access.actor import Actor
from portal.audit.context import acting
from portal.embedded.stack import Stack
from portal.jobs import outbox, runner
from portal.jobs.errors import WaitUntil
from portal.jobs.models import Job
from portal.lib.clock import now
from portal.lib.errors import Blocked
from portal.notify.models import Notice
from tenants import actions as registry
from tenants.models import Tenant
from tests.contracts import tenants
from tests.holds.conftest import Two
from tests.sealing import seal_here
from tests.suspension.conftest import SYSTEM, World, deliver, work

pytestmark = pytest.mark.django_db(transaction=True)
LIFT = "UPDATE bw.hold_fence SET hold_version = 0, state = 'clear' WHERE tenant_id = %s"


def place(world: World, by: Actor) -> Hold:
    return actions.place(world.tenant.pk, actor=by, kind="litigation", matter="Rao", reason="A suit was filed.")


def follow(world: World) -> Job:
    deliver()
    for job in world.jobs("hold.fence"):
        if not job.is_finished:
            runner.run(job.pk)
    deliver()
    return world.jobs("hold.fence")[-1]


def release(hold: Hold, counsel: Two) -> None:
    actions.ask_release(hold.pk, actor=counsel[0], reason="settled")
    actions.confirm_release(hold.pk, actor=counsel[1], reason="read it")
    seal_here()
    actions.effect_of(hold.pk)


def in_store(world: World) -> tuple[bool, int]:
    return fences.hold_of(world.region, world.tenant.pk)


@pytest.fixture(autouse=True)
def _let_go(world: World) -> Any:
    """The fixture below sweeps the tenant away, which a hold would rightly refuse."""
    yield
    fences.set_hold(world.region, world.tenant.pk, False, 99)


def test_two_that_overlap(world: World, counsel: Two) -> None:
    tenants.insert_rows(world.region, world.names, documents=2)
    one = place(world, counsel[0])
    assert follow(world).state == "succeeded" and in_store(world) == (True, 1)
    one.refresh_from_db()
    assert one.state == "active"
    answers = {row.region: row for row in one.stores.all()}
    home = answers.pop(world.region.name)
    assert (home.state, home.present["tables"]["documents"], home.destroyed) == ("held", 2, {})
    assert {row.state for row in answers.values()} == {"no_row"}, "a store without the tenant is said, and left alone"
    two = place(world, counsel[1])
    follow(world)
    release(one, counsel)
    follow(world)
    assert in_store(world) == (True, 3), "the other one stands"
    with pytest.raises(Held):
        rows.remove(world.region, tenant_id=world.tenant.pk, role=world.names.role)
    two.refresh_from_db()
    assert two.state == "active" and not outbox.OutboxEvent.objects.filter(event="hold.released").exists()


def test_a_store_that_is_away_stays_placing_is_told_of_and_asked_again(world: World, counsel: Two) -> None:
    world.break_region("database", port=1)
    hold = place(world, counsel[0])
    job = follow(world)
    hold.refresh_from_db()
    assert (hold.state, job.state, hold.stores.get(region=world.region.name).state) == ("placing", "waiting", "pending")
    assert Notice.objects.filter(event="hold.blocked", severity="critical").exists()
    with pytest.raises(Blocked, match="retained under law"):
        registry.move(world.tenant.pk, "start_erasing", actor=SYSTEM, reason="clean up")
    world.break_region("database", port=world.region.database.port)
    assert work(job).state == "succeeded" and in_store(world) == (True, 1)
    hold.refresh_from_db()
    assert hold.state == "active"


def test_a_late_worker_changes_nothing(world: World, counsel: Two) -> None:
    hold = place(world, counsel[0])
    deliver()
    [late] = world.jobs("hold.fence")
    release(hold, counsel)
    follow(world)
    assert in_store(world) == (False, 2) and work(late).state == "succeeded"
    assert not Hold.objects.filter(closed_at=None).exists()
    assert outbox.OutboxEvent.objects.filter(event="hold.released").count() == 1
    fences.set_hold(world.region, world.tenant.pk, True, 1)
    assert in_store(world) == (False, 2)


def test_a_suspended_and_a_moving_tenant_are_held_like_any_other(world: World, counsel: Two) -> None:
    registry.move(world.tenant.pk, "suspend", actor=SYSTEM, reason="test")
    with acting(SYSTEM):
        Tenant.objects.filter(pk=world.tenant.pk).update(operation="migrating")
    place(world, counsel[0])
    assert follow(world).state == "succeeded" and in_store(world) == (True, 1)


def test_a_store_that_joins_is_told_before_it_opens(world: World, counsel: Two, stack: Stack) -> None:
    """Green came with a row of its own, clear at version 0, after the portal had told every store."""
    place(world, counsel[0])
    follow(world)
    green = stack.region("eu-west-1")
    fences.ensure(green, tenant_id=world.tenant.pk, state="closed")
    assert fences.hold_of(green, world.tenant.pk) == (False, 0)

    class Holder:
        actor = SYSTEM

    class Move:
        tenant_id, source, target = world.tenant.pk, world.tenant.region, "eu-west-1"

    Control(Holder(), Move()).admit(green)  # type: ignore[arg-type]
    assert fences.hold_of(green, world.tenant.pk) == (True, 1)
    assert ask(green, world.tenant).state == "held"
    fences.set_hold(green, world.tenant.pk, False, 99)
    fences.remove(green, world.tenant.pk)


def test_what_destroys_waits_leaves_a_record_and_goes_on_by_itself(world: World, counsel: Two) -> None:
    hold = place(world, counsel[0])
    follow(world)

    class Step:
        actor = Actor.system("provision.roll_back")

    def destroy() -> None:
        with destroying(Step(), "tenant.empty", world.tenant.pk):  # type: ignore[arg-type]
            rows.remove(world.region, tenant_id=world.tenant.pk, role=world.names.role)

    for _ in range(2):
        with pytest.raises(WaitUntil, match="retained under law"):
            destroy()
    [kept] = RefusedAttempt.objects.all()
    assert (kept.verb, kept.times, kept.place) == ("tenant.empty", 2, "portal")
    release(hold, counsel)
    tenants.insert_rows(world.region, world.names, documents=1)
    with pytest.raises(WaitUntil):
        destroy()  # the portal has released it, its store has not heard of that
    assert RefusedAttempt.objects.get(place="database").verb == "tenant.empty"
    follow(world)
    destroy()
    assert not any(rows.count(world.region, world.tenant.pk).values())


def test_place_against_erase_exactly_one_is_first(world: World, counsel: Two, settings: Any) -> None:
    """Whoever has the tenant's row first is first; a hold that comes second still stands, over what is left."""
    settings.GUARDS = {**settings.GUARDS, "tenant.start_erasing": ["compliance.holds.guards.not_while_held"]}
    said: list[str] = []

    def erase() -> None:
        try:
            registry.move(world.tenant.pk, "start_erasing", actor=SYSTEM, reason="race")
            said.append("erasing" if not stands(world.tenant.pk).is_held else "erasing, then held")
        except Blocked:
            said.append("blocked")
        finally:
            connections.close_all()

    def hold() -> None:
        place(world, counsel[0])
        connections.close_all()

    threads = [threading.Thread(target=one) for one in (erase, hold)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    [outcome], status = said, Tenant.objects.get(pk=world.tenant.pk).status
    assert (status == "erasing") == outcome.startswith("erasing") and stands(world.tenant.pk).is_held
    with pytest.raises(Blocked):
        registry.move(world.tenant.pk, "finish_erasing", actor=SYSTEM, reason="race")


def test_a_hold_lifted_by_hand_is_back_within_the_hour(
    world: World, counsel: Two, stack: Stack, time_machine: Any
) -> None:
    place(world, counsel[0])
    follow(world)
    with psycopg.connect(**stack.superuser_kwargs(world.region.name), autocommit=True) as db:
        db.execute("ALTER TABLE bw.hold_fence DISABLE TRIGGER keep_hold")
        db.execute(
            "UPDATE bw.hold_fence SET hold_version = 0, state = 'clear' WHERE tenant_id = %s", (world.tenant.pk,)
        )
        db.execute("ALTER TABLE bw.hold_fence ENABLE TRIGGER keep_hold")
    schedule.tick()
    assert len(world.jobs("hold.fence")) == 1
    today = now()
    time_machine.move_to(today + timedelta(hours=1, seconds=1))
    schedule.tick()
    time_machine.move_to(today)  # AWS refuses who calls at another hour than its own
    assert work(world.jobs("hold.fence")[-1]).state == "succeeded" and in_store(world) == (True, 1)
