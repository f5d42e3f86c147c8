"""What begins and ends what a tenant feels of its move. None of it outlasts the move's way to its switch."""

from datetime import datetime, timedelta

from django.db import transaction

from lifecycle.migration.models import BEFORE_SWITCH, Migration
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.jobs.outbox import emit
from portal.lib.clock import now
from tenants.registry.publish import publish

from .models import Throttle, Window


def planned(migration: Migration, starts_at: datetime | None) -> Window | None:
    """The window that a move is asked for with, not saved yet."""
    if starts_at is None:
        return None
    ends_at = starts_at + timedelta(minutes=migration.window_minutes)
    return Window(migration=migration, starts_at=starts_at, ends_at=ends_at)


def open_window(window: Window, *, actor: Actor) -> None:
    """Say everywhere that the tenant is without service until the window ends. Inside the job's fenced transaction."""
    window.opened_at = now()
    window.save(update_fields=["opened_at"])
    _tell(window, "opened", actor, str(window))


def close(migration: Migration, because: str, *, actor: Actor) -> None:
    """End the move's window, if it is open. In the transaction of the placement by which its tenant is served again."""
    window = Window.objects.select_for_update(no_key=True).filter(pk=migration.pk).first()
    if window is not None and window.is_open:
        window.closed_at, window.closed_because = now(), because[:500]
        window.save(update_fields=["closed_at", "closed_because"])
        _tell(window, "closed", actor, because)


def _tell(window: Window, word: str, actor: Actor, reason: str) -> None:
    migration, tenant = window.migration, window.migration.tenant
    record(
        f"migration.window_{word}", migration, actor=actor, reason=reason, data={"until": window.ends_at.isoformat()}
    )
    people = {str(migration.requested_by_id), str(tenant.owner_id), str(tenant.champion_id)}
    news = {"migration_id": str(migration.pk), "tenant_id": str(tenant.pk), "name": tenant.name, "reason": reason}
    emit(f"migration.window_{word}", {**news, "until": window.ends_at.isoformat(), "users": sorted(people)})
    tell_platforms(migration)


def lift_all(migration: Migration, because: str, *, actor: Actor) -> None:
    """A move that is not on its way to its switch slows nobody. In the transaction that says so."""
    if migration.state not in BEFORE_SWITCH:
        lift_now(migration, because, actor=actor)


def lift_now(migration: Migration, because: str, *, actor: Actor) -> None:
    """Slow it no longer, wherever its move stands: an attempt was given up, or nobody was at work."""
    for one in migration.throttles.filter(lifted_at=None):
        lift(one, because, actor)
        tell_platforms(migration)


def lift(one: Throttle, because: str, actor: Actor) -> None:
    """End a throttle, or what was asked for. Who may is the caller's question."""
    one.lifted_at, one.lifted_because = now(), because[:500]
    one.save(update_fields=["lifted_at", "lifted_because"])
    record("migration.throttle_lifted", one.migration, actor=actor, reason=because, data=said(one))


def said(one: Throttle) -> dict[str, int]:
    """A throttle in figures, for the record and the news."""
    return {"writes_per_second": one.writes_per_second, "minutes": one.minutes}


def tell_platforms(migration: Migration) -> None:
    """Publish what the tenant feels of its move: at once when this has committed, and again by the outbox."""
    tenant = migration.tenant
    emit("tenant.changed", {"tenant_id": str(tenant.pk), "status": tenant.status})
    transaction.on_commit(lambda: publish([tenant.pk]), robust=True)
