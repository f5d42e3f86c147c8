"""One look at a running upgrade: stop it at the first failure, wait, begin the next tenants, or say it is done."""

from uuid import UUID

from portal.access.actor import Actor
from portal.access.models import Role
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs import actions as jobs
from portal.jobs.models import Job, JobState
from portal.notify.actions import notify
from portal.notify.models import Severity
from portal.notify.subscribers import page

from .actions import locked, move
from .models import Member, State, Upgrade

SYSTEM = Actor.system("estate.upgrades")
AT_ONCE = 4
NAME = "upgrade.tenant"


@action
def advance(upgrade_id: UUID | str, *, actor: Actor) -> None:
    """Safe to repeat, and to run twice at once. A wave begins when the one before is done."""
    upgrade = locked(upgrade_id)
    if upgrade.state != State.RUNNING:
        return
    members = list(upgrade.members.select_related("tenant"))
    _settle(members)
    failed = [one for one in members if one.state == Member.State.FAILED]
    running = [one for one in members if one.state == Member.State.RUNNING]
    waiting = [one for one in members if one.state == Member.State.WAITING]
    if failed:
        _stop(upgrade, f"{failed[0].tenant.name}: {failed[0].error}")
    elif waiting:
        wave = min(one.wave for one in [*running, *waiting])
        for one in [one for one in waiting if one.wave == wave][: max(0, AT_ONCE - len(running))]:
            _begin(one)
    elif not running:
        move(upgrade, State.DONE, "")
        record("upgrade.done", upgrade, actor=actor)


def _settle(members: list[Member]) -> None:
    """A member whose job ended without saying so has failed: nothing is waited for that nobody does."""
    for one in members:
        if one.state != Member.State.RUNNING:
            continue
        job = Job.objects.filter(pk=one.job_id).first()
        if job is None or job.state in (JobState.FAILED, JobState.CANCELLED):
            one.state, one.error = Member.State.FAILED, ((job and job.error) or "Its job was cancelled.")[:1000]
            one.save(update_fields=["state", "error"])


def _begin(one: Member) -> None:
    params = {"member_id": str(one.pk), "tenant_id": str(one.tenant_id), "region": one.tenant.region}
    title = f"Upgrade {one.tenant.name}, wave {one.wave}"
    job = jobs.start_job(NAME, actor=SYSTEM, subject=one, title=title, reason="Signed.", params=params)
    one.state, one.job_id, one.error, one.plan = Member.State.RUNNING, job.pk, "", {}
    one.save(update_fields=["state", "job_id", "error", "plan"])


def _stop(upgrade: Upgrade, why: str) -> None:
    move(upgrade, State.STOPPED, why)
    record("upgrade.stopped", upgrade, actor=SYSTEM, reason=why[:500])
    notify(
        "upgrade.stopped",
        title=f"{upgrade}: stopped at its first failure",
        users=[upgrade.requested_by],
        role=Role.PLATFORM_ENGINEER,
        severity=Severity.WARNING,
        body=why,
        url=page("module-upgrades", upgrade.pk),
        key=f"upgrade.stopped:{upgrade.pk}:{why[:60]}",
    )


def tick() -> None:
    """By the clock, so that a lost word holds nothing up."""
    for upgrade_id in Upgrade.objects.filter(state=State.RUNNING).values_list("pk", flat=True):
        advance(upgrade_id, actor=SYSTEM)
