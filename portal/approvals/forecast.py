"""Which signatures a case would need, for a form that is still being filled in."""

from decimal import Decimal
from typing import Any

from django.db import transaction

from portal.lib.clock import now

from . import demands
from .actions.cases import counted_with
from .conditions import Matter
from .models import Case, Requirement


@transaction.atomic
def would_need(
    *, kind: str, amount_inr: Decimal | None, aggregation_key: str, facts: dict[str, Any]
) -> list[dict[str, Any]]:
    """The signatures in their order, decided as `open_case` decides them. Stores nothing."""
    at = now()
    counted, others = counted_with(aggregation_key, amount_inr, Case.objects.none(), at)
    asked = demands.of_rules(kind, Matter(facts, counted), at)
    rows = sorted(asked.rows, key=lambda row: (row["order"], row["role"]))
    return [
        {
            "role": row["role"],
            "rule": f"{row['rule_id']} v{row['rule_version']}",
            "title": row["rule_title"],
            "hours": row["sla_hours"],
            "waived": row["state"] == Requirement.State.WAIVED,
            "counted_with": len(others),
        }
        for row in rows
    ]
