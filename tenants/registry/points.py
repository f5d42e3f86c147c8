"""Enforcement points: how far each has applied the status changes, and the receipt of one change."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.db import transaction
from django.db.models import Min, Q

from portal.lib import standby
from portal.lib.clock import now
from tenants.models import StatusChange, Tenant, Tier

from .models import Acknowledgement, EnforcementPoint

QUIET = timedelta(seconds=10)
GONE = timedelta(hours=1)
KEPT = timedelta(days=30)
REMEMBERED = 20_000
Word = Literal["applied", "fenced", "waiting", "not fenced"]
_heard: dict[str, tuple[int, datetime]] = {}


@dataclass(frozen=True)
class Outcome:
    """What one point knows of a status change; `at` is when it applied it, or by when its lease is over."""

    point: str
    word: Word
    at: datetime | None


def heard(name: str, caller: str, applied: int) -> None:
    """A point has applied all changes up to `applied`. Written when that is news, else every ten seconds."""
    moment = now()
    last = _heard.get(name)
    if last is not None and last[0] == applied and moment - last[1] < QUIET:
        return
    with transaction.atomic():
        standby.waive()
        point, is_new = EnforcementPoint.objects.get_or_create(
            name=name, defaults={"caller": caller, "applied": applied}
        )
        if not is_new:
            EnforcementPoint.objects.filter(pk=name).update(caller=caller, applied=applied, seen_at=moment)
        if is_new or point.applied != applied:
            Acknowledgement.objects.get_or_create(point_id=name, version=applied)
    if len(_heard) >= REMEMBERED:
        _heard.clear()
    _heard[name] = applied, moment


def newest_change(tenant: Tenant) -> StatusChange:
    """The change that a receipt of the tenant is about; of one whose status never changed, how it began."""
    found: StatusChange | None = tenant.status_changes.select_related("tenant__tier").first()
    return found or StatusChange(
        version=0, tenant=tenant, new=tenant.status, reason=tenant.status_reason, at=tenant.status_changed_at
    )


def receipt(change: StatusChange) -> list[Outcome]:
    """Who has applied a status change, and who is fenced because every lease from before it is over.

    A point that has not been heard of for an hour before the change is not asked for. On a tier that goes on while the
    portal cannot be asked, no lease ends by itself.
    """
    tier = change.tenant.tier
    points = EnforcementPoint.objects.filter(first_seen_at__lte=change.at, seen_at__gte=change.at - GONE)
    first = Min("acknowledgements__at", filter=Q(acknowledgements__version__gte=change.version))
    rows = points.annotate(applied_at=first).values_list("name", "applied_at")
    return [Outcome(name, *_outcome(applied_at, change, tier)) for name, applied_at in rows]


def _outcome(applied_at: datetime | None, change: StatusChange, tier: Tier) -> tuple[Word, datetime | None]:
    if applied_at is not None:
        return "applied", applied_at
    if tier.on_outage != "refuse":
        return "not fenced", None
    over = change.at + timedelta(seconds=float(tier.lease_seconds))
    return ("fenced" if now() >= over else "waiting"), over


def forget_old() -> Iterator[int]:
    """Drop points and acknowledgements that no receipt asks for any more; yields how many rows went."""
    old = now() - KEPT
    yield EnforcementPoint.objects.filter(seen_at__lt=old).delete()[0]
    yield Acknowledgement.objects.filter(at__lt=old).delete()[0]
