"""Reads of flags: for snapshots, doors and pages. Few queries however many tenants."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from portal.access import policy
from portal.access.actor import Actor
from tenants.models import Status, Tenant

from .evaluation import Answer, Definition, TierPart, evaluate
from .models import Feature, Flag, Override, Relation, Review, TierFeature, TierRule

GONE = (Status.FAILED, Status.DELETED)


def flags_of(tenants: Sequence[Tenant]) -> dict[UUID, dict[str, dict[str, Any]]]:
    """The set of every tenant as its snapshot carries it: flag -> value, variant, reason. Four queries in all."""
    answers = answers_for(tenants)
    return {pk: {key: one.public() for key, one in found.items()} for pk, found in answers.items()}


def answers_for(tenants: Sequence[Tenant]) -> dict[UUID, dict[str, Answer]]:
    """The same with why, for pages and OFREP."""
    flags = definitions([one.pk for one in tenants])
    return {one.pk: evaluate(flags, one.pk, one.tier_id) for one in tenants}


def definitions(tenant_ids: Iterable[UUID] | None = None) -> dict[str, Definition]:
    """Every active flag, with the overrides of these tenants (default: of all)."""
    overridden = Override.objects.filter(flag__archived_at=None)
    if tenant_ids is not None:
        overridden = overridden.filter(tenant_id__in=list(tenant_ids))
    overrides: dict[str, dict[UUID, str]] = defaultdict(dict)
    for flag, tenant, variant in overridden.values_list("flag_id", "tenant_id", "variant"):
        overrides[flag][tenant] = variant
    tiers: dict[str, dict[str, TierPart]] = defaultdict(dict)
    for rule in TierRule.objects.filter(flag__archived_at=None).order_by():
        tiers[rule.flag_id][rule.tier_id] = TierPart(rule.variant, rule.percent)
    related: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in Relation.objects.filter(flag__archived_at=None).order_by("other_id"):
        related[one.flag_id, one.word].append(one.other_id)
    return {
        flag.key: Definition(
            key=flag.key,
            variants=flag.variants,
            off=flag.off_variant,
            default=flag.default_variant,
            rollout=flag.rollout_variant,
            is_off=flag.is_off,
            is_stale=flag.is_stale,
            tiers=tiers[flag.key],
            overrides=overrides[flag.key],
            needs=tuple(related[flag.key, Relation.Word.NEEDS]),
            excludes=tuple(related[flag.key, Relation.Word.EXCLUDES]),
        )
        for flag in Flag.objects.active()
    }


def features_of(tenants: Sequence[Tenant]) -> dict[UUID, list[str]]:
    """What the tier of every tenant includes. One query."""
    included: dict[str, list[str]] = defaultdict(list)
    rows = TierFeature.objects.filter(tier_id__in={one.tier_id for one in tenants}).order_by("feature_id")
    for tier, feature in rows.values_list("tier_id", "feature_id"):
        included[tier].append(feature)
    return {one.pk: included[one.tier_id] for one in tenants}


def living_tenants() -> QuerySet[Tenant]:
    """Tenants that may get anything of a flag, now or later."""
    return Tenant.objects.exclude(status__in=GONE)


def flags_visible_to(actor: Actor) -> QuerySet[Flag]:
    """Flags are the house's: whoever may see one sees all, and of tenants only their own."""
    return Flag.objects.all() if policy.can(actor, "flag.view") else Flag.objects.none()


def features_visible_to(actor: Actor) -> QuerySet[Feature]:
    return Feature.objects.all() if policy.can(actor, "tier.view") else Feature.objects.none()


def reviews_visible_to(actor: Actor) -> QuerySet[Review]:
    return Review.objects.order_by("-month") if policy.can(actor, "flag.view") else Review.objects.none()
