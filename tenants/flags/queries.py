"""Reads of flags: for snapshots, doors and pages. One query however many tenants."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet
from django.db.models.functions import JSONObject

from portal.access import policy
from portal.access.actor import Actor
from tenants.models import Status, Tenant

from .evaluation import Answer, Definition, TierPart, evaluate
from .models import Feature, Flag, Override, Relation, Review, TierFeature, TierRule

GONE = (Status.FAILED, Status.DELETED)


def flags_of(tenants: Sequence[Tenant]) -> dict[UUID, dict[str, dict[str, Any]]]:
    """The set of every tenant as its snapshot carries it: flag -> value, variant, reason. One query."""
    answers = answers_for(tenants)
    return {pk: {key: one.public() for key, one in found.items()} for pk, found in answers.items()}


def answers_for(tenants: Sequence[Tenant]) -> dict[UUID, dict[str, Answer]]:
    """The same with why, for pages and OFREP."""
    flags = definitions([one.pk for one in tenants])
    return {one.pk: evaluate(flags, one.pk, one.tier_id) for one in tenants}


def definitions(tenant_ids: Collection[UUID] | None = None) -> dict[str, Definition]:
    """Every active flag, with the overrides of these tenants (default: of all)."""
    return {flag.key: definition_of(flag) for flag in whole_flags(tenant_ids)}


def whole_flags(tenant_ids: Collection[UUID] | None = None) -> QuerySet[Any]:
    """Active flags, each with its rules and relations beside it: one query, whatever their number."""
    overrides = Override.objects.filter(flag=OuterRef("pk"))
    if tenant_ids is not None:
        overrides = overrides.filter(tenant_id__in=tenant_ids)
    tiers = TierRule.objects.filter(flag=OuterRef("pk")).order_by("tier__rank", "tier_id")
    related = Relation.objects.filter(flag=OuterRef("pk")).order_by("other_id")
    return Flag.objects.active().annotate(
        its_overrides=ArraySubquery(overrides.values(row=JSONObject(tenant="tenant_id", variant="variant"))),
        its_tiers=ArraySubquery(
            tiers.values(row=JSONObject(tier="tier_id", name="tier__name", variant="variant", percent="percent"))
        ),
        its_relations=ArraySubquery(related.values(row=JSONObject(other="other_id", word="word"))),
    )


def definition_of(flag: Any) -> Definition:
    """A row of `whole_flags` as evaluation needs it."""
    related: dict[str, list[str]] = defaultdict(list)
    for row in flag.its_relations:
        related[row["word"]].append(row["other"])
    return Definition(
        key=flag.key,
        variants=flag.variants,
        off=flag.off_variant,
        default=flag.default_variant,
        rollout=flag.rollout_variant,
        is_off=flag.is_off,
        is_stale=flag.is_stale,
        tiers={row["tier"]: TierPart(row["variant"], row["percent"]) for row in flag.its_tiers},
        overrides={UUID(row["tenant"]): row["variant"] for row in flag.its_overrides or ()},  # of no tenant: NULL
        needs=tuple(related[Relation.Word.NEEDS]),
        excludes=tuple(related[Relation.Word.EXCLUDES]),
    )


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
    return Review.objects.order_by("-month") if policy.can(actor, "flag_review.view") else Review.objects.none()
