"""The question that a worker puts to people when green is silent, and takes back when it answers again."""

from contextlib import suppress
from typing import Any

from lifecycle.migration.control import move_at
from lifecycle.migration.engine import left
from lifecycle.migration.engine.move import Move
from lifecycle.migration.models import Migration
from lifecycle.provisioning.subject import region_named
from lifecycle.stores.errors import StoreError
from portal.audit.actions import record
from portal.jobs.context import StepContext
from portal.jobs.outbox import emit
from portal.lib.clock import now

from .green import blue_until, is_silent
from .models import STANDING, STORES, Loss, State
from .queries import loss_of


def ask(ctx: StepContext, migration: Migration) -> Loss | None:
    """Open the question, once for each silence; None where it is nothing of green that is silent.

    Another question stands instead once it is more, or less, of green.
    """
    if not migration.is_switched:
        return None
    back = move_at(migration, ctx.epoch, *map(region_named, (migration.source, migration.target))).reversed()
    is_whole = is_silent(back.source, migration.tenant_id)
    stores = frozenset() if is_whole else left.silent(back)
    if not is_whole and not stores:
        return None
    found = loss_of(migration)
    if found and (found.state not in STANDING or stores == set(found.stores)):
        return found
    figures = _of_stores(back, stores) if stores else _of_green(migration)
    with ctx.fenced():
        withdraw(ctx, migration, "It is not the same of green that does not answer.")
        loss = Loss.objects.create(migration=migration, **figures)
        record("migration.loss_asked", migration, actor=ctx.actor, reason=loss.words, data=loss.as_json())
        emit("migration.loss_asked", _news(loss))
    return loss


def answered(ctx: StepContext, migration: Migration) -> None:
    """Green answers: nothing has to be given up, also where somebody had accepted it.

    Where a store was accepted to be silent, that others answered says nothing: see `giving_up.without`.
    """
    loss = loss_of(migration)
    if loss is None or loss.state not in STANDING or (loss.stores and loss.state == State.ACCEPTED):
        return
    with ctx.fenced():
        withdraw(ctx, migration, "Green answers again.")


def withdraw(ctx: StepContext, migration: Migration, why: str) -> None:
    """Take the question back, and an acceptance with it. Inside the caller's transaction."""
    for loss in Loss.objects.select_for_update().filter(migration=migration, state__in=STANDING):
        loss.state = State.WITHDRAWN
        loss.save(update_fields=["state"])
        record("migration.loss_withdrawn", migration, actor=ctx.actor, reason=why)


def _of_green(migration: Migration) -> dict[str, Any]:
    """What was counted while its database answered."""
    until = None
    with suppress(StoreError):  # blue may be silent as well
        until = blue_until(region_named(migration.source), migration.tenant_id, migration.pk)
    migration.refresh_from_db(fields=["exposure", "measured_at"])
    counted_at = None if migration.exposure is None else migration.measured_at
    return {"writes": migration.exposure, "counted_at": counted_at, "blue_until": until}


def _of_stores(back: Move, stores: frozenset[str]) -> dict[str, Any]:
    """What is counted now from green's rows; unknown where blue cannot be asked what it has."""
    found: dict[str, int | None] = dict.fromkeys(stores)
    with suppress(StoreError):
        found.update(left.counted(back, stores))
    known = [number for number in found.values() if number is not None]
    writes = sum(known) if len(known) == len(found) else None
    return {"stores": found, "writes": writes, "counted_at": None if writes is None else now()}


def _news(loss: Loss) -> dict[str, str]:
    tenant = loss.migration.tenant
    return {
        "loss_id": str(loss.pk),
        "migration_id": str(loss.migration_id),
        "tenant_id": str(tenant.pk),
        "business_unit": tenant.business_unit_id,
        "name": tenant.name,
        "words": loss.words,
        "silent": " and ".join(STORES[name][0] for name in sorted(loss.stores)),
    }
