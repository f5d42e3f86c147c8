"""The commit point of a switch: placement and state change together, for the last holder only."""

import pytest

from lifecycle.migration.control import Control
from lifecycle.migration.engine.move import Placement
from lifecycle.migration.models import Migration, State
from lifecycle.migration.schedule import Watch
from portal.jobs.errors import Superseded
from tenants.placement.actions import placement_of

from .made import bank, migration


def switch(one: Migration) -> bool:
    control = Control(Watch(one), one)
    return control.place(one.target, control.fresh_epoch(), control.placement())


def test_placement_and_state_change_together(shipped: None) -> None:
    one = migration(bank(), "traffic_cutover_started", vector_provider="pinecone")
    assert switch(one)
    one = Migration.objects.select_related("tenant").get(pk=one.pk)
    assert (one.state, one.tenant.region) == ("traffic_cutover_complete", "eu-west-1")
    assert one.switched_at and one.tenant.vector_provider == "pinecone"


@pytest.mark.parametrize("state", sorted(set(State.values) - {"traffic_cutover_started"}))
def test_nothing_is_switched_in_any_other_state(shipped: None, state: str) -> None:
    one = migration(bank(), state)
    assert not switch(one)
    assert placement_of(one.tenant_id).owner == "ap-south-1"


def test_an_abort_keeps_the_owner_and_the_state(shipped: None) -> None:
    one = migration(bank(), "traffic_cutover_started")
    control = Control(Watch(one), one)
    before = control.placement()
    assert control.place(before.owner, control.fresh_epoch(), before)
    after = control.placement()
    assert (after.owner, after.epoch > before.epoch) == (before.owner, True)
    assert Migration.objects.get(pk=one.pk).state == "traffic_cutover_started"


def test_a_holder_that_was_overtaken_commits_nothing(shipped: None) -> None:
    one = migration(bank(), "traffic_cutover_started")
    zombie = Control(Watch(one), one)
    epoch, before = zombie.fresh_epoch(), zombie.placement()
    Watch(one)
    with pytest.raises(Superseded):
        zombie.place("eu-west-1", epoch, before)
    with pytest.raises(Superseded):
        zombie.fresh_epoch()
    assert zombie.placement() == before == Placement("ap-south-1", 1)
