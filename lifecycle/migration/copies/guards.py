"""What forbids the start of a move: that there would be nothing to restore the tenant from."""

from datetime import timedelta

from django.conf import settings

from lifecycle.migration.models import Migration
from portal.lib.clock import now
from portal.lib.errors import Blocked

from .models import State, TenantCopy
from .places import apart_from


def a_copy_exists(verb: str, migration: Migration) -> None:
    """A move starts only with a fresh verified copy on neither of its sides; a rehearsal risks nothing and needs none.

    Backups will be asked first here, once there are any.
    """
    since = now() - timedelta(hours=settings.MIGRATION["copy_hours"])
    if migration.is_rehearsal or TenantCopy.objects.fit_for(migration, since).exists():
        return
    raise Blocked(_missing(migration), by="copy", remedy=_remedy(migration))


def _missing(migration: Migration) -> str:
    mine = TenantCopy.objects.filter(tenant=migration.tenant).order_by("-created_at")
    apart = mine.exclude(region__in=(migration.source, migration.target))
    hours = settings.MIGRATION["copy_hours"]
    if making := mine.filter(state=State.MAKING).first():
        return f"The copy in {making.region} is still being made."
    if old := apart.standing().first():
        return f"The verified copy in {old.region} is of {old.verified_at:%d %b %H:%M} UTC, older than {hours} hours."
    if apart.filter(state=State.VERIFIED).exists():
        return "A later move has written over the verified copy."
    if (last := apart.first()) and last.state == State.FAILED:
        return f"The last copy, in {last.region}, was not finished: {last.error}"[:500]
    if near := mine.standing().first():
        return f"The only verified copy lies in {near.region}, on one side of the move: it would be lost with it."
    return "No verified copy of the tenant exists from which it could be restored."


def _remedy(migration: Migration) -> str:
    found = apart_from(migration.tenant, migration.source, migration.target)
    if not found:
        return f"Connect a third region: a copy must lie neither in {migration.source} nor in {migration.target}."
    fit = [name for name, fault in found.items() if not fault]
    if fit:
        return f"Make a copy (migration.make_copy) in {' or '.join(fit)}."
    return "No connected region may hold one. " + " ".join(f"{name}: {fault}." for name, fault in found.items())
