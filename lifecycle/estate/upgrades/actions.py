"""What people do with an upgrade: ask for it, stop it, go on, withdraw it."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import UUID

from bailiwick_proof.canonical import digest
from django.db import connection

from lifecycle.estate.models import ModuleVersion, Pin
from lifecycle.estate.modules import keep
from lifecycle.models import State as RequestState
from lifecycle.models import TenantRequest
from lifecycle.provisioning.judgement import connected_regions
from portal.access import policy
from portal.access.actor import Actor
from portal.approvals import actions as approvals
from portal.audit.actions import record
from portal.audit.context import action
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid, NotAllowed
from tenants.models import Status, Tenant

from .models import OPEN, Member, State, Upgrade
from .waves import waves

KIND = "module_upgrade"


def request(*, actor: Actor, reason: str, version: str = "") -> Upgrade:
    """Ask that every tenant in use which has other modules is brought to those installed here, or to kept ones."""
    policy.require(actor, "upgrade.edit")
    if actor.user is None:
        raise NotAllowed("An upgrade is asked for by a person.")
    if not reason.strip():
        raise Invalid(fields={"reason": "say why; the people who sign read it"})
    if version and not ModuleVersion.objects.filter(pk=version).exists():
        raise Absent("No such version of the modules is kept.")
    return _open(version or keep().pk, actor=actor, reason=reason.strip()[:1000])


def behind(version: str) -> list[Tenant]:
    """Tenants in use that have other modules: what is not production first, then by rank of tier, then by age."""
    current = Pin.objects.filter(version_id=version).values("tenant_id")
    made_here = TenantRequest.objects.filter(state=RequestState.ACTIVE).values("tenant_id")
    rows = Tenant.objects.filter(status=Status.ACTIVE, region__in=connected_regions(), pk__in=made_here)
    found = rows.exclude(pk__in=current).select_related("tier", "pin")
    return sorted(found, key=lambda one: (one.environment == "prod", one.tier.rank, one.created_at))


@action
def _open(version: str, *, actor: Actor, reason: str) -> Upgrade:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('upgrades:one', 0))")
    if is_open := Upgrade.objects.filter(state__in=OPEN).first():
        raise Conflict(f"{is_open} is {is_open.get_state_display()}; finish or withdraw it first.", code="one-open")
    tenants = behind(version)
    if not tenants:
        raise Conflict("Every tenant has these modules already.", code="nothing-to-do")
    assert actor.user is not None
    upgrade = Upgrade(version_id=version, reason=reason, requested_by=actor.user)
    members = [
        Member(upgrade=upgrade, tenant=one, wave=wave, was=one.pin.version_id if hasattr(one, "pin") else "")
        for wave, one in waves(tenants)
    ]
    upgrade.digest = content_digest(version, members)
    upgrade.save(force_insert=True)
    for member in members:
        member.save(force_insert=True)
    record("upgrade.asked", upgrade, actor=actor, reason=reason, data={"tenants": len(members)})
    case = approvals.open_case(
        actor=actor,
        kind=KIND,
        subject=upgrade,
        title=f"{upgrade} for {len(members)} tenants",
        amount_inr=Decimal("0.00"),
        aggregation_key=f"upgrade:{upgrade.pk}",
        facts={"price_known": True},
        digest=upgrade.digest,
        snapshot={
            "modules": version,
            "reason": reason,
            "waves": [[one.tenant.name for one in members if one.wave == wave] for wave in (1, 2, 3, 4)],
        },
    )
    upgrade.case_id = case.pk
    upgrade.save(update_fields=["case_id"])
    return upgrade


def content_digest(version: str, members: Iterable[Member]) -> str:
    """What a signature binds to: the modules, and who has which now and comes in which wave."""
    return digest({"modules": version, "members": sorted(f"{one.tenant_id} {one.wave} {one.was}" for one in members)})


def digest_now(upgrade_id: str) -> str:
    """The digest as it would be made now: a tenant that has other modules meanwhile voids what was signed."""
    upgrade = Upgrade.objects.get(pk=upgrade_id)
    pins: dict[UUID, str] = dict(Pin.objects.values_list("tenant_id", "version_id"))
    members = list(upgrade.members.all())
    for one in members:
        one.was = pins.get(one.tenant_id, "")
    return content_digest(upgrade.version_id, members)


def locked(upgrade_id: UUID | str) -> Upgrade:
    found = Upgrade.objects.select_for_update(of=("self",), no_key=True).filter(pk=upgrade_id).first()
    if found is None:
        raise Absent("There is no such upgrade.")
    return found


def _theirs(upgrade_id: UUID, actor: Actor, reason: str, *states: State) -> Upgrade:
    policy.require(actor, "upgrade.edit")
    if not reason.strip():
        raise Invalid(fields={"reason": "say why; it is kept in the record"})
    upgrade = locked(upgrade_id)
    if upgrade.state not in states:
        raise Conflict(f"An upgrade that is {upgrade.get_state_display()} cannot do that.", code="wrong-state")
    return upgrade


@action
def stop(upgrade_id: UUID, *, actor: Actor, reason: str) -> Upgrade:
    """Begin no other tenant; those under way go on to their end."""
    upgrade = _theirs(upgrade_id, actor, reason, State.RUNNING)
    move(upgrade, State.STOPPED, reason)
    record("upgrade.stopped", upgrade, actor=actor, reason=reason)
    return upgrade


@action
def resume(upgrade_id: UUID, *, actor: Actor, reason: str, leave_out_failed: bool = False) -> Upgrade:
    """Go on where it stopped: the tenants that failed are tried again, or left out where somebody says so."""
    upgrade = _theirs(upgrade_id, actor, reason, State.STOPPED)
    for one in upgrade.members.filter(state=Member.State.FAILED):
        one.state = Member.State.LEFT if leave_out_failed else Member.State.WAITING
        one.save(update_fields=["state"])
    move(upgrade, State.RUNNING, "")
    record("upgrade.resumed", upgrade, actor=actor, reason=reason, data={"left_out": leave_out_failed})
    return upgrade


@action
def cancel(upgrade_id: UUID, *, actor: Actor, reason: str) -> Upgrade:
    """Withdraw it. What is upgraded stays upgraded."""
    upgrade = _theirs(upgrade_id, actor, reason, State.PENDING, State.STOPPED)
    was_pending = upgrade.state == State.PENDING
    move(upgrade, State.CANCELLED, reason)
    if was_pending and upgrade.case_id:
        approvals.void(upgrade.case_id, actor=actor, reason=reason[:500])
    record("upgrade.cancelled", upgrade, actor=actor, reason=reason)
    return upgrade


def move(upgrade: Upgrade, state: State, why: str) -> None:
    upgrade.state, upgrade.state_reason = state, why[:1000]
    upgrade.ended_at = None if state in OPEN else now()
    upgrade.save()


def progress(upgrade: Upgrade) -> list[dict[str, Any]]:
    """Each wave with how many of it are where."""
    rows = list(upgrade.members.values_list("wave", "state"))
    return [
        {
            "wave": wave,
            "all": sum(one == wave for one, _ in rows),
            **{state: rows.count((wave, state)) for state in Member.State.values},
        }
        for wave in sorted({wave for wave, _ in rows})
    ]
