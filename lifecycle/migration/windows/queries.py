"""What of a move its tenant feels, for pages and for the registry."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import prefetch_related_objects

from lifecycle.migration.models import BEFORE_SWITCH, Migration
from tenants.models import Tenant

from .models import Throttle, Window


def window_of(migration: Migration) -> Window | None:
    """The move's window, as it was signed; None for a move that takes none."""
    return Window.objects.filter(pk=migration.pk).first()


def window_seen(migration: Migration) -> Window | None:
    """The same for pages, as it was when the move was read: without a query where it was read with its window."""
    return getattr(migration, "window", None)


def open_window(migration: Migration) -> Window | None:
    """The window in which the move has its tenant without service now."""
    return Window.objects.filter(pk=migration.pk, opened_at__isnull=False, closed_at=None).first()


def open_window_at(tenant: Tenant) -> Window | None:
    """The window in which the tenant is without service now, whichever move it is of."""
    return Window.objects.filter(migration__tenant=tenant, opened_at__isnull=False, closed_at=None).first()


def service_of(tenants: Sequence[Tenant]) -> dict[UUID, dict[str, Any]]:
    """What platforms are told: until when a tenant is without service, and at what pace it may write until when."""
    found: dict[UUID, dict[str, Any]] = {one.pk: {} for one in tenants}
    windows = Window.objects.filter(migration__tenant__in=tenants, opened_at__isnull=False, closed_at=None)
    for tenant_id, ends_at in windows.values_list("migration__tenant", "ends_at"):
        found[tenant_id]["maintenance"] = {"until": ends_at.isoformat()}
    slowed = Throttle.objects.in_force().filter(migration__tenant__in=tenants)
    for tenant_id, pace, until in slowed.values_list("migration__tenant", "writes_per_second", "until"):
        found[tenant_id]["throttle"] = {"writes_per_second": pace, "until": until and until.isoformat()}
    return found


def throttle_of(migration: Migration) -> Throttle | None:
    """What was asked for or is in force, if anything is; looked up once for a page."""
    if migration.state not in BEFORE_SWITCH:
        return None
    prefetch_related_objects([migration], "throttles")
    found = next(iter(migration.throttles.all()), None)
    return found if found and found.stands != "over" else None
