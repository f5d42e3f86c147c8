"""Keeps every refused attempt, in a transaction of its own: the one that was refused has rolled back."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from django.db.models import F, Max

from portal.access.actor import Actor
from portal.audit.context import acting, action
from portal.lib.clock import now
from tenants.models import Tenant

from .models import RefusalCount, RefusedAttempt
from .queries import stands

if TYPE_CHECKING:
    from .errors import Retained


def keep(refusal: "Retained", actor: Actor) -> None:
    """Write one attempt down. A process that comes back under the same hold is counted, a person never is."""
    version = stands(refusal.tenant_id).version if refusal.tenant_id else 0
    about = {"tenant_id": refusal.tenant_id, "verb": refusal.verb, "actor": actor.id, "place": refusal.place[:64]}
    with acting(actor, "refused: retained under law"):
        known = RefusedAttempt.objects.filter(version=version, **about).first() if actor.is_system else None
        if known is None:
            RefusedAttempt.objects.create(version=version, **about)
        else:
            RefusedAttempt.objects.filter(pk=known.pk).update(times=F("times") + 1, last_at=now())


class Noted(Protocol):
    """An attempt that a region's store has on record."""

    @property
    def ref(self) -> int: ...
    @property
    def tenant_id(self) -> UUID: ...
    @property
    def verb(self) -> str: ...
    @property
    def actor(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def times(self) -> int: ...
    @property
    def at(self) -> datetime: ...
    @property
    def last_at(self) -> datetime: ...


def last_of(region: str) -> datetime | None:
    """When the newest attempt that the region's store has noted was made."""
    return RefusedAttempt.objects.filter(region=region, region_ref__isnull=False).aggregate(at=Max("last_at"))["at"]


@action
def bring_noted(region: str, found: "Iterable[Noted]", *, actor: Actor) -> None:
    """Keep what the platform has noted in its store: each once, with how often it came back."""
    rows = list(found)
    known = set(Tenant.objects.filter(pk__in={one.tenant_id for one in rows}).values_list("pk", flat=True))
    for one in rows:
        made = {
            "tenant_id": one.tenant_id if one.tenant_id in known else None, "verb": f"platform: {one.verb}"[:64],
            "actor": one.actor[:64], "place": f"database of {region}"[:64], "version": one.version, "times": one.times,
            "at": one.at, "last_at": one.last_at,
        }  # fmt: skip
        row, is_new = RefusedAttempt.objects.get_or_create(region=region, region_ref=one.ref, defaults=made)
        if not is_new and row.times != one.times:
            RefusedAttempt.objects.filter(pk=row.pk).update(times=one.times, last_at=one.last_at)


@action
def bring_unnoted(region: str, counted: int, noted: int, *, actor: Actor) -> int:
    """Keep how many refusals of the region's store nobody noted: raw SQL's, by whom is in the server's log. Returns it.

    Only what was counted at the look before: who notes is a moment later than who counts. A store that was made anew
    begins anew.
    """
    RefusalCount.objects.get_or_create(region=region)
    row = RefusalCount.objects.select_for_update(no_key=True).get(region=region)
    if counted < row.seen:
        row.seen = row.unnoted = 0
    missing = max(0, row.seen - noted - row.unnoted)
    if missing:
        about = {"verb": "raw SQL", "actor": "unknown", "place": f"database of {region}"[:64], "region": region}
        RefusedAttempt.objects.create(times=missing, **about)
    row.seen, row.unnoted = counted, row.unnoted + missing
    row.save()
    return missing
