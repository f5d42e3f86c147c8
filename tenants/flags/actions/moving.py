"""A flag that stays becomes configuration: nobody's value changes by it."""

from collections import Counter, defaultdict
from typing import Any
from uuid import UUID

from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.lib.clock import now
from portal.lib.errors import Conflict
from tenants.configuration.actions import carry_over
from tenants.flags.evaluation import answer
from tenants.flags.models import Flag, Kind
from tenants.flags.queries import definitions, living_tenants
from tenants.models import Tier

from .held import hold


@action
def move_to_configuration(key: str, *, actor: Actor, reason: str) -> Flag:
    """Write what every tenant has into `switches` of tiers and tenants. The flag stays until it is archived.

    A tier gets what most of its tenants have, and each tenant that has something else gets that as its own.
    """
    flag = hold(key, "flag.edit", actor=actor, reason=reason)
    if flag.kind == Kind.KILL_SWITCH:
        raise Conflict("A kill switch stays a kill switch.", code="kill-switch")
    if flag.moved_at is not None:
        raise Conflict("It was moved already; archive it once no program reads it.", code="flag-moved")
    tiers, others = _as_it_is(flag)
    values = flag.variants
    carry_over(
        key,
        {tier: values[variant] for tier, variant in tiers.items()},
        {tenant: values[variant] for tenant, variant in others.items()},
        actor=actor,
        reason=reason,
    )
    flag.moved_at = now()
    flag.save()
    data = {"tiers": tiers, "tenants": len(others)}
    record("flag.moved_to_configuration", flag, actor=actor, reason=reason, data=data)
    return flag


def _as_it_is(flag: Flag) -> tuple[dict[str, str], dict[UUID, str]]:
    """The variant of every tier, and of each tenant that has another one."""
    flags = definitions()
    has: dict[str, dict[UUID, str]] = defaultdict(dict)
    for pk, tier in living_tenants().values_list("pk", "tier_id"):
        has[tier][pk] = answer(flags, flags[flag.key], pk, tier).variant
    tiers = {code: _most(has[code], flag) for code in Tier.objects.values_list("pk", flat=True)}
    others = {pk: variant for tier, one in has.items() for pk, variant in one.items() if variant != tiers[tier]}
    return tiers, others


def _most(has: dict[Any, str], flag: Flag) -> str:
    """What most have; without a tenant, what everybody gets."""
    return max(sorted(Counter(has.values()).items()), key=lambda pair: pair[1])[0] if has else flag.default_variant
