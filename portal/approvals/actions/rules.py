"""Write rules. An edit is a new version; cases that are open keep the copy they were opened with."""

from typing import Any

from django.db import connection

from portal.access import policy
from portal.access.actor import Actor
from portal.access.models import Role
from portal.audit.actions import record
from portal.audit.context import action
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid

from .. import conditions
from ..models import Rule

EDITABLE = (
    "title",
    "case_kind",
    "condition",
    "effect",
    "role",
    "waives",
    "order",
    "quorum",
    "sla_hours",
    "expires_after_hours",
    "escalate_to",
    "effective_from",
    "effective_until",
)


@action
def create_rule(rule_id: str, *, actor: Actor, reason: str, **fields: Any) -> Rule:
    """Add a rule under a new stable name."""
    policy.require(actor, "approval_rule.edit")
    _hold(rule_id)
    if Rule.objects.filter(rule_id=rule_id).exists():
        raise Conflict(f"{rule_id} exists; edit it instead.", code="rule-exists")
    return _write(Rule(rule_id=rule_id), actor, reason, fields, "approval_rule.created")


@action
def edit_rule(rule_id: str, *, actor: Actor, reason: str, **fields: Any) -> Rule:
    """Write the next version of a rule; the present one ends when the new one begins."""
    policy.require(actor, "approval_rule.edit")
    _hold(rule_id)
    newest = _newest(rule_id)
    kept = {name: getattr(newest, name) for name in EDITABLE if name not in ("effective_from", "effective_until")}
    rule = _write(
        Rule(rule_id=rule_id, version=newest.version + 1), actor, reason, kept | fields, "approval_rule.edited"
    )
    Rule.objects.filter(pk=newest.pk).update(effective_until=rule.effective_from)
    return rule


@action
def retire_rule(rule_id: str, *, actor: Actor, reason: str) -> Rule:
    """End a rule now. Cases without any rule are blocked, so this never lets anything through."""
    policy.require(actor, "approval_rule.edit")
    _hold(rule_id)
    newest = _newest(rule_id)
    Rule.objects.filter(rule_id=rule_id, is_active=True).update(is_active=False)
    newest.is_active = False
    record("approval_rule.retired", newest, actor=actor, reason=reason, data={"rule": str(newest)})
    return newest


def _hold(rule_id: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"approvals:rule:{rule_id}"])


def _newest(rule_id: str) -> Rule:
    newest = Rule.objects.filter(rule_id=rule_id).order_by("-version").first()
    if newest is None:
        raise Absent(f"There is no rule {rule_id}.")
    return newest


def _write(rule: Rule, actor: Actor, reason: str, fields: dict[str, Any], verb: str) -> Rule:
    unknown = sorted(set(fields) - set(EDITABLE))
    if unknown:
        raise Invalid(fields=dict.fromkeys(unknown, "is not a field of a rule"))
    at = now()
    for name, value in {"effective_from": at, **fields}.items():
        setattr(rule, name, value)
    rule.condition = conditions.check(rule.condition)
    _check(rule)
    if rule.effective_from < at:
        raise Invalid(fields={"effective_from": "a rule does not reach into the past"})
    rule.created_by, rule.created_at, rule.reason = actor.id, at, reason
    rule.save(force_insert=True)
    record(verb, rule, actor=actor, reason=reason, data={"rule": str(rule), "condition": rule.condition})
    return rule


def _check(rule: Rule) -> None:
    faults = {
        "rule_id": not rule.rule_id.strip() and "give it a stable name, such as APR-010",
        "title": not rule.title.strip() and "say in words when it speaks",
        "case_kind": not rule.case_kind.strip() and "name the kind of case",
        "effect": rule.effect not in Rule.Effect.values and "require or waive",
        "role": rule.role not in policy.VERBS["approval.sign"] and "a role that may sign",
        "escalate_to": rule.escalate_to not in Role.values and "a role",
        "waives": (rule.effect == Rule.Effect.WAIVE) != bool(rule.waives) and "a waiver names the rules it sets aside",
        "quorum": rule.quorum < 1 and "at least one",
        "sla_hours": rule.sla_hours < 1 and "at least one hour",
        "expires_after_hours": rule.expires_after_hours < rule.sla_hours and "not before the deadline",
    }
    fields = {name: fault for name, fault in faults.items() if isinstance(fault, str)}
    if fields:
        raise Invalid(fields=fields)
