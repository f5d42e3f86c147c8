"""From the rules in force to the signatures a case needs."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from .conditions import Matter, evaluate
from .models import Requirement, Rule

DEFAULT_EXPIRY_HOURS = 336


@dataclass(frozen=True)
class Demands:
    """What the rules ask of one case: requirement fields by role, waivers included, and how long it may take."""

    rows: list[dict[str, Any]]
    expires_after_hours: int


def of_rules(kind: str, matter: Matter, at: datetime) -> Demands:
    """Evaluate the rules of `kind` in force at `at`. One role signs once, however many rules ask for it.

    A kind may stand under the rules of another as well (settings.APPROVAL_RULES_OF), so that none is kept twice.
    """
    kinds = {kind, settings.APPROVAL_RULES_OF.get(kind, kind)}
    rules = list(Rule.objects.in_force(at).filter(case_kind__in=kinds))
    asking = [r for r in rules if r.effect == Rule.Effect.REQUIRE and evaluate(r.condition, matter) is not False]
    waivers = [r for r in rules if r.effect == Rule.Effect.WAIVE and evaluate(r.condition, matter) is True]
    waived = {rule_id for waiver in waivers for rule_id in waiver.waives}
    by_role: dict[str, list[Rule]] = defaultdict(list)
    for rule in asking:
        if rule.rule_id not in waived:
            by_role[rule.role].append(rule)
    rows = [_asked(role, spoke) for role, spoke in by_role.items()]
    rows += [_waived(waiver, [r for r in asking if r.rule_id in waiver.waives]) for waiver in waivers]
    hours = [rule.expires_after_hours for spoke in by_role.values() for rule in spoke]
    return Demands(rows, max(hours, default=DEFAULT_EXPIRY_HOURS))


def _asked(role: str, spoke: list[Rule]) -> dict[str, Any]:
    """The strictest of what the rules say: earliest order, largest quorum, shortest time."""
    first = min(spoke, key=lambda rule: (rule.sla_hours, rule.rule_id))
    return {
        **_copy(first, spoke),
        "role": role,
        "order": min(rule.order for rule in spoke),
        "quorum": max(rule.quorum for rule in spoke),
        "state": Requirement.State.WAITING,
    }


def _waived(waiver: Rule, set_aside: list[Rule]) -> dict[str, Any]:
    return {
        **_copy(waiver, [waiver, *set_aside]),
        "role": waiver.role,
        "order": waiver.order,
        "quorum": waiver.quorum,
        "state": Requirement.State.WAIVED,
    }


def _copy(rule: Rule, spoke: list[Rule]) -> dict[str, Any]:
    return {
        "rule_id": rule.rule_id,
        "rule_version": rule.version,
        "rule_title": rule.title,
        "rules": [each.copied() for each in spoke],
        "sla_hours": rule.sla_hours,
        "escalate_to": rule.escalate_to,
    }
