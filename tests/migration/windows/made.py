"""Moves with windows, and steps of their jobs to call."""

from datetime import timedelta
from typing import Any

from lifecycle.migration.models import Migration
from lifecycle.migration.windows.actions import open_window
from lifecycle.migration.windows.models import Window
from portal.access.actor import Actor
from portal.audit.context import acting
from portal.jobs.context import StepContext
from portal.jobs.kinds import StepDef
from portal.jobs.models import Job, Step
from portal.lib.clock import now

TEST = Actor.system("test")


def window(of: Migration, begins: float, opened: bool = False) -> Window:
    """A window of the move's length that begins in so many minutes."""
    starts_at = now() + timedelta(minutes=begins)
    Migration.objects.filter(pk=of.pk).update(not_before=starts_at)
    of.refresh_from_db()
    made = Window(migration=of, starts_at=starts_at, ends_at=starts_at + timedelta(minutes=of.window_minutes))
    with acting(TEST, "test"):
        made.save(force_insert=True)
        if opened:
            open_window(made, actor=TEST)
    return made


def job_of(one: Migration, state: str = "running", **more: Any) -> Job:
    """The move's job, as somebody holds it or nobody does."""
    held = {"lease_holder": "elsewhere:1:1", "lease_until": now() + timedelta(hours=1)} if state == "running" else {}
    made = Job.objects.create(
        kind="migration.move", title="Move", tenant_id=one.tenant_id, subject_type="migration.migration",
        resource_class="migration", subject_id=str(one.pk), params={"migration_id": str(one.pk)}, state=state,
        requested_by="system:test", **held, **more,
    )  # fmt: skip
    Migration.objects.filter(pk=one.pk).update(job_id=made.pk)
    return made


def step_of(job: Job, name: str, seq: int = 1) -> StepContext:
    """One attempt at one of its steps."""
    found, _ = Step.objects.get_or_create(job=job, name=name, defaults={"seq": seq})
    return StepContext(job, found, StepDef(name, name, lambda ctx: {}))
