"""The commit is done and its answer lost, and the watchdog resolves it: the record that tells of it holds."""

from typing import Any

import pytest
from bailiwick_proof.policy import Policy
from bailiwick_verify.migration import verify

from lifecycle.migration import schedule
from lifecycle.migration.control import Control
from lifecycle.migration.recording import signed_record
from lifecycle.stores.errors import Transient
from portal.embedded.stack import Stack
from tests.jobs.support import eventually
from tests.migration.holder import turn
from tests.sealing import seal_here

from .running import NO_READS, SIDES, Running, running

pytestmark = pytest.mark.django_db(transaction=True)


def unreachable(*_: Any) -> Any:
    raise Transient("control", "reach", "no route to host")


@pytest.fixture
def doubtful(shipped: None, stack: Stack, settings: Any, monkeypatch: Any) -> Running:
    """Green owns the tenant, and whoever placed it was told nothing of it."""
    settings.MIGRATION = {**settings.MIGRATION, **NO_READS, "budget_ms": 5_000, "gate_seconds": 3600}
    one, place = running(stack.superuser_kwargs("control", "postgres")), Control.place

    def lost(control: Control, *given: Any) -> bool:
        place(control, *given)
        monkeypatch.setattr(Control, "placement", unreachable)
        return bool(unreachable())

    monkeypatch.setattr(Control, "place", lost)
    eventually(lambda: turn(one.job.pk) or one.stands[0] == SIDES[1], what="placed")
    monkeypatch.undo()
    return one


def test_an_abort_that_resolved_it_leaves_a_record_that_holds(doubtful: Running, api: Any) -> None:
    one, placed = doubtful, doubtful.stands[1]
    assert schedule.give_back(one.migration) > placed
    tries = one.migration.attempts
    eventually(lambda: one._work() and tries.filter(outcome="switched").exists(), what="recorded")
    done = tries.get(outcome="switched")
    assert (done.epoch, done.keys_inside) == (placed, None), "its own epoch, and what nobody counted"
    assert tries.filter(outcome="aborted").exists()
    seal_here()
    found = verify(signed_record(one.migration), Policy.parse(api("oliver").get("/api/v1/audit/policy/").content))
    assert found.record["switch"]["attempts"] == 2 and found.record["routing"]["now"] > placed
    assert "nobody counted the keys inside" in found.text()
