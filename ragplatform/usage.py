"""What the tenant has used, beside what its tier allows."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from .cache import day_and_reset
from .call import Call
from .database import levels
from .services import Services

DAYS = 31


def report(services: Services, call: Call) -> dict[str, Any]:
    """What is held now and, day by day, what changed in the last month (UTC days)."""
    today, reset = day_and_reset()
    with services.database.tenant(call.binding) as connection:
        held = levels(connection, call.tenant_id)
        rows = connection.execute(
            "SELECT day, metric, sum(amount)::bigint FROM rag.usage_counters"
            " WHERE tenant_id = %s AND day > %s GROUP BY day, metric ORDER BY day",
            (call.tenant_id, (reset - timedelta(days=DAYS + 1)).date()),
        ).fetchall()
    days: dict[str, dict[str, int]] = {}
    for day, metric, amount in rows:
        days.setdefault(day.isoformat(), {})[metric] = int(amount)
    return {
        "tenant_id": str(call.tenant_id),
        "documents": held["documents"],
        "bytes": held["bytes"],
        "users": held["users"],
        "queries_today": days.get(today, {}).get("queries", 0),
        "queries_reset_at": reset.isoformat(),
        "days": [{"day": day, **amounts} for day, amounts in days.items()],
        "limits": asdict(call.tenant.limits),
    }
