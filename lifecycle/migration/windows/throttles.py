"""Slows a tenant's writes for a while, with its own people's approval and never without."""

from datetime import timedelta
from uuid import UUID

from lifecycle.migration.models import BEFORE_SWITCH, Migration
from lifecycle.migration.moving import locked
from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid, NotAllowed

from .actions import lift, said, tell_platforms
from .models import Throttle


@action
def ask_throttle(
    migration_id: UUID, *, actor: Actor, reason: str, writes_per_second: int = 100, minutes: int = 60
) -> Throttle:
    """Ask the tenant to write no faster than this for so many minutes. Nothing is slowed until its people agree."""
    migration = _seen(migration_id, actor)
    policy.require(actor, "migration.throttle", migration)
    if actor.user is None:
        raise NotAllowed("A tenant is asked by a person.")
    if not reason.strip():
        raise Invalid(fields={"reason": "say why; it is what the tenant decides on"})
    _before_the_switch(migration)
    for standing in migration.throttles.filter(lifted_at=None):
        if standing.stands != "over":
            raise Conflict("A pace was asked for already; lift it first.", code="throttle-open")
        lift(standing, "It was over.", actor)
    made = Throttle(migration=migration, asked_by=actor.user, reason=reason[:1000])
    made.writes_per_second, made.minutes = writes_per_second, minutes
    made.save(force_insert=True)
    record("migration.throttle_asked", migration, actor=actor, reason=reason, data=said(made))
    tenant = migration.tenant
    people = sorted({str(tenant.owner_id), str(tenant.champion_id)})
    news = {"migration_id": str(migration.pk), "tenant_id": str(tenant.pk), "name": tenant.name, "reason": reason}
    emit("migration.throttle_asked", {**news, "throttle_id": str(made.pk), "users": people, **said(made)})
    return made


@action
def approve_throttle(migration_id: UUID, *, actor: Actor, reason: str) -> Throttle:
    """Agree for the tenant, as its owner or champion. The clock of its minutes starts now."""
    migration = _seen(migration_id, actor)
    policy.require(actor, "migration.approve_throttle", migration)
    if actor.user is None or actor.user.pk not in (migration.tenant.owner_id, migration.tenant.champion_id):
        raise NotAllowed("Only the tenant's owner or champion agrees to this.", code="not-the-tenant")
    _before_the_switch(migration)
    found = _standing(migration)
    if found.approved_at:
        raise Conflict("It is in force already.", code="wrong-state")
    if found.asked_by_id == actor.user.pk:
        raise NotAllowed("Whoever asks does not agree.", code="own-request")
    found.approved_by, found.approved_at = actor.user, now()
    found.until = found.approved_at + timedelta(minutes=found.minutes)
    found.save()
    record("migration.throttle_approved", migration, actor=actor, reason=reason, data=said(found))
    tell_platforms(migration)
    return found


@action
def lift_throttle(migration_id: UUID, *, actor: Actor, reason: str) -> Throttle:
    """End it, or what was asked for, before its time: an operator, or the tenant that gave it."""
    migration = _seen(migration_id, actor)
    if not policy.can(actor, "migration.throttle", migration):
        policy.require(actor, "migration.approve_throttle", migration)
    found = _standing(migration)
    lift(found, reason, actor)
    tell_platforms(migration)
    return found


def _standing(migration: Migration) -> Throttle:
    found = migration.throttles.filter(lifted_at=None).first()
    if found is None or found.stands == "over":
        raise Conflict("No pace was asked for.", code="wrong-state")
    return found


def _before_the_switch(migration: Migration) -> None:
    if migration.state not in BEFORE_SWITCH:
        raise Conflict(
            f"A move that is {migration.get_state_display()} slows nobody; it is for one under way, before its switch.",
            code="wrong-state",
        )


def _seen(migration_id: UUID, actor: Actor) -> Migration:
    if not Migration.objects.visible_to(actor).filter(pk=migration_id).exists():
        raise Absent("There is no such migration.")
    return locked(migration_id)
