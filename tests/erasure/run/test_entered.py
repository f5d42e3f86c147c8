"""The erasure ledger knows of an erasure before the first of it goes, and of one that was cancelled in the middle."""

import random
import signal
from typing import Any

import pytest

from compliance.erasing import actions as erasing
from compliance.erasing import queries
from compliance.erasing.entering import GENESIS, chained
from compliance.erasing.models import ErasureRequest
from portal.audit.models import Entry
from portal.audit.queries import is_anchored
from portal.jobs import actions
from portal.lib.errors import Conflict
from tenants.models import Tenant
from tests.erasing.made import act, ask, scheduled
from tests.sweeps import SEED

from .conftest import World
from .test_holds import went, work
from .test_kills import begun, holds, through

pytestmark = pytest.mark.django_db(transaction=True)
MOST = 60  # points of the step that removes, at the most, until something is gone


def words(request: ErasureRequest) -> list[str]:
    return [str(row.word) for row in request.entries.order_by("id")]


def is_whole() -> bool:
    """Every digest covers its row and the one before it."""
    before = GENESIS
    for row in queries.erasure_ledger():
        before = chained(row, before)
        if row.digest != before:
            return False
    return True


def gone(world: World, before: dict[str, int]) -> bool:
    """Whether anything of it is gone: rows by the verifier's eyes, files by their listing."""
    return sum(world.settled.counts().values()) < sum(before.values())


def test_killed_right_after_the_first_of_it_went_the_entry_is_there(world: World) -> None:
    """One COMMIT or call after another is the worker's last, until one of them has taken something away."""
    before, beside = world.settled.counts(), world.seen()
    request, job = begun(world)
    person = {"user_id": world.settled.ann}
    assert world.worker.run(job, {"list": (0, "before", "SIGKILL")})["at"] == ["list", 0]
    assert not gone(world, before)
    through_list(world, job, request)
    assert words(request) == ["begun"] and not gone(world, before), "it is entered, and nothing is gone"
    entered = Entry.objects.filter(verb="erasure.entered", object_id=str(request.pk)).latest("id")
    assert ErasureRequest.objects.filter(is_anchored(entered.pk), pk=request.pk).exists(), "sealed, and anchored"
    point = 0
    while point < MOST and not gone(world, before):
        point += 1
        turn = world.worker.run(job, {"delete": (point, "after", "SIGKILL")})
        assert turn["status"] == signal.SIGKILL and words(request) == ["begun"]
        job.steps.filter(name="delete").update(losses=0)  # else it is given up after so many
        assert queries.is_erased(world.tenant.pk, **person), point
    assert gone(world, before) and is_whole()
    through(world, job, {})
    assert words(request) == ["begun", "concluded"] and is_whole()
    holds(world, request, before, beside)


def through_list(world: World, job: Any, request: ErasureRequest) -> None:
    """Until what is to go is listed and its roots are sealed; the step after it has not begun."""
    for _turn in range(20):
        turn = world.worker.run(job, {"delete": (1, "before", "SIGKILL")})
        if turn["at"]:
            return
        world.news()
        actions.wake(job.pk)
    raise AssertionError(job.steps.get(name="list").state)


def test_what_a_cancelled_erasure_of_a_tenant_left_is_erased_and_what_had_gone_is_counted(world: World) -> None:
    before = world.settled.counts()
    first = scheduled(ask(world.tenant, "farah", kind="tenant", legal_basis="contract", identity="party"))
    world.news()
    cancelled_in_the_middle(world, first, before)
    tenant = Tenant.objects.get(pk=world.tenant.pk)
    assert tenant.status == "erasing" and words(first) == ["begun", "called_off"]
    assert not queries.is_erased(tenant.pk), "a restore leaves what nobody erases any more"
    by_system = first.counts["systems"]
    assert by_system[f"postgres-{world.region.name}"]["gone"] == went(before, world) > 0

    with pytest.raises(Conflict, match="is erasing"):
        ask(tenant, "farah", user_id=world.settled.bob)
    second = scheduled(ask(tenant, "farah", kind="tenant", legal_basis="contract", identity="party"))
    assert second.gone_before == [{"erasure": str(first), **first.counts}]
    with pytest.raises(Conflict, match="asks for the same"):
        ask(tenant, "farah", kind="tenant", legal_basis="contract", identity="party")
    work(world)
    second.refresh_from_db()
    run = world.jobs()[-1]
    assert run.steps.get(name="verify").state == "succeeded", (second.reasons, run.error)
    # What follows takes down what Terraform made; of this tenant it has made nothing (tests.journeys has one of which).
    assert words(second) == ["begun"] and queries.is_erased(tenant.pk) and is_whole()
    rows = second.systems.get(system="postgres")
    was = by_system[rows.name]
    assert rows.targeted and rows.acknowledged == rows.targeted == was["of"] - was["gone"], "together all there was"
    assert sum(world.settled.counts().values()) == 0


def cancelled_in_the_middle(world: World, request: ErasureRequest, before: dict[str, int]) -> None:
    chance = random.Random(SEED)
    for _turn in range(60):
        [job] = world.jobs()
        world.worker.run(job, {"delete": (chance.randint(20, 30), "after", "SIGKILL")})
        if gone(world, before):
            break
        world.news()
        actions.wake(job.pk)
    assert gone(world, before) and world.settled.counts(), "it is in the middle"
    erasing.cancel(request.pk, actor=act("farah"), reason="The contract goes on after all.")
    work(world)
    request.refresh_from_db()
    assert request.state == "cancelled"
    [cleared] = world.jobs("erasure.clear_up")
    assert cleared.state == "succeeded", (cleared.state, cleared.error, cleared.wait_reason)
