"""Run the nine checks over the new tenant before anybody may use it."""

from typing import Any

from lifecycle.models import State, ValidationCheck, ValidationRun
from lifecycle.news import tell
from lifecycle.provisioning import targets
from lifecycle.provisioning.subject import request_of
from lifecycle.provisioning.validation import NAMES, CheckResult, Target, Verdict, run_suite, verdict
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent, Transient
from portal.lib.clock import now
from tenants import actions as registry

ATTEMPTS = 4


def validate(ctx: StepContext) -> dict[str, Any]:
    """Nine checks with evidence. Security failures roll back, compliance failures block, slowness warns."""
    with ctx.fenced():
        request = request_of(ctx, lock=True)
        if request.state == State.FAILED:  # held back by a finding, and resumed by a person
            request.resume()
        if request.state in (State.PROVISIONING, State.PENDING_MANUAL_SETUP):
            request.validate_now()
            request.save()
            tell(request)
        run = started_run(ctx, request.tenant_id, trigger="provisioning", request=request)
    said = finish_run(ctx, run, targets.of_request(request))
    act_on(ctx, run, said)
    return {"run": str(run.pk), "outcome": said.outcome, "decision": said.rule}


def act_on(ctx: StepContext, run: ValidationRun, said: Verdict) -> None:
    """Stop the job where the verdict says so; what only could not be looked at is looked at again first."""
    if said.could_not_run and ctx.attempt < ATTEMPTS:
        raise Transient("Not every check could run: " + failures_of(run))
    if said.rule == "roll_back":
        raise Permanent("The validation found a security failure: " + failures_of(run))
    if said.rule in ("block", "hold"):
        raise Permanent("The validation holds the tenant back; nothing is removed: " + failures_of(run))


def started_run(ctx: StepContext, tenant_id: Any, *, trigger: str, request: Any = None) -> ValidationRun:
    """The unfinished run of this job, or a new one. Inside `ctx.fenced()`."""
    found = ValidationRun.objects.filter(job_id=ctx.job.pk, outcome="running").first()
    return found or ValidationRun.objects.create(
        job_id=ctx.job.pk, tenant_id=tenant_id, request=request, trigger=trigger
    )


def finish_run(ctx: StepContext, run: ValidationRun, target: Target) -> Verdict:
    """Run what is left of the suite, keep every result as it comes, and return the verdict."""
    kept = {check.name for check in run.checks.all()}
    total = len(NAMES)

    def keep(result: CheckResult) -> None:
        with ctx.fenced():
            ValidationCheck.objects.get_or_create(
                run=run,
                name=result.name,
                defaults={
                    "title": result.title,
                    "category": result.category,
                    "outcome": result.outcome,
                    "summary": result.summary[:500],
                    "evidence": result.evidence,
                    "seconds": result.seconds,
                },
            )
        kept.add(result.name)
        level = "info" if result.outcome == "pass" else "warning" if result.outcome == "warn" else "error"
        ctx.log(f"{result.title}: {result.outcome.replace('_', ' ')}. {result.summary}", level)
        ctx.heartbeat(len(kept), total)

    run_suite(target, on_result=keep, already=tuple(kept), should_stop=lambda: ctx.cancel_requested)
    said = verdict(results_of(run))
    with ctx.fenced():
        run.outcome, run.finished_at = said.outcome, now()
        run.save()
        registry.note_validation(run.tenant_id, outcome=said.outcome, actor=ctx.actor)
    ctx.note(run=str(run.pk), outcome=said.outcome, decision=said.rule)
    return said


def results_of(run: ValidationRun) -> list[CheckResult]:
    """The kept checks of a run as the suite's own type."""
    names = CheckResult.__dataclass_fields__
    return [CheckResult(**{name: getattr(check, name) for name in names}) for check in run.checks.all()]


def failures_of(run: ValidationRun) -> str:
    bad = run.checks.exclude(outcome__in=["pass", "warn"])
    return "; ".join(f"{check.title}: {check.summary}" for check in bad)[:900]
