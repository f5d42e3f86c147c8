"""Drives one supervised Terraform command from a job: start or adopt it, show its news, keep its time."""

from datetime import timedelta

from django.conf import settings
from django.db import connection

from compliance.holds.queries import is_held
from lifecycle.estate.modules import keep
from lifecycle.models import TerraformCommand
from lifecycle.provisioning.terraform import commands
from lifecycle.provisioning.terraform.backend import ensure_bucket, fault_of_sealing
from lifecycle.provisioning.terraform.commands import Result, Supervised
from lifecycle.provisioning.terraform.events import EventPage, events
from lifecycle.provisioning.terraform.recovery import recover
from lifecycle.provisioning.terraform.run import Run, prepare, reopen
from lifecycle.stores.errors import Held, StoreError
from lifecycle.stores.postgres import fences
from portal.audit.context import acting
from portal.jobs.context import StepContext
from portal.jobs.errors import Cancelled, Permanent, Transient, WaitUntil
from portal.jobs.models import Job
from portal.jobs.outbox import emit
from portal.lib.clock import now

from .subject import Stack, backend, region_named

SLICE_SECONDS = 0.5
MOST_AT_ONCE = settings.TERRAFORM_COMMANDS_PER_REGION
QUIET = frozenset({"reading", "read", "planned"})
WRITING = frozenset({"apply", "import", "destroy"})


def fresh_run(ctx: StepContext, stack: Stack) -> Run:
    """A newly prepared run with nobody else writing the tenant's state."""
    settle(ctx, stack)
    store = ensure_bucket(backend())
    keep(stack.modules)
    run = prepare(
        stack.directory,
        names=stack.names,
        inputs=stack.inputs,
        backend=store,
        modules=stack.modules,
        kind=region_named(stack.names.region).kind,
    )
    commands.init(run)
    take_over(ctx, run)
    return run


def known_run(stack: Stack) -> Run | None:
    """The run prepared earlier on this machine, if its directory is still there."""
    return reopen(stack.directory, backend=backend()) if (stack.directory / "run.json").is_file() else None


def settle(ctx: StepContext, stack: Stack) -> None:
    """Wait for a command that an earlier attempt left running; its own time limit ends it."""
    run = known_run(stack)
    if run is not None and commands.status(run.directory).state == "running":
        ctx.log("An earlier Terraform command is still running; waiting for it.")
        follow(ctx, run)


def take_over(ctx: StepContext, run: Run) -> None:
    """Prove that no earlier command lives and clear the lock it left."""
    found = recover(run)
    if found.verdict == "too_early":
        at = now() + timedelta(seconds=5)
        raise WaitUntil(at, "Another machine's Terraform may still be running; its lease has not ended yet.")
    if found.verdict == "locked":
        raise Transient(f"The state is locked by {found.holder}.")
    if found.verdict == "running":
        follow(ctx, run)
        return
    if found.unlocked:
        ctx.log(f"Cleared the state lock {found.unlocked} of a command that died.", "warning")
    if found.suspect:
        ctx.note(state_suspect=True)
        ctx.log("A command died before it could say how it ended: the sweep by tags is mandatory.", "warning")


def execute(ctx: StepContext, run: Run, command: Supervised, *operands: str) -> Result:
    """Start a command as soon as its region has room, follow it to its end, keep its duration.

    Held under a legal hold, by the portal's word or the region's, where the command removes anything: what was planned
    before the hold is refused as well, and what runs already is stopped gently.
    """
    row = _admitted(ctx, run.names.region, command)
    if _removes(run, command):
        _refuse_held(run, command)
    commands.start(run, command, operands=operands, timeout=900)
    result = follow(ctx, run)
    if command == "apply" and is_held(run.names.tenant_id):
        with acting(ctx.actor):  # the modules know of no hold: what they let expire again is switched off again
            emit("hold.fence", {"tenant_id": str(run.names.tenant_id)})
    row.command, row.seconds, row.exit_code = result.command, result.seconds, result.exit_code
    row.save()
    return result


def _admitted(ctx: StepContext, region: str, command: str) -> TerraformCommand:
    """Take a place among the commands a region runs at once, or wait. A dead worker's place is free again."""
    with ctx.fenced(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"terraform:{region}"])
        TerraformCommand.objects.filter(job_id=ctx.job.pk, exit_code=None).delete()
        alive = Job.objects.unfinished().exclude(pk=ctx.job.pk).filter(lease_until__gt=now()).values("pk")
        if TerraformCommand.objects.filter(region=region, exit_code=None, job_id__in=alive).count() < MOST_AT_ONCE:
            return TerraformCommand.objects.create(job_id=ctx.job.pk, region=region, command=command)
    raise WaitUntil(now() + timedelta(seconds=1), f"{region} already runs {MOST_AT_ONCE} Terraform commands")


def _removes(run: Run, command: str) -> bool:
    """Whether it takes resources away: a destroy, or the apply of a plan that deletes or replaces any."""
    plan = commands.kept_plan(run.directory) if command == "apply" else None
    return command == "destroy" or (plan is not None and plan.delete > 0)


def _refuse_held(run: Run, command: str) -> None:
    tenant_id, said = run.names.tenant_id, f"terraform {command}"
    if is_held(tenant_id):
        raise Held("terraform", said, f"tenant {tenant_id} is under a legal hold")
    fences.refuse_held(region_named(run.names.region), tenant_id, said)


def follow(ctx: StepContext, run: Run) -> Result:
    """Show a running command's news until it ends. A cancellation or a hold is passed on as a gentle stop."""
    known = commands.status(run.directory)
    offset, removes = known.log_offset, _removes(run, known.command)
    rows = {row["address"]: row for row in ctx.step.evidence.get("resources", [])}
    while True:
        try:
            result: Result | None = commands.wait(run.directory, timeout=SLICE_SECONDS)
        except TimeoutError:
            result = None
        offset = _tell(ctx, run, offset, rows)
        if result is not None:
            return result
        if ctx.cancel_requested:
            commands.stop(run.directory)
            raise Cancelled("Terraform was stopped gently.")
        if removes:
            try:
                _refuse_held(run, known.command)
            except StoreError:  # also one that does not say: what cannot be asked is not allowed
                commands.stop(run.directory)
                raise


def _tell(ctx: StepContext, run: Run, offset: int, rows: dict[str, dict[str, object]]) -> int:
    """Show all news since `offset`, page by page."""
    while (page := events(run.directory, offset)).offset > offset:
        _show(ctx, page, rows)
        offset = page.offset
    done = sum(row["state"] in ("done", "planned") for row in rows.values())
    ctx.heartbeat(done, max(len(rows), done) or None)
    return offset


def _show(ctx: StepContext, page: EventPage, rows: dict[str, dict[str, object]]) -> None:
    lines = [(text, "warning") for text in page.problems]
    for event in page.resources:
        rows[event.address] = {
            "address": event.address,
            "action": event.action,
            "state": event.state,
            "seconds": event.seconds,
            "message": event.message,
        }
        if event.state not in QUIET:
            words = f"{event.address}: {event.action} {event.state}" + (f": {event.message}" if event.message else "")
            lines.append((words, "error" if event.state == "failed" else "info"))
    ctx.log_many(lines)
    if page.resources:
        ctx.note(resources=sorted(rows.values(), key=lambda row: str(row["address"])))


def must_succeed(run: Run, result: Result) -> None:
    """Raise Permanent with the provider's own words unless the command ended well and the state it left is sealed.

    Transient where it was stopped because its worker went: what is left of it goes on in another.
    """
    if not result.ok and commands.was_left(run.directory):
        raise Transient(f"terraform {result.command} was stopped because its worker went; it goes on in another.")
    if not result.ok:
        words = commands.last_error(run.directory) or result.last_event or "it gave no reason"
        raise Permanent(f"terraform {result.command}: {words}")
    if result.command in WRITING and (fault := fault_of_sealing(run.backend, run.names.state_key)):
        raise Permanent(f"terraform {result.command} went well, but {fault}.")
