"""When a request needs a person's hands: rules shipped as data."""

from decimal import Decimal
from typing import Any

from portal.access.actor import Actor
from portal.audit.actions import record

from .models import ManualRule

RULES: list[dict[str, Any]] = [
    {
        "rule_id": "MAN-001",
        "title": "Health data need HIPAA-specific set-up",
        "profiles": ["HIPAA"],
        "checklist": [
            "Business associate agreement is signed and filed",
            "Access logging reviewed with the compliance officer",
        ],
    },
    {
        "rule_id": "MAN-002",
        "title": "Custom integration: Snowflake",
        "integrations": ["snowflake"],
        "checklist": ["Snowflake share is set up and tested", "Credentials are in the secret store"],
    },
    {
        "rule_id": "MAN-003",
        "title": "Region ap-southeast-3 is set up by hand",
        "regions": ["ap-southeast-3"],
        "checklist": ["Region is connected and its capacity confirmed", "Residency is confirmed by compliance"],
    },
    {
        "rule_id": "MAN-004",
        "title": "Budget of ₹1 crore or more",
        "budget_at_least_inr": Decimal("10000000.00"),
        "checklist": ["Contract terms are confirmed with Finance", "Capacity is reserved"],
    },
]


def install(actor: Actor) -> None:
    """Create what is missing; never overwrite what somebody edited."""
    for row in RULES:
        rule, is_new = ManualRule.objects.get_or_create(rule_id=row["rule_id"], defaults=row)
        if is_new:
            record("manual_rule.added", rule, actor=actor, reason="shipped")
