"""Who gets which variant: a default per tier, a rollout per tier by steps, an override per tenant."""

from uuid import UUID

from django.db.models import QuerySet

from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid
from tenants.flags.evaluation import wants
from tenants.flags.models import STEPS, Flag, Kind, Override, TierRule
from tenants.flags.queries import definitions, living_tenants
from tenants.models import Tenant
from tenants.queries import tier_by_code

from .held import hold, need_variant, refuse_clash, refuse_new_use, tell


@action
def set_rollout(key: str, *, actor: Actor, reason: str, tier: str, percent: int) -> TierRule:
    """Bring the rollout in a tier to its next step, or back to any earlier one. A raise only ever adds tenants."""
    flag = hold(key, "flag.edit", actor=actor, reason=reason)
    rule = _rule(flag, tier)
    if percent not in STEPS:
        raise Invalid(fields={"percent": f"one of {', '.join(map(str, STEPS))}"})
    if not flag.rollout_variant:
        raise Conflict("This flag has no variant to roll out.", code="no-rollout")
    if percent == rule.percent:
        raise Conflict(f"The rollout in {tier} stands at {percent} % already.", code="same-step")
    if percent > rule.percent:
        refuse_new_use(flag)
        _next_step(rule, percent)
    before, rule.percent, rule.percent_since = rule.percent, percent, now()
    rule.save()
    concerned = living_tenants().filter(tier_id=tier)
    if percent > before:
        refuse_clash(flag, concerned)
    data = {"tier": tier, "from": before, "to": percent}
    record("flag.rollout_set", flag, actor=actor, reason=reason, data=data)
    tell(flag, _ids(concerned))
    return rule


def _next_step(rule: TierRule, percent: int) -> None:
    following = STEPS[STEPS.index(rule.percent) + 1]
    if percent != following:
        raise Conflict(
            f"The rollout stands at {rule.percent} %; its next step is {following} %.",
            code="not-the-next-step",
            next=following,
        )


def _rule(flag: Flag, tier: str) -> TierRule:
    found = tier_by_code(tier)
    if found is None:
        raise Invalid(fields={"tier": "there is no such tier"})
    if flag.kind == Kind.KILL_SWITCH:
        raise Conflict("A kill switch is for everybody; it knows no tiers.", code="kill-switch")
    return TierRule.objects.filter(flag=flag, tier=found).first() or TierRule(flag=flag, tier=found)


def _ids(tenants: QuerySet[Tenant]) -> list[UUID]:
    return list(tenants.values_list("pk", flat=True))


@action
def set_default(key: str, *, actor: Actor, reason: str, variant: str, tier: str = "") -> Flag:
    """Set what a tier gets by default, or, without a tier, everybody; an empty variant ends a tier's own default."""
    flag = hold(key, "flag.edit", actor=actor, reason=reason)
    if variant or not tier:
        need_variant(flag, variant)
        refuse_new_use(flag)
    if tier:
        rule = _rule(flag, tier)
        rule.variant = variant
        rule.save()
    elif flag.kind == Kind.KILL_SWITCH:
        raise Conflict("A kill switch is on until it is switched off.", code="kill-switch")
    else:
        flag.default_variant = variant
        flag.save()
    concerned = living_tenants().filter(tier_id=tier) if tier else living_tenants()
    refuse_clash(flag, concerned)
    record("flag.default_set", flag, actor=actor, reason=reason, data={"tier": tier, "variant": variant})
    tell(flag, _ids(concerned) if tier else None)
    return flag


@action
def override(key: str, *, actor: Actor, reason: str, tenant_id: UUID, variant: str) -> Override:
    """Give one tenant a variant of its own, whatever its tier gets."""
    flag = hold(key, "flag.edit", actor=actor, reason=reason)
    need_variant(flag, variant)
    refuse_new_use(flag)
    tenant = living_tenants().filter(pk=tenant_id).first()
    if tenant is None:
        raise Invalid(fields={"tenant_id": "there is no such tenant"})
    _check_needs(flag, tenant, variant)
    row = Override.objects.filter(flag=flag, tenant=tenant).first() or Override(flag=flag, tenant=tenant)
    row.variant, row.reason, row.set_at = variant, reason, now()
    row.save()
    refuse_clash(flag, living_tenants().filter(pk=tenant.pk))
    data = {"tenant": tenant.pk, "variant": variant}
    record("flag.override_set", flag, actor=actor, reason=reason, data=data)
    tell(flag, [tenant.pk])
    return row


def _check_needs(flag: Flag, tenant: Tenant, variant: str) -> None:
    """Refuse to turn on for a tenant what could not work there."""
    if variant == flag.off_variant:
        return
    flags = definitions([tenant.pk])
    for other in flags[flag.key].needs:
        if not wants(flags[other], tenant.pk, tenant.tier_id):
            raise Conflict(
                f"{flag.key} needs {other}, which is off for {tenant.name}. Turn {other} on there first.",
                code="needs-another-flag",
                needs=other,
            )


@action
def remove_override(key: str, *, actor: Actor, reason: str, tenant_id: UUID) -> Flag:
    """Let a tenant get what its tier gets again."""
    flag = hold(key, "flag.edit", actor=actor, reason=reason)
    row = Override.objects.filter(flag=flag, tenant_id=tenant_id).first()
    if row is None:
        raise Absent("This tenant has no override of this flag.")
    row.delete()
    refuse_clash(flag, living_tenants().filter(pk=tenant_id))
    record("flag.override_removed", flag, actor=actor, reason=reason, data={"tenant": tenant_id})
    tell(flag, [tenant_id])
    return flag
