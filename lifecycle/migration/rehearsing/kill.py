"""The kill of a rehearsal: its mover ends itself with SIGKILL, once, at a place that was drawn by lot.

A real end of a real process: the job is found orphaned and taken over like any other whose worker died. It happens to
the move of a clone alone, and the log says that it was meant.
"""

import os
import random
import signal
from typing import Any

from portal.jobs.context import StepContext

from .models import Rehearsal

# between two chunks of the copy, between two rounds, and right behind the commit point of the switch
PLACES = ("copy", "follow", "switch")


def draw() -> str:
    return random.SystemRandom().choice(PLACES)


def passing(ctx: StepContext, migration_id: Any) -> None:
    """Kill this process if its step is the one that was drawn, and no process was killed before."""
    due = Rehearsal.objects.filter(migration_id=migration_id, kill_at=ctx.step.name, killed_at_step="")
    if not due.exists():
        return
    with ctx.fenced():
        due.update(killed_at_step=ctx.step.name)
    ctx.log(f"Intended: this process kills itself at {ctx.step.name}, as the rehearsal demands.", "warning")
    os.kill(os.getpid(), signal.SIGKILL)
