"""What people do with exports, and what follows: asked for, handed out, received, taken away."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import F, Max

from compliance.erasing import actions as erasing
from compliance.erasing.models import ErasureRequest
from compliance.erasing.models import Export as Settled
from compliance.holds.queries import is_held
from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.guards import check_guards
from portal.jobs import actions as jobs
from portal.jobs.models import Job
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid, NotAllowed
from tenants.models import Status, Tenant

from .models import Export, State

SYSTEM = Actor.system("exports")
MAKE, DELETE = "export.make", "export.delete"
AGAIN = timedelta(minutes=10)  # how long a deletion that failed is left alone
WITH_DATA = (Status.ACTIVE, Status.SUSPENDED, Status.ARCHIVED)


@action
def ask(tenant_id: UUID, *, actor: Actor, reason: str) -> Export:
    """Have everything of the tenant written into files. It destroys nothing, so no hold stands in its way."""
    if not Tenant.objects.visible_to(actor).filter(pk=tenant_id).exists():
        raise Absent("There is no such tenant.")
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
    policy.require(actor, "export.request", tenant)
    if actor.user is None:
        raise NotAllowed("An export is asked for by a person.")
    _require_reason(reason)
    if tenant.status not in WITH_DATA:
        raise Conflict(f"The tenant is {tenant.get_status_display()}.", code="wrong-state")
    if open_one := Export.objects.filter(tenant=tenant, state=State.MAKING).first():
        raise Conflict(f"{open_one} is being made.", code="export-open", open=str(open_one.pk))
    given = {"tenant": tenant, "region": tenant.region, "requested_by": actor.user, "reason": reason[:1000]}
    made = Export.objects.create(number=_next_number(), **given)
    title, params = f"{made}: export {tenant.name}", {"export_id": str(made.pk)}
    made.job_id = jobs.start_job(MAKE, actor=actor, subject=made, title=title, reason=reason, params=params).pk
    made.save(update_fields=["job_id"])
    record("export.asked", made, actor=actor, reason=reason)
    return made


@action
def hand_out(export_id: UUID, *, actor: Actor, reason: str = "") -> Export:
    """Let this person take it away now; it is on record before the first byte goes.

    Compliance takes away only what somebody else has asked for: nobody has a tenant copied and leaves with it alone.
    """
    found = _mine(export_id, actor, "export.download")
    _require_ready(found)
    if actor.user is None or (actor.user.pk == found.requested_by_id and not is_tenants_own(actor, found)):
        raise NotAllowed("Somebody else takes it away than who has asked for it.", code="own-export")
    Export.objects.filter(pk=found.pk).update(downloads=F("downloads") + 1, downloaded_at=now())
    record("export.downloaded", found, actor=actor, reason=reason, data={"digest": found.digest})
    found.refresh_from_db()
    return found


@action
def confirm(export_id: UUID, digest: str, *, actor: Actor, reason: str) -> Export:
    """Say that it was received, by the SHA-256 of the manifest in hand. What lies here is then deleted."""
    found = _mine(export_id, actor, "export.confirm")
    _require_reason(reason)
    _require_ready(found)
    if found.received_at is not None:
        raise Conflict("It was received already.", code="received-already")
    if not found.downloads:
        raise Conflict("Nobody has downloaded it yet.", code="not-downloaded")
    if digest.strip().lower() != found.digest:
        raise Invalid(fields={"digest": "not the SHA-256 of this export's manifest.json"})
    found.received_at, found.received_by = now(), actor.user
    found.save(update_fields=["received_at", "received_by"])
    record("export.received", found, actor=actor, reason=reason, data={"digest": found.digest})
    for one in ErasureRequest.objects.open().filter(tenant_id=found.tenant_id, kind="tenant"):
        settle(one.pk)
    if not is_held(found.tenant_id):
        take_away(found, "it was received", actor=SYSTEM)
    return found


@action
def withdraw(export_id: UUID, *, actor: Actor, reason: str) -> Export:
    """Have it deleted before anybody received it, or what is left of one that failed."""
    found = _mine(export_id, actor, "export.request")
    _require_reason(reason)
    if found.state not in (State.READY, State.FAILED):
        raise Conflict(f"The export is {found.get_state_display()}.", code="wrong-state")
    check_guards("export.delete", found)
    take_away(found, f"withdrawn: {reason}", actor=actor)
    return found


def take_away(found: Export, why: str, *, actor: Actor) -> None:
    """Inside a transaction that has its tenant: from now on nobody gets it, and a job deletes it."""
    if found.state == State.DELETED:
        return
    if found.state != State.DELETING:
        if is_worked_on(found):
            raise Conflict("It is being made.", code="wrong-state")
        found.state, found.gone_because = State.DELETING, why[:200]
        found.save(update_fields=["state", "gone_because"])
        record("export.ended", found, actor=actor, reason=why[:200])
    tried = Job.objects.filter(kind=DELETE, subject_id=str(found.pk)).order_by("-created_at").first()
    if tried is not None and (not tried.is_finished or (tried.finished_at or now()) > now() - AGAIN):
        return
    jobs.start_job(DELETE, actor=actor, subject=found, title=f"{found}: delete it", params={"export_id": str(found.pk)})


@action
def end_all(tenant_id: UUID, why: str, *, actor: Actor) -> list[Export]:
    """Have every export of the tenant deleted of which something lies there; returns those, until there are none."""
    found = list(Export.objects.standing().filter(tenant_id=tenant_id).values_list("pk", flat=True))
    rows = [locked(pk, tenant_id) for pk in found]
    for one in rows:
        if not is_worked_on(one):
            take_away(one, why, actor=actor)
    return rows


def is_worked_on(found: Export) -> bool:
    """Whether the job that makes it has not ended."""
    return found.state == State.MAKING and Job.objects.unfinished().filter(pk=found.job_id).exists()


def gone(found: Export, files: int, *, actor: Actor) -> None:
    """Inside the worker's own transaction: nothing of it lies there any more."""
    found.state, found.deleted_at = State.DELETED, now()
    found.save(update_fields=["state", "deleted_at"])
    record("export.deleted", found, actor=actor, reason=found.gone_because, data={"files": files})


def settle(request_id: UUID) -> None:
    """Note that a whole tenant's erasure has its export, if one that is recent enough was received."""
    from compliance.erasing.moving import locked

    request = locked(request_id)
    if not request.awaits_export or request.was_started or not request.is_open:
        return
    since = request.received_at - timedelta(days=settings.EXPORTS["fresh_days"])
    rows = Export.objects.filter(tenant_id=request.tenant_id, received_at__isnull=False, as_of__gte=since)
    if (found := rows.order_by("-as_of").first()) is not None:
        how = f"{found}, as of {found.as_of:%Y-%m-%d %H:%M} UTC, manifest SHA-256 {found.digest}"
        erasing.settle_export(request, Settled.RECEIVED, how, actor=SYSTEM)


def is_tenants_own(actor: Actor, found: Export) -> bool:
    """Whether the actor stands on the tenant's side, which takes away what is its own."""
    return policy.can(actor, "tenant.connect", found.tenant) and not policy.can(actor, "erasure.operate", found.tenant)


def _mine(export_id: UUID, actor: Actor, verb: str) -> Export:
    """The export, locked after its tenant, if the actor may see it and do this to it."""
    known = Export.objects.visible_to(actor).filter(pk=export_id).values_list("tenant_id", flat=True).first()
    if known is None:
        raise Absent("There is no such export.")
    found = locked(export_id, known)
    policy.require(actor, verb, found)
    return found


def locked(export_id: UUID, tenant_id: Any = None) -> Export:
    """The export under its row lock, its tenant's taken before: the order that placing a hold has."""
    tenant_id = tenant_id or Export.objects.values_list("tenant_id", flat=True).get(pk=export_id)
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
    rows = Export.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("tenant__business_unit", "tenant__tier", "requested_by").get(pk=export_id)


def _require_ready(found: Export) -> None:
    if found.state != State.READY:
        raise Conflict(f"The export is {found.get_state_display()}.", code="wrong-state")
    if found.expires_at and found.expires_at <= now():
        raise Conflict("Its time is over; ask for another.", code="expired")


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise Invalid(fields={"reason": "say why; it is kept in the record"})


def _next_number() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('export.number', 0))")
    return int(Export.objects.aggregate(last=Max("number"))["last"] or 0) + 1
