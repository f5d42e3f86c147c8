"""Sums of usage, made by the database."""

from collections.abc import Collection, Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

from django.db import connection
from django.db.models import Sum

from .models import Delta

Used = dict[tuple[str, bool, int], Decimal]
SUMS = """
SELECT tenant_id, metric, day < month_id, width_bucket(day, %(starts)s::date[]), sum(amount)
FROM usage_delta WHERE month_id = %(month)s AND (%(tenants)s::uuid[] IS NULL OR tenant_id = ANY (%(tenants)s::uuid[]))
GROUP BY 1, 2, 3, 4
"""


def sums(month: date, starts: Sequence[date] = (), tenants: Collection[UUID] | None = None) -> dict[UUID, Used]:
    """What is charged in a month: tenant -> (metric, whether of an earlier month, period) -> amount.

    `starts` are the first days of periods, ascending; period 0 is before them all.
    """
    some = None if tenants is None else list(tenants)
    found: dict[UUID, Used] = {}
    with connection.cursor() as cursor:
        cursor.execute(SUMS, {"month": month, "starts": list(starts), "tenants": some})
        for tenant, metric, is_late, period, amount in cursor.fetchall():
            found.setdefault(tenant, {})[metric, is_late, period] = amount
    return found


def most_a_day(tenant_id: UUID, metric: str, *, since: date) -> Decimal:
    """The most that was used on one day from `since` on; nothing reported is nothing used."""
    days = Delta.objects.filter(tenant_id=tenant_id, metric=metric, day__gte=since).order_by().values("day")
    return max((row["used"] for row in days.annotate(used=Sum("amount"))), default=Decimal(0))
