"""Take back whatever a request has created, and prove that nothing is left."""

from decimal import Decimal
from typing import Any

from django.conf import settings

from lifecycle.actions.requests import let_go
from lifecycle.holding.keeping import destroying
from lifecycle.models import ENDED, State, TenantRequest
from lifecycle.news import tell
from lifecycle.provisioning.subject import is_connected, names_of, region_named, request_of, stack_of
from lifecycle.provisioning.terraform import commands
from lifecycle.provisioning.terraforming import execute, fresh_run, known_run, settle
from lifecycle.stores import credentials, sweep
from lifecycle.stores.postgres import rows
from lifecycle.stores.secrets import store_of
from portal.audit.actions import record
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent, Skip, Transient, WaitUntil
from portal.jobs.outbox import emit
from portal.lib.clock import now
from tenants import actions as registry
from tenants.models import PriceBook, Status, Tenant
from tenants.queries import tenant_by_id

FIRST_PASS, SECOND_PASS = "sweep", "sweep_again"
NOT_LOOKED_AT = [
    {"system": "region", "resource": "", "detail": "not checked: it is not connected any more", "monthly_inr": None}
]


def stop_writers(ctx: StepContext) -> dict[str, Any]:
    """End a running Terraform gently, then take the tenant's credentials: from here on nobody writes."""
    request = _target(ctx)
    run = known_run(stack_of(request))
    if run is not None and commands.status(run.directory).state == "running":
        commands.stop(run.directory, timeout=10)
    settle(ctx, stack_of(request))
    credentials.revoke(region_named(request.region), names_of(request), _secrets(request))
    return {"credentials": "revoked"}


def confirm_data(ctx: StepContext) -> dict[str, Any]:
    """Real data is removed only when a person has said so."""
    request = _target(ctx)
    counted = rows.count(region_named(request.region), request.tenant_id)
    unknown = sorted(table for table, number in counted.items() if number is None)
    total = sum(number or 0 for number in counted.values())
    if (total or unknown) and tenant_was_served(request) and not ctx.params.get("confirmed"):
        raise WaitUntil(None, f"{total} rows of real data would be removed; a person must confirm the roll-back")
    return {"rows": total, "not_counted": unknown}


def tenant_was_served(request: TenantRequest) -> bool:
    """True once the tenant was active: before that the platform has accepted only the validation's own data."""
    tenant = tenant_by_id(request.tenant_id)
    return bool(tenant and tenant.activated_at)


def empty(ctx: StepContext) -> dict[str, Any]:
    """Delete rows, vectors, cache keys and every object version, marker and open upload, page by page."""
    request = _target(ctx)

    def before_page(system: str, done: int) -> None:
        ctx.heartbeat(done)

    with destroying(ctx, "tenant.empty", request.tenant_id):
        emptied, failed = sweep.empty(
            region_named(request.region), names_of(request), secrets=_secrets(request), before_page=before_page
        )
    if failed:
        raise Transient("; ".join(f"{one.system}: {one.reason}" for one in failed))
    kept = [f"{one.key} ({one.reason})" for one in emptied.kept][:20]
    return {"versions": emptied.versions, "markers": emptied.markers, "uploads": emptied.uploads, "kept": kept}


def destroy(ctx: StepContext) -> dict[str, Any]:
    """`terraform destroy` of everything the state knows. When it keeps failing, the sweep tells what is left."""
    request = _target(ctx)
    run = fresh_run(ctx, stack_of(request))
    if not commands.state_list(run):
        return {"resources": 0}
    with destroying(ctx, "tenant.remove", request.tenant_id):
        result = execute(ctx, run, "destroy")
    if not result.ok:
        said = f"terraform destroy: {commands.last_error(run.directory) or result.last_event}"
        if ctx.step.failures + 1 < ctx.definition.max_attempts:
            raise Transient(said)
        ctx.log(f"Given up after {ctx.definition.max_attempts} tries. {said}", "error")
        return {"given_up": said}
    return {"resources": len(ctx.step.evidence.get("resources", [])), "seconds": round(result.seconds, 2)}


def purge(ctx: StepContext) -> dict[str, Any]:
    """Remove by name and tag what a killed command created and no state knows."""
    request = _target(ctx)
    if ctx.evidence("destroy").get("given_up"):
        raise Skip("Terraform could not destroy what it knows: a person looks before anything goes past it.")
    region, names, secrets = region_named(request.region), names_of(request), _secrets(request)
    if sweep.residue(region, names, secrets=secrets).is_clean:
        return {"orphans": 0}
    with destroying(ctx, "tenant.remove", request.tenant_id):
        _, failed = sweep.purge(region, names, secrets=secrets, before_page=lambda system, done: ctx.heartbeat(done))
    return {"failed": [f"{one.system}: {one.reason}" for one in failed]}


def sweep_once(ctx: StepContext) -> dict[str, Any]:
    """One independent look at every system; a finding does not stop the job, it decides its end."""
    request = _target(ctx)
    run = known_run(stack_of(request))
    found = sweep.residue(
        region_named(request.region),
        names_of(request),
        secrets=_secrets(request),
        state_addresses=commands.state_list(run) if run else (),
        prices=prices(),
    )
    left = [
        {"system": one.system, "resource": one.resource, "detail": one.detail, "monthly_inr": one.monthly_inr}
        for one in found.residue
    ]
    left += [{"system": one.system, "resource": "", "detail": f"not checked: {one.reason}", "monthly_inr": None}
             for one in found.not_checked]  # fmt: skip
    for one in left:
        ctx.log(f"Left in {one['system']}: {one['resource']} {one['detail']}", "error")
    scheduled = [f"{one.resource}: {one.detail}" for one in found.scheduled]
    return {"left": left, "clean": found.is_clean, "scheduled": scheduled, "at": now()}


def finish(ctx: StepContext) -> dict[str, Any]:
    """Two clean passes: `rolled_back`, name and money given back. Otherwise `rollback_incomplete`, and an alert."""
    passes = [ctx.evidence(FIRST_PASS), ctx.evidence(SECOND_PASS)]
    clean = _nothing_was_made(request_of(ctx)) or all(one.get("clean") is True for one in passes)
    with ctx.fenced():
        request = request_of(ctx, lock=True)
        if request.state in ENDED and request.state != State.EXPIRED:
            return {"state": request.state}
        request.remainder = [] if clean else passes[1].get("left", NOT_LOOKED_AT)
        if clean:
            _undone(ctx, request)
        else:
            request.leave_rollback()
        request.save()
        record("request.roll_back_finished", request, actor=ctx.actor, data={"state": request.state})
        emit(
            "rollback.finished",
            {
                "request_id": str(request.pk),
                "state": request.state,
                "left": len(request.remainder),
                "monthly_inr": _monthly(request.remainder),
            },
        )
        tell(request)
    return {"state": request.state, "left": len(request.remainder)}


def _nothing_was_made(request: TenantRequest) -> bool:
    """True if the region was not connected when the plan was due: this portal then created nothing there.

    A region that is gone since is another matter: what stands there was not looked at, and that is not clean.
    """
    return not request.plan_digest and not is_connected(request)


def _undone(ctx: StepContext, request: TenantRequest) -> None:
    request.finish_rollback()
    let_go(request)
    tenant = Tenant.objects.filter(pk=request.tenant_id, status=Status.PROVISIONING).first()
    if tenant:
        registry.move(tenant.pk, "fail", actor=ctx.actor, reason=request.state_reason[:500] or "rolled back")


def _monthly(left: list[dict[str, Any]]) -> str | None:
    costs = [one["monthly_inr"] for one in left]
    return None if None in costs else f"{sum((Decimal(cost) for cost in costs), Decimal(0)):.2f}"


def _target(ctx: StepContext) -> TenantRequest:
    request = request_of(ctx)
    if request.state == State.ACTIVE:
        raise Permanent("The tenant is active: it is not rolled back but erased.")
    if not is_connected(request):
        raise Skip(f"{request.region} is not connected to this portal; nothing was created there by it.")
    return request


def _secrets(request: TenantRequest) -> Any:
    return store_of(request.region, settings.SECRETS_DIR)


def prices() -> dict[str, Decimal]:
    """What leftovers cost, from the price book in force: INR a month per unit."""
    book = PriceBook.objects.filter(effective_from__lte=now()).order_by("-effective_from").first()
    gigabyte = book.prices.filter(kind="gb_month").first() if book else None
    return {"object_gb_month": gigabyte.amount, "log_gb_month": gigabyte.amount} if gigabyte else {}
