"""Sums of usage, made by the database."""

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from uuid import UUID

from django.db.models import Sum

from .models import Delta, Month

Sums = dict[UUID, dict[tuple[str, date], Decimal]]


def by_day(month: date, tenants: Collection[UUID] | None = None) -> Sums:
    """What is charged in a month: tenant -> (metric, day) -> amount."""
    rows = Delta.objects.filter(month_id=month)
    if tenants is not None:
        rows = rows.filter(tenant_id__in=tenants)
    found: Sums = {}
    for tenant, metric, day, amount in (
        rows.order_by().values("tenant_id", "metric", "day").annotate(total=Sum("amount")).values_list(
            "tenant_id", "metric", "day", "total"
        )
    ):  # fmt: skip
        found.setdefault(tenant, {})[metric, day] = amount
    return found


def is_closed(month: date) -> bool:
    return Month.objects.filter(pk=month).exclude(closed_at=None).exists()


def closed_months() -> list[date]:
    """Oldest first."""
    return list(Month.objects.exclude(closed_at=None).order_by("month").values_list("month", flat=True))
