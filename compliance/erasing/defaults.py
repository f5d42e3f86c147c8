"""What is kept by law, and who signs for an erasure: shipped as data, all of it can be edited.

Sources: Sarbanes-Oxley Act s. 802 with 17 CFR 210.2-06 (seven years); the house's contract (ninety days of the audit
trail); Digital Personal Data Protection Rules 2025, rule 8(3) (one year of data and logs of processing).
"""

from datetime import date
from typing import Any

from portal.access.actor import Actor
from portal.approvals.actions import create_rule
from portal.approvals.models import Rule
from portal.audit.context import action

from .approval import KIND, SYNTHETIC_KIND
from .models import RetentionRule
from .rules import add_rule

SHIPPED = "Shipped with the product."
KEPT: dict[str, dict[str, Any]] = {
    "RET-SOX": {
        "title": "Financial records, seven years",
        "statute": "SOX s. 802, 17 CFR 210.2-06",
        "category": "financial_records",
        "system": "portal",
        "data_class": "financial",
        "days": 2557,
        "ground": "Usage and billing statements: records of account, kept seven years (SOX s. 802)",
        "review_on": date(2027, 4, 1),
    },
    "RET-CONTRACT": {
        "title": "Audit trail, ninety days",
        "statute": "Master service agreement",
        "category": "audit_trail",
        "system": "portal",
        "days": 90,
        "ground": "Audit trail under pseudonyms, kept ninety days by contract",
        "review_on": date(2027, 4, 1),
    },
    "RET-DPDP": {
        "title": "Data and logs of processing, one year",
        "statute": "DPDP Rules 2025, rule 8(3)",
        "category": "processing_logs",
        "system": "portal",
        "geography": "IN",
        "days": 365,
        "ground": "Logs of processing under pseudonyms, kept one year (DPDP Rules 2025, rule 8(3))",
        "review_on": date(2027, 5, 1),
    },
}
SIGNED: dict[str, dict[str, Any]] = {
    "ERA-001": {
        "title": "Every erasure: the Chief Compliance Officer signs",
        "condition": {},
        "role": "cco",
        "order": 1,
        "sla_hours": 24,
    },
    "ERA-002": {"title": "Every erasure: legal signs", "condition": {}, "role": "legal", "order": 1, "sla_hours": 24},
    "ERA-003": {
        "title": "An erasure of a made-up person: the Chief Compliance Officer signs",
        "case_kind": SYNTHETIC_KIND,
        "condition": {},
        "role": "cco",
        "order": 1,
        "sla_hours": 24,
    },
    "ERA-004": {
        "title": "An erasure of a made-up person: nobody signs, nothing of anybody is destroyed",
        "case_kind": SYNTHETIC_KIND,
        "condition": {},
        "effect": "waive",
        "waives": ["ERA-003"],
        "role": "cco",
        "order": 1,
        "sla_hours": 24,
    },
}


@action
def install(actor: Actor) -> None:
    """Add what is missing; never overwrite what somebody edited."""
    present = set(RetentionRule.objects.values_list("pk", flat=True))
    for code, fields in KEPT.items():
        if code not in present:
            add_rule(code, actor=actor, reason=SHIPPED, **fields)
    signed = set(Rule.objects.values_list("rule_id", flat=True))
    for rule_id, fields in SIGNED.items():
        if rule_id not in signed:
            create_rule(rule_id, actor=actor, reason=SHIPPED, **{"case_kind": KIND, **fields})
