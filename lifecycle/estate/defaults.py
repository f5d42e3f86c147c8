"""Who signs decisions about the estate, and how long what is not in production lives: shipped as data."""

from typing import Any

from portal.access.actor import Actor
from portal.approvals.actions import create_rule
from portal.approvals.models import Rule
from portal.audit.actions import record
from portal.audit.context import action
from tenants.models import Tier

from .models import Lifetime

RULES: dict[str, dict[str, Any]] = {
    "EST-001": {
        "title": "What is adopted, put right or left alone is signed by the change advisory board",
        "case_kind": "estate_decision",
        "role": "change_board",
        "order": 1,
        "sla_hours": 48,
    },
    "EST-002": {
        "title": "What is destroyed is seen by compliance first",
        "case_kind": "estate_destruction",
        "role": "compliance_officer",
        "order": 1,
        "sla_hours": 48,
    },
    "EST-003": {
        "title": "What is destroyed is signed by the change advisory board",
        "case_kind": "estate_destruction",
        "role": "change_board",
        "order": 2,
        "sla_hours": 48,
    },
    "EST-004": {
        "title": "A tenant that has come to its last day is put out of use by compliance",
        "case_kind": "tenant_end",
        "role": "compliance_officer",
        "order": 1,
        "sla_hours": 72,
    },
    "EST-005": {
        "title": "Tenants are brought to other modules by the change advisory board",
        "case_kind": "module_upgrade",
        "role": "change_board",
        "order": 1,
        "sla_hours": 48,
    },
}
DAYS = {"dev": 90, "staging": 180}


@action
def install(actor: Actor) -> None:
    """Add what is missing; never overwrite what somebody edited."""
    present = set(Rule.objects.values_list("rule_id", flat=True))
    for rule_id, fields in RULES.items():
        if rule_id not in present:
            create_rule(rule_id, actor=actor, reason="Shipped with the product.", condition={}, **fields)
    if not Lifetime.objects.exists():
        for tier in Tier.objects.all():
            for environment, days in DAYS.items():
                one = Lifetime.objects.create(tier=tier, environment=environment, days=days)
                record("lifetime.added", one, actor=actor, reason="shipped")
