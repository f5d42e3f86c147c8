"""Blue is opened without what green still had: only where a person accepted that, and green still does not answer."""

from typing import Any

from lifecycle.migration.control import Control, move_at
from lifecycle.migration.engine import left, switch
from lifecycle.migration.engine.move import acknowledge_in
from lifecycle.migration.models import Migration
from lifecycle.provisioning.subject import region_named
from lifecycle.stores.errors import Transient
from portal.audit.actions import record
from portal.jobs.context import StepContext
from portal.lib.clock import now
from tenants.placement.actions import placement_of

from .green import is_silent
from .models import Loss, State
from .queries import loss_of
from .questions import withdraw


def given_up(ctx: StepContext, migration: Migration) -> dict[str, Any] | None:
    """The epoch at which blue serves the tenant without green; None where green answers, or nobody accepted it.

    As in a switch blue is opened first, at an epoch nobody is routed by, and the placement decides.
    """
    loss = loss_of(migration)
    if loss is None or loss.stores or loss.state == State.ASKED:
        return None
    blue, green = region_named(migration.source), region_named(migration.target)
    if loss.state == State.ACCEPTED:
        if not is_silent(green, migration.tenant_id):
            return None
        move, control = move_at(migration, ctx.epoch, blue, green), Control(ctx, migration)
        acknowledge_in(blue, move)
        control.admit(blue)
        epoch, stood = control.fresh_epoch(), control.placement()
        switch.open_owner(move, blue, epoch)
        with ctx.fenced():
            if not control.place(blue.name, epoch, stood):
                raise Transient("placement", "give green up", "the placement is no longer as it was")
            _keep(ctx, loss, epoch)
        ctx.log(f"{blue.name} owns the tenant without what {green.name} still had. {loss.words}", "error")
    return {"epoch": loss.epoch, "writes_lost": loss.count}


def without(ctx: StepContext, migration: Migration) -> frozenset[str]:
    """The stores of green whose content somebody accepted to lose, and which are as silent as they were then.

    If one answers, or more would be lost than was accepted, the acceptance is void: all is brought, or asked anew.
    """
    loss = loss_of(migration)
    if loss is None or not loss.stores or loss.state == State.ASKED:
        return frozenset()
    if loss.state == State.ACCEPTED and placement_of(migration.tenant_id).owner == migration.target:
        back = move_at(migration, ctx.epoch, *map(region_named, (migration.source, migration.target))).reversed()
        silent = left.silent(back)
        if silent != set(loss.stores) or _is_more(left.counted(back, silent), loss):
            with ctx.fenced():
                withdraw(ctx, migration, "It is not what was accepted any more.")
            return frozenset()
    return frozenset(loss.stores)


def keep_without(ctx: StepContext, migration: Migration, epoch: int) -> None:
    """Write down that blue serves without these stores of green, once it does."""
    loss = loss_of(migration)
    if loss is not None and loss.stores and loss.state == State.ACCEPTED:
        with ctx.fenced():
            _keep(ctx, loss, epoch)
        ctx.log(f"{migration.source} owns the tenant. {loss.words}", "error")


def _is_more(found: dict[str, int], loss: Loss) -> bool:
    """An unknown number was accepted as that."""
    return any(loss.stores[name] is not None and number > loss.stores[name] for name, number in found.items())


def _keep(ctx: StepContext, loss: Loss, epoch: int) -> None:
    loss.state, loss.epoch, loss.given_up_at = State.GIVEN_UP, epoch, now()
    loss.save()
    record("migration.green_given_up", loss.migration, actor=ctx.actor, reason=loss.words, data=loss.as_json())
