"""Minutes not served, as the portal's own looks have them: noted once a minute, reported once the hour is over.

A minute in which nobody looked is unknown, neither served nor not.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import connection

from portal.access.actor import Actor
from portal.audit.context import acting
from tenants.usage.actions import Report, count
from tenants.usage.models import Metric

from .models import Watch

ACTOR = Actor.system("health")
SOURCE = "portal-health"
AT_ONCE = 500
NOTE = """
INSERT INTO health_watch (tenant_id, hour, seen, down, is_reported)
SELECT tenant, %(hour)s, %(seen)s, %(down)s, false FROM unnest(%(tenants)s::uuid[]) AS tenant
ON CONFLICT (tenant_id, hour) DO UPDATE
SET seen = health_watch.seen | EXCLUDED.seen, down = health_watch.down | EXCLUDED.down
WHERE NOT health_watch.is_reported
"""


def note(tenants: Sequence[UUID], at: datetime, is_up: bool) -> None:
    """One look at the platform of these tenants. Twice in a minute is one minute, down if either look found it so."""
    bit = 1 << at.minute
    hour = at.replace(minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(NOTE, {"tenants": list(tenants), "hour": hour, "seen": bit, "down": 0 if is_up else bit})


def report(at: datetime) -> None:
    """Count the minutes of hours that are over as usage, each hour once however often this runs."""
    over = Watch.objects.filter(hour__lte=at - timedelta(hours=1), is_reported=False).order_by("pk")
    while True:
        with acting(ACTOR, "the hour is over"):
            some = list(over.select_for_update(skip_locked=True)[:AT_ONCE])
            if down := [_report(one) for one in some if one.down]:
                count(down, actor=ACTOR)
            Watch.objects.filter(pk__in=[one.pk for one in some]).update(is_reported=True)
        if len(some) < AT_ONCE:
            return


def _report(one: Watch) -> Report:
    minutes = Decimal(one.down.bit_count())
    key = f"{SOURCE}:{one.tenant_id}:{one.hour:%Y-%m-%dT%H}"
    return Report(one.tenant_id, Metric.DOWN_MINUTES, minutes, one.hour.date(), key=key, source=SOURCE)
