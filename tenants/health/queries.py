"""Reads of what was measured, for other apps."""

from datetime import date
from uuid import UUID

from django.db import connection

from .models import Condition

WATCHED = """
SELECT tenant_id, sum(bit_count(seen::bit(64))) FROM health_watch
WHERE hour >= %s::timestamp AT TIME ZONE 'UTC' AND hour < %s::timestamp AT TIME ZONE 'UTC' GROUP BY tenant_id
"""


def stored_bytes_of(tenant_id: UUID) -> int | None:
    """What the tenant stored when it was last measured; None if nobody could say."""
    found: int | None = Condition.objects.filter(pk=tenant_id).values_list("stored_bytes", flat=True).first()
    return found


def minutes_watched(first: date, before: date) -> dict[UUID, int]:
    """In how many minutes of these days (UTC) each tenant's platform was looked at."""
    with connection.cursor() as cursor:
        cursor.execute(WATCHED, [first, before])
        return {tenant: int(minutes) for tenant, minutes in cursor.fetchall()}
