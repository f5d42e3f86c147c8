"""What people do with a move: plan it, ask for it, start it, halt it, take it back."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Max, Q

from compliance.residency import country_of
from lifecycle.retiring.actions import retire
from portal.access import policy
from portal.access.actor import Actor
from portal.approvals import actions as approvals
from portal.audit.actions import record
from portal.audit.context import action
from portal.guards import check_guards
from portal.jobs import actions as jobs
from portal.jobs.models import Job, JobState
from portal.lib.clock import now
from portal.lib.errors import Absent, Blocked, Conflict, Invalid, NotAllowed
from portal.lib.money import inr
from tenants.models import Tenant
from tenants.reads.actions import end_split

from .models import HALTED, UNDER_WAY, Migration, State
from .moving import locked, move, tell
from .planning import Plan, digest_of, make_plan
from .portfolios.queries import require_turn
from .preflight import Finding, red_flags
from .reviews.queries import require_reviewed
from .strategies import Known
from .windows import actions as windows
from .windows.queries import window_of

MOVE, ROLL_BACK = "migration.move", "migration.roll_back"
SYSTEM = Actor.system("migration")


def plan_migration(
    tenant_id: UUID,
    target: str,
    *,
    actor: Actor,
    downtime_inr_an_hour: Decimal | None = None,
    is_downtime_forbidden: bool | None = None,
    **wanted: Any,
) -> Plan:
    """The dry run: findings, time, pause and ₹ of a move, planned as `make_plan` takes it. Stores nothing."""
    tenant = Tenant.objects.visible_to(actor).select_related("tier", "business_unit").filter(pk=tenant_id).first()
    if tenant is None:
        raise Absent("There is no such tenant.")
    policy.require(actor, "migration.request", tenant)
    return make_plan(tenant, target, known=Known(downtime_inr_an_hour, is_downtime_forbidden), **wanted)


def request(tenant_id: UUID, target: str, *, actor: Actor, reason: str, **wanted: Any) -> Migration:
    """Ask for a move: keep its plan, and ask for the signatures over exactly that. A rehearsal needs none."""
    _need_reason(reason)
    if actor.user is None:
        raise NotAllowed("A move is asked for by a person.")
    plan = plan_migration(tenant_id, target, actor=actor, **wanted)
    if plan.refused:
        said = " ".join(f"{one.code}: {one.title}. {one.remedy}".strip() for one in plan.refused)
        raise Invalid(said, code="preflight-refused", findings=[one.as_json() for one in plan.refused])
    return keep(plan, actor=actor, reason=reason)


@action
def keep(plan: Plan, *, actor: Actor, reason: str, aggregation_key: str = "") -> Migration:
    """Keep a plan that nothing refuses, and ask for its signatures. Amounts of one key are added up by the rules."""
    _one_at_a_time("migration.number")
    if Migration.objects.open().filter(tenant=plan.tenant).exists():
        raise Conflict("A move of this tenant is open already.", code="migration-open")
    said = plan.as_json()
    migration = Migration(
        number=(Migration.objects.aggregate(last=Max("number"))["last"] or 0) + 1,
        tenant=plan.tenant,
        source=plan.tenant.region,
        target=plan.target,
        strategy=plan.strategy,
        is_rehearsal=plan.is_rehearsal,
        justification=reason,
        requested_by=actor.user,
        not_before=plan.not_before,
        window_minutes=plan.window_minutes,
        stability_seconds=said["stability_seconds"],
        findings=said["findings"],
        estimate=said["estimate"],
        vector_provider=plan.vector_provider,
        capture=plan.capture,
        rows_total=plan.estimate.rows,
    )
    window = windows.planned(migration, plan.window_starts_at)
    migration.digest = digest_of(migration)
    migration.save(force_insert=True)
    if window is not None:
        window.save(force_insert=True)
    record("migration.requested", migration, actor=actor, reason=reason, data={"digest": migration.digest})
    tell(migration, "", actor=actor, reason=reason)
    if not plan.is_rehearsal:
        migration.case_id = _case(migration, plan, actor, aggregation_key).pk
        migration.save(update_fields=["case_id"])
    return migration


def _case(migration: Migration, plan: Plan, actor: Actor, aggregation_key: str) -> Any:
    tenant = plan.tenant
    leaves = country_of(plan.target) != tenant.business_unit.home_country
    starts = plan.window_starts_at and f"{plan.window_starts_at:%d %b %Y %H:%M} UTC"
    window = f"{plan.window_minutes} minutes without service at most, from {starts}" if starts else "no downtime"
    return approvals.open_case(
        actor=actor,
        kind="migration",
        subject=migration,
        title=f"Move {tenant.name}",
        amount_inr=plan.estimate.total_inr,
        period="once",
        aggregation_key=aggregation_key,
        facts={
            "tier": tenant.tier_id,
            "region": plan.target,
            "data_classes": sorted(tenant.data_classes),
            "leaves_home_country": leaves,
            "price_known": plan.estimate.total_inr is not None,
            "business_unit": tenant.business_unit_id,
        },
        digest=migration.digest,
        snapshot={
            "sentence": f"Move {tenant.name} from {tenant.region} to {plan.target}: {window}.",
            "justification": migration.justification,
            "counted": _counted(plan),
            "plan": {**plan.as_json(), "number": str(migration)},
        },
    )


def _counted(plan: Plan) -> str:
    if plan.estimate.total_inr is None:
        return f"There is no price for: {', '.join(plan.estimate.unknown)}. An unknown price is never nothing."
    twice = " It counts twice: the first move of its kind." if plan.estimate.contingency > 1 else ""
    return f"The move costs {inr(plan.estimate.total_inr)}, once.{twice}"


@action
def start(migration_id: UUID, *, actor: Actor, reason: str) -> Migration:
    """Queue an approved move. It begins as soon as its regions have room for it."""
    migration = _mine(migration_id, actor)
    if migration.state != State.INITIATED or _runs(migration):
        raise Conflict(f"The move is {migration.get_state_display()}; it has been started.", code="wrong-state")
    if not migration.is_rehearsal and migration.approved_at is None:
        raise Blocked("Not everybody who has to sign has signed.", by="approval")
    _require_time(migration)
    _require_no_flags(red_flags(migration.tenant))
    require_turn(migration)
    require_reviewed(migration)
    check_guards("migration.start", migration)
    job = jobs.start_job(
        MOVE,
        actor=actor,
        subject=migration,
        title=f"Move {migration.tenant.name} to {migration.target}",
        reason=reason,
        params={"migration_id": str(migration.pk)},
    )
    migration.job_id = job.pk
    migration.save(update_fields=["job_id"])
    record("migration.started", migration, actor=actor, reason=reason, data={"job": str(job.pk)})
    return migration


def _require_time(migration: Migration) -> None:
    """After the notice. One with a window a day ahead of it: only the window is felt, and it is never within notice."""
    window, lead = window_of(migration), timedelta(hours=settings.MIGRATION["window_lead_hours"])
    if window is None and migration.not_before > now():
        raise Blocked(f"The tenant's notice runs until {migration.not_before:%d %b %Y %H:%M} UTC.", by="notice")
    if window and window.starts_at - lead > now():
        raise Blocked(f"Its window begins {window}; it is started a day ahead at most.", by="notice")
    if window and window.ends_at <= now():
        raise Blocked("Its window is over. Withdraw it, and ask for another.", by="window")


def _require_no_flags(flags: list[Finding]) -> None:
    if flags:
        raise Blocked(" ".join(f"{one.title}. {one.remedy}" for one in flags), by="red-flag")


@action
def pause(migration_id: UUID, *, actor: Actor, reason: str) -> Migration:
    """Halt a move before its switch. Changes stay captured; the tenant is served, and an open window ends."""
    _need_reason(reason)
    migration = _mine(migration_id, actor)
    move(migration, "pause", actor=actor, reason=reason)
    return migration


@action
def resume(migration_id: UUID, *, actor: Actor, reason: str) -> Migration:
    """Go on with a paused or failed move where it stood."""
    _need_reason(reason)
    migration = _mine(migration_id, actor)
    failed = migration.state == State.FAILED
    move(migration, "resume", actor=actor, reason=reason)
    if migration.job_id and failed:
        jobs.resume_job(migration.job_id, actor=actor, reason=reason)
    elif migration.job_id:
        jobs.wake(migration.job_id)
    return migration


@action
def roll_back(migration_id: UUID, *, actor: Actor, reason: str) -> Migration:
    """Take the tenant back to where it came from, losing nothing: before the switch at once, after it mirrored."""
    _need_reason(reason)
    migration = _mine(migration_id, actor)
    if migration.state not in (*UNDER_WAY, *HALTED):
        raise Conflict(f"A migration that is {migration.get_state_display()} is not rolled back.", code="wrong-state")
    job = Job.objects.filter(pk=migration.job_id).first()
    if job is None:
        raise Conflict("Nothing of this move has run.", code="wrong-state")
    if job.state == JobState.FAILED:
        migration.rollback_job_id = jobs.compensate_job(job.pk, actor=actor, reason=reason).pk
    else:
        jobs.cancel_job(job.pk, actor=actor, reason=reason)
    migration.state_reason = reason[:1000]
    migration.save()
    end_split(migration.tenant_id, actor=actor, reason=reason)
    record("migration.roll_back_asked", migration, actor=actor, reason=reason)
    return migration


@action
def cancel(migration_id: UUID, *, actor: Actor, reason: str) -> Migration:
    """Withdraw a move that has not begun: nothing was touched."""
    _need_reason(reason)
    migration = _mine(migration_id, actor)
    move(migration, "cancel", actor=actor, reason=reason)
    if _runs(migration):
        jobs.cancel_job(migration.job_id, actor=actor, reason=reason)  # type: ignore[arg-type]  # it runs, so it is
    if migration.case_id and migration.approved_at is None:
        approvals.cancel_case(migration.case_id, actor=SYSTEM, reason=reason)
    return migration


@action
def release_green(migration_id: UUID, *, actor: Actor, reason: str) -> Migration:
    """Let go of the copy that a roll-back left behind: it is erased, with evidence.

    Where a later move of the tenant has taken the same store, that move speaks for what lies there.
    """
    _need_reason(reason)
    migration = _mine(migration_id, actor)
    if migration.state != State.ROLLED_BACK or migration.started_at is None or migration.green_released_at:
        raise Conflict("There is no copy that waits to be released.", code="wrong-state")
    check_guards("migration.release_green", migration)
    if Migration.objects.open().filter(tenant=migration.tenant_id, target=migration.target, started_at=None).exists():
        raise Conflict("Another move of the tenant to there is about to begin.", code="migration-open")
    migration.green_released_at = now()
    migration.save(update_fields=["green_released_at"])
    record("migration.green_released", migration, actor=actor, reason=reason)
    if not _is_taken_again(migration):
        retire(
            migration.tenant_id, migration.target, occasion="green", subject=migration.pk, actor=actor, reason=reason
        )
    return migration


def _is_taken_again(migration: Migration) -> bool:
    later = Migration.objects.filter(tenant=migration.tenant_id, started_at__gt=migration.started_at)
    return later.filter(Q(source=migration.target) | Q(target=migration.target)).exists()


def _runs(migration: Migration) -> bool:
    return Job.objects.unfinished().filter(pk=migration.job_id).exists()


def _mine(migration_id: UUID, actor: Actor) -> Migration:
    """The migration, locked, if the actor may operate it."""
    if not Migration.objects.visible_to(actor).filter(pk=migration_id).exists():
        raise Absent("There is no such migration.")
    migration = locked(migration_id)
    policy.require(actor, "migration.operate", migration)
    return migration


def _need_reason(reason: str) -> None:
    if not reason.strip():
        raise Invalid(fields={"reason": "say why; it is kept in the record"})


def _one_at_a_time(key: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])
