"""The approval rules shipped with the product; all of them can be edited or retired."""

from typing import Any

from portal.access.actor import Actor
from portal.audit.context import action

from . import actions
from .models import Rule

TENANT_REQUEST = "tenant_request"
LIMIT = "1000000.00"

RULES: dict[str, dict[str, Any]] = {
    "APR-001": {
        "title": "Annual amount of at most ₹10,00,000.00 needs no signature of the CFO",
        "condition": {"amount_at_most_inr": LIMIT},
        "effect": Rule.Effect.WAIVE,
        "role": "cfo",
        "waives": ["APR-002"],
        "order": 2,
    },
    "APR-002": {
        "title": "Annual amount above ₹10,00,000.00",
        "condition": {"amount_above_inr": LIMIT},
        "role": "cfo",
        "order": 2,
        "sla_hours": 48,
    },
    "APR-003": {
        "title": "Personal, health or financial data",
        "condition": {"data_classes": ["PII", "PHI", "financial"]},
        "role": "cco",
        "order": 1,
        "sla_hours": 24,
    },
    "APR-004": {
        "title": "Data leaves the home country",
        "condition": {"leaves_home_country": True},
        "role": "legal",
        "order": 1,
        "sla_hours": 72,
    },
    "APR-005": {
        "title": "Platinum or gold tier",
        "condition": {"tiers": ["platinum", "gold"]},
        "role": "cto",
        "order": 3,
        "sla_hours": 24,
    },
}


@action
def install(actor: Actor) -> None:
    """Add the rules that are not there yet; those an administrator has touched stay as they are."""
    present = set(Rule.objects.values_list("rule_id", flat=True))
    for rule_id, fields in RULES.items():
        if rule_id not in present:
            actions.create_rule(
                rule_id, actor=actor, reason="Shipped with the product.", case_kind=TENANT_REQUEST, **fields
            )
