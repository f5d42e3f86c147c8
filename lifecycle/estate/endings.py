"""A tenant's last day: reminders before it, then a request that it be put out of use. Nothing is destroyed by a clock.

Approved, it is suspended; from there its tier's days lead through the archive to an erasure with its own signatures.
"""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from bailiwick_proof.canonical import digest

from portal.access.actor import Actor
from portal.approvals import actions as approvals
from portal.approvals.models import Case
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Refusal
from tenants import actions as registry
from tenants.models import Status, Tenant
from tenants.queries import tenant_by_id

from .models import Ending, Lifetime
from .stacks import place_of

KIND = "tenant_end"
BEFORE = (timedelta(days=2), timedelta(hours=2), timedelta(minutes=30))
WORDS = {BEFORE[0]: "2 days", BEFORE[1]: "2 hours", BEFORE[2]: "30 minutes"}


def end_of(tenant: Tenant, lifetimes: dict[tuple[str, str], int]) -> datetime | None:
    """The end of its last day: the one somebody said, or so many days after it began as its tier allows there."""
    if tenant.expires_on:
        return datetime.combine(tenant.expires_on, time(), UTC) + timedelta(days=1)
    days = lifetimes.get((tenant.tier_id, tenant.environment))
    return None if days is None or tenant.activated_at is None else tenant.activated_at + timedelta(days=days)


def near_their_end() -> list[tuple[Tenant, datetime]]:
    """Active tenants whose end is at most two days away, or over."""
    lifetimes = _lifetimes()
    soon = now() + BEFORE[0]
    rows = Tenant.objects.filter(status=Status.ACTIVE).select_related("tier", "business_unit", "owner")
    rows = rows.exclude(expires_on=None) if not lifetimes else rows
    ends = ((one, end_of(one, lifetimes)) for one in rows)
    return [(one, at) for one, at in ends if at is not None and at <= soon]


def _lifetimes() -> dict[tuple[str, str], int]:
    rows = Lifetime.objects.values_list("tier", "environment", "days")
    return {(tier, where): days for tier, where, days in rows}


@action
def look_at(tenant: Tenant, ends_at: datetime, *, actor: Actor) -> Ending | None:
    """Remind once for each distance, the last one when several have passed; ask once when the day is over."""
    about = {"tenant_id": tenant.pk, "ends_at": ends_at}
    bound = digest({"tenant": str(tenant.pk), "ends_at": ends_at.isoformat(), "do": "suspend"})
    ending = Ending.objects.select_for_update(no_key=True).filter(**about).first()
    if ending is not None and ending.state != Ending.State.NEAR:
        return None
    ending = ending or Ending.objects.create(**{**place_of(tenant), **about}, digest=bound)
    left = ends_at - now()
    if left <= timedelta():
        return _ask(ending, tenant, actor)
    due = [WORDS[one] for one in BEFORE if left <= one and WORDS[one] not in ending.reminded]
    if due:
        ending.reminded = [*ending.reminded, *due]
        ending.save(update_fields=["reminded"])
        _remind(ending, tenant, due[-1])
    return ending


def _remind(ending: Ending, tenant: Tenant, words: str) -> None:
    people = sorted({str(tenant.owner_id), str(tenant.champion_id)})
    about = {"ending_id": str(ending.pk), "tenant_id": str(tenant.pk), "name": tenant.name, "users": people}
    emit("estate.ending", {**about, "words": words, "ends_at": ending.ends_at.isoformat()})


def _ask(ending: Ending, tenant: Tenant, actor: Actor) -> Ending:
    """The owner's wish when the day was agreed; others sign, and the owner never does."""
    case = approvals.open_case(
        actor=actor,
        kind=KIND,
        subject=ending,
        title=f"{tenant.name} has come to its last day: put it out of use",
        amount_inr=None,
        aggregation_key=f"ending:{ending.pk}",
        facts={"tier": tenant.tier_id, "region": tenant.region, "data_classes": sorted(tenant.data_classes)},
        digest=ending.digest,
        snapshot={"tenant": tenant.name, "ends_at": ending.ends_at, "then": "suspended, archived, erased by its tier"},
        requested_by=tenant.owner,
        period=Case.Period.ONCE,
    )
    ending.case_id, ending.state = case.pk, Ending.State.ASKED
    ending.save(update_fields=["case_id", "state"])
    record("estate.end_asked", ending, actor=actor)
    return ending


def digest_now(ending_id: str) -> str:
    """Another last day by now voids what was signed."""
    ending = Ending.objects.get(pk=ending_id)
    tenant = tenant_by_id(ending.tenant_id)
    lifetimes = _lifetimes()
    at = end_of(tenant, lifetimes) if tenant else None
    said = {"tenant": str(ending.tenant_id), "ends_at": at.isoformat() if at else "", "do": "suspend"}
    return digest(said)


def approved(payload: dict[str, Any], *, actor: Actor) -> None:
    """Put the tenant out of use, if it still is in use; the record says why where that was refused."""
    ending = _of_case(payload)
    if ending is None:
        return
    tenant = tenant_by_id(ending.tenant_id)
    ending.state = Ending.State.ENDED
    if tenant is not None and tenant.status == Status.ACTIVE:
        try:
            registry.move(tenant.pk, "suspend", actor=actor, reason="Its last day is over, and that was signed.")
        except Refusal as refusal:
            ending.state, ending.state_reason = Ending.State.KEPT, refusal.detail[:1000]
    ending.save(update_fields=["state", "state_reason"])
    record(f"estate.end_{ending.state}", ending, actor=actor)


def kept(payload: dict[str, Any], *, actor: Actor) -> None:
    """Nobody signed: the tenant stays, until it is given another day."""
    ending = _of_case(payload)
    if ending is not None:
        ending.state, ending.state_reason = Ending.State.KEPT, payload.get("reason", "")[:1000]
        ending.save(update_fields=["state", "state_reason"])
        record("estate.end_kept", ending, actor=actor)


def _of_case(payload: dict[str, Any]) -> Ending | None:
    ending = Ending.objects.select_for_update(no_key=True).filter(pk=payload["subject_id"]).first()
    waits = ending is not None and str(ending.case_id) == payload["case_id"] and ending.state == Ending.State.ASKED
    return ending if waits else None
