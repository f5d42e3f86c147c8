"""What a tier includes, as data."""

from collections.abc import Sequence

from portal.access import policy
from portal.access.actions import need_reason
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs.outbox import emit
from portal.lib.errors import Invalid
from tenants.flags.models import Feature, TierFeature
from tenants.flags.queries import living_tenants
from tenants.models import Tier


@action
def set_feature(*, actor: Actor, reason: str, code: str, title: str, says: str, tiers: Sequence[str]) -> Feature:
    """Say what a feature is and which tiers include it: exactly these."""
    policy.require(actor, "tier.edit")
    need_reason(reason)
    known = set(Tier.objects.filter(pk__in=tiers).values_list("pk", flat=True))
    if unknown := sorted(set(tiers) - known):
        raise Invalid(fields={"tiers": f"there is no tier {', '.join(unknown)}"})
    feature = Feature.objects.select_for_update(no_key=True).filter(pk=code).first() or Feature(code=code)
    feature.title, feature.says = title.strip(), says.strip()
    feature.full_clean(validate_unique=False)
    feature.save()
    before = {row.tier_id: row for row in feature.in_tiers.all()}
    for tier in sorted(known - set(before)):
        TierFeature.objects.create(tier_id=tier, feature=feature)
    for tier in sorted(set(before) - known):
        before[tier].delete()
    changed = known ^ set(before)
    record("feature.set", feature, actor=actor, reason=reason, data={"tiers": sorted(known)})
    if changed:
        ids = living_tenants().filter(tier_id__in=changed).values_list("pk", flat=True)
        emit("flags.changed", {"flag": "", "tenant_ids": [str(one) for one in ids]})
    return feature
