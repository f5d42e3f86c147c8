"""How each tier is moved, which work may go on beside a move, and who signs for one: shipped as data."""

from decimal import Decimal
from typing import Any

from portal.access.actor import Actor
from portal.approvals.actions import create_rule, edit_rule
from portal.approvals.models import Rule
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs.actions import set_lease_rule
from portal.jobs.models import LeaseRule
from tenants.models import Tier

from .models import Playbook, Strategy

ENGINEER_INR, TRANSFER_INR = Decimal("2500.00"), Decimal("9.00")
# strategy, window in minutes from and to, stability in hours, engineers' hours
PLAYBOOKS: dict[str, tuple[str, int, int, int, str]] = {
    "platinum": (Strategy.BLUE_GREEN, 0, 0, 48, "24"),
    "gold": (Strategy.SHORT_WINDOW, 30, 60, 36, "12"),
    "silver": (Strategy.LONG_WINDOW, 240, 360, 24, "6"),
    "bronze": (Strategy.LONG_WINDOW, 240, 360, 24, "4"),
}
# A move keeps the tenant's resources as they are; a backup, a tier change or a suspension need not wait for it.
BESIDE = {("backup", "migration"): True, ("migration", "resources"): False, ("migration", "tier"): True}
RULES: dict[str, dict[str, Any]] = {
    "MIG-001": {
        "title": "Every move is signed by the change advisory board",
        "condition": {},
        "role": "change_board",
        "order": 2,
        "sla_hours": 24,
    },
    "MIG-002": {
        "title": "A move that costs more than ₹10,00,000.00, or nobody knows what",
        "condition": {"amount_above_inr": "1000000.00"},
        "role": "cfo",
        "order": 3,
        "sla_hours": 48,
    },
    "MIG-003": {
        "title": "A critical tenant",
        "condition": {"tiers": ["platinum"]},
        "role": "compliance_officer",
        "order": 1,
        "sla_hours": 24,
    },
    "MIG-004": {
        "title": "Data leaves the home country",
        "condition": {"leaves_home_country": True},
        "role": "legal",
        "order": 1,
        "sla_hours": 72,
    },
    "MIG-005": {
        "title": "A critical tenant: the CTO signs too",
        "condition": {"tiers": ["platinum"]},
        "role": "cto",
        "order": 2,
        "sla_hours": 24,
    },
}
# The only version of MIG-001 until the board had a role of its own; where nobody edited it, its next one is the above.
BEFORE_THE_BOARD = {"rule_id": "MIG-001", "version": 1, "role": "cto", "created_by": "system:seed", "is_active": True}


@action
def install(actor: Actor) -> None:
    """Add what is missing; never overwrite what somebody edited."""
    for tier in Tier.objects.filter(pk__in=PLAYBOOKS):
        playbook, is_new = Playbook.objects.get_or_create(pk=tier.pk, defaults=_playbook(tier.pk))
        if is_new:
            record("playbook.added", playbook, actor=actor, reason="shipped")
    for (first, second), compatible in BESIDE.items():
        if not LeaseRule.objects.filter(first=first, second=second).exists():
            set_lease_rule(first, second, compatible, actor=actor, reason="Shipped with the product.")
    present = set(Rule.objects.values_list("rule_id", flat=True))
    for rule_id, fields in RULES.items():
        if rule_id not in present:
            create_rule(rule_id, actor=actor, reason="Shipped with the product.", case_kind="migration", **fields)
    versions = Rule.objects.filter(rule_id="MIG-001")
    if versions.count() == 1 and versions.filter(**BEFORE_THE_BOARD).exists():
        edit_rule("MIG-001", actor=actor, reason="The board has a role of its own.", **RULES["MIG-001"])


def _playbook(tier: str) -> dict[str, Any]:
    strategy, shortest, longest, stability, hours = PLAYBOOKS[tier]
    return {
        "strategy": strategy,
        "window_min_minutes": shortest,
        "window_max_minutes": longest,
        "stability_hours": stability,
        "engineer_hours": Decimal(hours),
        "engineer_inr_an_hour": ENGINEER_INR,
        "transfer_inr_a_gb": TRANSFER_INR,
    }
