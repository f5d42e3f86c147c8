"""What a roll-back leaves in the target: closed, with its logs and metrics, until a person lets go of it.

Nothing is removed here: that is the erasure's, with evidence. What it costs meanwhile is said, and asked about.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings

from lifecycle.migration.models import Migration, MigrationQuerySet
from portal.access.models import Role
from portal.lib.clock import now
from portal.lib.money import inr, quantise
from portal.notify.actions import notify
from portal.notify.models import Severity
from portal.notify.subscribers import page
from tenants.costs.estimate import book_at
from tenants.models import PriceKind

from .queries import taken_back

DAYS_A_MONTH, SECONDS_A_DAY = Decimal(30), Decimal(86_400)


@dataclass(frozen=True)
class Kept:
    """A copy that is kept: since when, until when at first, and what it costs. None: a price is not known."""

    since: datetime
    until: datetime
    released_at: datetime | None
    a_day_inr: Decimal | None
    so_far_inr: Decimal | None


def kept_of(migration: Migration) -> Kept | None:
    """What this move left behind; None where it left nothing."""
    if migration.state != "rolled_back" or migration.started_at is None or migration.ended_at is None:
        return None
    until = migration.ended_at + timedelta(days=settings.MIGRATION["green_days"])
    a_day = cost_a_day(migration)
    days = Decimal(((migration.green_released_at or now()) - migration.ended_at).total_seconds()) / SECONDS_A_DAY
    so_far = None if a_day is None else quantise(a_day * max(days, Decimal(0)))
    return Kept(migration.ended_at, until, migration.green_released_at, a_day, so_far)


def cost_a_day(migration: Migration) -> Decimal | None:
    """The tenant's month at the prices of the target, by the day."""
    book, monthly = book_at(), migration.tenant.monthly_cost_inr
    factors = {} if book is None else dict(book.prices.filter(kind=PriceKind.REGION).values_list("key", "amount"))
    here, there = factors.get(migration.source), factors.get(migration.target)
    return quantise(monthly * there / here / DAYS_A_MONTH) if monthly is not None and here and there else None


def overdue() -> MigrationQuerySet:
    """Moves whose copy has been kept longer than it is by itself."""
    limit = now() - timedelta(days=settings.MIGRATION["green_days"])
    return taken_back().filter(green_released_at=None, ended_at__lte=limit)


def remind() -> None:
    """Ask, once for each copy, whether it is still needed."""
    for migration in overdue().select_related("tenant", "requested_by"):
        kept = kept_of(migration)
        cost = "an unknown amount" if kept is None or kept.a_day_inr is None else inr(kept.a_day_inr)
        notify(
            "migration.green_kept",
            title=f"{migration.tenant.name}: the copy in {migration.target} is still kept",
            users=[migration.requested_by],
            role=Role.PLATFORM_ENGINEER,
            severity=Severity.WARNING,
            body=f"{migration} left it behind. It costs {cost} a day until somebody releases it.",
            url=page("migrations", migration.pk),
            tenant_id=migration.tenant_id,
            details=[("Tenant", migration.tenant.name), ("A day", cost)],
            key=f"migration.green_kept:{migration.pk}",
        )
