"""Kinds of jobs for these tests. Their outside world is a directory: `params["dir"]`.

`calls` gets one line per call of a step's function, `effects/<step>` is the step's idempotent effect.
"""

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import connection

from portal.jobs.context import StepContext
from portal.jobs.errors import Cancelled, Permanent, Skip, Transient, WaitUntil
from portal.jobs.kinds import JobKind, StepDef, StepFunc
from portal.lib.clock import now


def world(ctx: StepContext) -> Path:
    return Path(ctx.params["dir"])


def called(ctx: StepContext, name: str = "") -> int:
    """Note the call; return how often this step has been called, this time included."""
    line = f"{name or ctx.step.name}\n".encode()
    descriptor = os.open(world(ctx) / "calls", os.O_CREAT | os.O_APPEND | os.O_RDWR)
    os.write(descriptor, line)
    text = os.pread(descriptor, 1 << 20, 0)
    os.close(descriptor)
    return text.count(line)


def effect(ctx: StepContext) -> None:
    target = world(ctx) / "effects" / ctx.step.name
    target.parent.mkdir(exist_ok=True)
    target.write_text(str(ctx.job.pk))


def work(ctx: StepContext) -> dict[str, Any]:
    """Everything a step may do, the effect in the middle."""
    called(ctx)
    ctx.log(f"{ctx.step.name} begins")
    ctx.note(planned=ctx.step.name)
    ctx.heartbeat(1, 2)
    effect(ctx)
    with ctx.fenced():
        ctx.log(f"{ctx.step.name} has its effect")
    ctx.heartbeat(2, 2)
    return {"made": ctx.step.name}


def after(ctx: StepContext) -> dict[str, Any]:
    """Reads what an earlier step left."""
    called(ctx)
    return {"saw": ctx.evidence("first")["made"]}


def flaky(ctx: StepContext) -> dict[str, Any]:
    if called(ctx) <= ctx.params["times"]:
        raise Transient("the store is busy", retry_after=ctx.params.get("retry_after"))
    return {}


def unforeseen(ctx: StepContext) -> dict[str, Any]:
    called(ctx)
    raise ValueError("cannot reach postgresql://app:hunter2@db/x with password=hunter2")


def refused(ctx: StepContext) -> dict[str, Any]:
    called(ctx)
    if (world(ctx) / "repaired").exists():
        return {"repaired": True}
    raise Permanent("the bucket belongs to somebody else")


def foreign(ctx: StepContext) -> dict[str, Any]:
    """Raises what a connector raises: marked, but not ours."""

    class Throttled(Exception):
        is_transient = True
        retry_after = 40.0

    called(ctx)
    raise Throttled("429")


def unstorable(ctx: StepContext) -> dict[str, Any]:
    called(ctx)
    return {"size": float("nan")}


def waits(ctx: StepContext) -> dict[str, Any]:
    called(ctx)
    if not (world(ctx) / "signed").exists():
        hours = ctx.params.get("hours")
        raise WaitUntil(now() + timedelta(hours=hours) if hours else None, "Waits for the signature")
    return {"signed": True}


def cut_off(ctx: StepContext) -> dict[str, Any]:
    """The database goes away inside the step, once."""
    if called(ctx) == 1:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    return {}


def until_told(ctx: StepContext) -> dict[str, Any]:
    """Works until the file `go` appears; a second attempt does not wait. Stops when cancelled."""
    called(ctx)
    ctx.heartbeat(0, 1)
    (world(ctx) / "inside").touch()
    while ctx.attempt == 1 and not (world(ctx) / "go").exists():
        time.sleep(0.01)
        if not ctx.params.get("mute"):
            ctx.heartbeat()
        if ctx.params.get("polite") and ctx.cancel_requested:
            raise Cancelled
    effect(ctx)
    ctx.log("told")
    return {"attempt": ctx.attempt}


def nothing_to_do(ctx: StepContext) -> dict[str, Any]:
    raise Skip("no cache in this region")


def stops_unasked(ctx: StepContext) -> dict[str, Any]:
    raise Cancelled


def undo(ctx: StepContext) -> dict[str, Any]:
    called(ctx, f"undo {ctx.step.name}")
    return {"undid": ctx.evidence(ctx.step.name).get("planned")}


def clean_up(ctx: StepContext) -> dict[str, Any]:
    called(ctx)
    return {"after": ctx.params["failed_job"], "first": ctx.evidence("first")}


def kind(name: str, *funcs: tuple[str, StepFunc], **options: Any) -> JobKind:
    steps = [StepDef(step, step.capitalize(), func, eta_seconds=10) for step, func in funcs]
    return JobKind(f"test.{name}", steps, **options)


THREE = kind("three", ("first", work), ("second", after), ("third", work), resource_class="estate")
FLAKY = kind("flaky", ("first", work), ("shaky", flaky))
UNFORESEEN = kind("unforeseen", ("odd", unforeseen))
REFUSED = kind("refused", ("first", work), ("hopeless", refused))
FOREIGN = kind("foreign", ("far", foreign))
UNSTORABLE = kind("unstorable", ("odd", unstorable))
WAITS = kind("waits", ("first", work), ("signature", waits), ("third", after), resource_class="estate")
SLOW = kind("slow", ("slow", until_told), ("last", work), resource_class="estate")
CUT = kind("cut", ("first", work), ("cut", cut_off))
LEASED = JobKind(
    "test.leased",
    [
        StepDef(name, name.capitalize(), work, lease_seconds=seconds)
        for name, seconds in (("first", None), ("second", None), ("long", 120), ("longer", 120), ("last", None))
    ],
)
SKIPS = kind("skips", ("nothing", nothing_to_do), ("first", work))
STOPS = kind("stops", ("first", stops_unasked))
BACKUP = kind("backup", ("first", work), resource_class="backup")
STUBBORN = kind("stubborn", ("slow", until_told), is_cancellable=False)
CLEAN_UP = kind("clean_up", ("clean", clean_up))
CLEANED = kind("cleaned", ("first", work), ("hopeless", refused), resource_class="estate", on_failed="test.clean_up")
ASKS = kind("asks", ("first", work), ("hopeless", refused), on_failed="test.clean_up", compensate="on_request")
UNDONE = JobKind(
    "test.undone",
    [
        StepDef("first", "First", work, compensation=undo),
        StepDef("second", "Second", after),
        StepDef("third", "Third", work, compensation=undo),
        StepDef("slow", "Slow", until_told, compensation=undo),
        StepDef("never", "Never", work, compensation=undo),
    ],
    resource_class="estate",
)
