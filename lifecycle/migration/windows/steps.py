"""Keeps a move's work inside its window: waits for it, refuses writers in it, and gives up in time."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from django.conf import settings

from lifecycle.migration.control import Control
from lifecycle.migration.engine import switch
from lifecycle.migration.models import Migration, State
from lifecycle.migration.moving import locked
from lifecycle.migration.preflight import red_flags
from lifecycle.migration.steps.common import again, engine_move, migration_of
from lifecycle.migration.steps.doors import settled_at
from lifecycle.stores import errors as stores
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent, WaitUntil
from portal.lib.clock import now

from . import actions
from .models import Window
from .queries import window_of

StepOf = Callable[[StepContext], dict[str, Any]]
COPYING = (State.PROVISIONING_GREEN, State.INITIAL_SYNC)


def in_window(step: StepOf) -> StepOf:
    """The step, done inside the move's window; a move that takes none does it at any time.

    What ends the work or pauses it ends the window, here at once; the watchdog does it for who cannot any more.
    """

    @wraps(step)
    def run(ctx: StepContext) -> dict[str, Any]:
        migration = Migration.objects.select_related("tenant").get(pk=ctx.params["migration_id"])
        window = window_of(migration)
        if window is None or migration.is_switched:
            return step(ctx)
        try:
            _enter(ctx, migration, window)
            return step(ctx)
        except WaitUntil as wait:
            if wait.at is None:
                _leave(ctx, migration)
            raise
        except (Permanent, stores.Permanent):
            _leave(ctx, migration)
            raise

    return run


def _enter(ctx: StepContext, migration: Migration, window: Window) -> None:
    """Stand inside the window with writers refused; raises WaitUntil before it, Permanent where it is too late."""
    migration_of(ctx)  # waits while paused
    if window.closed_at is not None:
        raise Permanent(f"Its window is over: {window.closed_because} Take the move back and ask for another.")
    if window.starts_at > now():
        raise WaitUntil(window.starts_at, f"Waits for its window, {window}")
    doors = settled_at(ctx)
    if window.opened_at is None and doors is not None and doors > now():
        raise WaitUntil(doors, f"Answers of the old length are kept until {doors:%H:%M:%S} UTC")
    needed = time_needed(migration)
    if now() + needed > window.ends_at:
        raise Permanent(_too_late(window.ends_at, needed))
    if window.opened_at is None:
        _open(ctx, migration, window)
    switch.shut(engine_move(ctx, migration), settings.MIGRATION["budget_ms"])


def _open(ctx: StepContext, migration: Migration, window: Window) -> None:
    if flags := red_flags(migration.tenant):
        raise again(60, " ".join(f"{one.title}. {one.remedy}" for one in flags))
    with ctx.fenced():
        locked(migration.pk)
        actions.open_window(window, actor=ctx.actor)
    ctx.log(f"The window is open: the tenant is without service until {window.ends_at:%H:%M:%S} UTC at the latest.")


def _leave(ctx: StepContext, migration: Migration) -> None:
    """Give the tenant back to its owner, if the window is open."""
    window = window_of(migration)
    if window is not None and window.is_open:
        epoch = switch.abort(engine_move(ctx, migration), Control(ctx, migration))
        ctx.log(f"The window has ended; {migration.source} serves the tenant at epoch {epoch}.")


def _too_late(ends_at: datetime, needed: timedelta) -> str:
    left = max(timedelta(0), ends_at - now())
    return (
        f"What is left takes about {needed.total_seconds():.0f} s, and {left.total_seconds():.0f} s are left of its"
        " window: nothing is switched. Take the move back and ask for another."
    )


def time_needed(migration: Migration) -> timedelta:
    """What is left to do and a reserve: as planned before anything was copied, from then on at the rate seen so far."""
    rows, done, took = migration.rows_total or 0, migration.rows_copied, migration.copy_seconds
    copying = max(0, rows - done) if migration.state in COPYING else 0
    left = (copying + rows) * took / done if done and took > 1 else _expected(migration)
    return timedelta(seconds=(0 if migration.root_source else left) + settings.MIGRATION["window_reserve_seconds"])


def _expected(migration: Migration) -> float:
    return float((migration.estimate.get("seconds") or {}).get("expected", 0.0))
