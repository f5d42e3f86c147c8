"""Retention rules: written by compliance, evaluated for each request when it is validated."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.lib.clock import now
from portal.lib.errors import Absent, Blocked, Conflict, Invalid
from tenants.models import Tenant

from .models import RetentionRule
from .parts import fault
from .scope import System, listed

EDITABLE = (
    "title", "statute", "category", "system", "part", "geography", "data_class", "days", "ground", "review_on",
    "is_active",
)  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """A category that one rule keeps in one system until a day; `part`: only that of it."""

    rule: str
    system: str
    category: str
    ground: str
    until: date
    part: str = ""


def kept_of(tenant: Tenant, systems: Iterable[System], *, in_part: bool = True) -> list[Kept]:
    """What the rules in force keep of the tenant, system by system. The rest of a request goes on.

    Blocked where a rule keeps what an erasure takes away: it would be said to be kept, and be gone. Without `in_part`
    rules that keep a part are passed over: nobody's data is kept by a law.
    """
    today, found = now().date(), []
    rules = _in_force(tenant)
    for rule in rules if in_part else rules.filter(part=""):
        for one in systems:
            if not _meets(rule, one):
                continue
            if why := fault(rule.part, one):
                said = f"{rule.code} keeps something of {one.name}: {why}."
                raise Blocked(said, by="retention", remedy="retention-rules")
            until = today + timedelta(days=rule.days)
            found.append(Kept(rule.code, one.name, rule.category, rule.ground, until, rule.part))
    return found


def parts_kept(tenant: Tenant, one: System, since: date) -> list[Kept]:
    """The parts of one system that rules in force keep still, of what was asked for on that day."""
    found = []
    for rule in _in_force(tenant).exclude(part=""):
        until = since + timedelta(days=rule.days)
        if _meets(rule, one) and until > now().date():
            found.append(Kept(rule.code, one.name, rule.category, rule.ground, until, rule.part))
    return found


def _in_force(tenant: Tenant) -> QuerySet[RetentionRule]:
    mine = Q(geography__in=["", tenant.geography]) & Q(data_class__in=["", *tenant.data_classes])
    return RetentionRule.objects.filter(mine, is_active=True)


def _meets(rule: RetentionRule, one: System) -> bool:
    return rule.system in (one.system, one.name) if rule.system else rule.category in one.categories


@action
def add_rule(code: str, *, actor: Actor, reason: str, **fields: Any) -> RetentionRule:
    """Have a category kept from the next validation on."""
    policy.require(actor, "retention_rule.edit")
    if RetentionRule.objects.filter(pk=code).exists():
        raise Conflict(f"{code} exists; change it instead.", code="rule-exists")
    return _write(RetentionRule(code=code), fields, actor, reason, "retention_rule.added", is_new=True)


@action
def edit_rule(code: str, *, actor: Actor, reason: str, **changes: Any) -> RetentionRule:
    """Change what is kept, from the next validation on. What was validated keeps what it was validated with."""
    policy.require(actor, "retention_rule.edit")
    rule = RetentionRule.objects.select_for_update(no_key=True).filter(pk=code).first()
    if rule is None:
        raise Absent("There is no such retention rule.")
    return _write(rule, changes, actor, reason, "retention_rule.edited")


def _write(
    rule: RetentionRule, fields: dict[str, Any], actor: Actor, reason: str, verb: str, *, is_new: bool = False
) -> RetentionRule:
    for name in EDITABLE:
        setattr(rule, name, fields.get(name, getattr(rule, name)))
    rule.changed_at = now()
    if rule.part and not rule.system:
        raise Invalid(fields={"system": "name the system that it is a part of"})
    try:
        rule.full_clean()
    except ValidationError as error:
        raise Invalid(fields={name: " ".join(texts) for name, texts in error.message_dict.items()}) from error
    rule.save(force_insert=is_new)
    if rule.is_active:
        _require_keepable(rule)
    record(verb, rule, actor=actor, reason=reason, data={"fields": sorted(fields)})
    return rule


def _require_keepable(rule: RetentionRule) -> None:
    """Invalid where the rule would keep something that an erasure takes away, or a part of what is not there."""
    met = [one for one in listed() if _meets(rule, one)]
    if rule.part and not met:
        raise Invalid(fields={"system": "the inventory lists none of this name"})
    field = "part" if rule.part else "system" if rule.system else "category"
    for one in met:
        if why := fault(rule.part, one):
            raise Invalid(fields={field: f"{one.name}: {why}"})
