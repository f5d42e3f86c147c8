"""The one way in which a migration changes its state: transition, timeline, record and news in one transaction."""

from typing import Any
from uuid import UUID

from django.db.models.functions import Coalesce
from django_fsm import TransitionNotAllowed

from portal.access.actor import Actor
from portal.audit.actions import record
from portal.jobs.models import Job
from portal.jobs.outbox import emit
from portal.lib.errors import Absent, Conflict
from tenants.reads.actions import end_split

from .models import Migration, Passage, State
from .windows import actions as windows


def locked(migration_id: UUID) -> Migration:
    """The migration's row, locked for the rest of the transaction, and before it its job's: a worker has that first."""
    of = Migration.objects.filter(pk=migration_id).values(in_charge=Coalesce("rollback_job_id", "job_id"))
    Job.objects.select_for_update(no_key=True).filter(pk__in=of).values("pk").first()
    rows = Migration.objects.select_related("tenant__tier", "tenant__business_unit")
    found = rows.select_for_update(of=("self",), no_key=True).filter(pk=migration_id).first()
    if found is None:
        raise Absent("There is no such migration.")
    return found


def move(
    migration: Migration, word: str, *, actor: Actor, reason: str = "", data: dict[str, Any] | None = None
) -> None:
    """Run one transition of a locked migration and save it; Conflict where the state does not allow it."""
    old = migration.state
    try:
        getattr(migration, word)()
    except TransitionNotAllowed:
        state = migration.get_state_display()
        raise Conflict(f"A migration that is {state} cannot {word.replace('_', ' ')}.", code="wrong-state") from None
    migration.state_reason = reason[:1000]
    migration.save()
    if old == State.TRAFFIC_CUTOVER_STARTED:
        end_split(migration.tenant_id, actor=actor, reason=str(migration))
    windows.lift_all(migration, f"The move is {migration.get_state_display()}.", actor=actor)
    tell(migration, old, actor=actor, reason=reason)
    verb = f"migration.{word}"
    record(verb, migration, actor=actor, reason=reason, data={"from": old, "to": migration.state, **(data or {})})


def tell(migration: Migration, old: str, *, actor: Actor, reason: str) -> None:
    """Write the passage down and say it to who wants to know. Inside the transaction of the change."""
    Passage.objects.create(migration=migration, old=old, new=migration.state, reason=reason[:1000], actor=actor.id)
    tenant = migration.tenant
    people = {str(migration.requested_by_id), str(tenant.owner_id), str(tenant.champion_id)}
    emit(
        "migration.changed",
        {
            "migration_id": str(migration.pk),
            "tenant_id": str(tenant.pk),
            "name": tenant.name,
            "state": migration.state,
            "reason": reason[:500],
            "at": migration.state_changed_at.isoformat(),
            "users": sorted(people),
        },
    )
