"""What the monthly review looks at: flags that have outlived their purpose, or are about to."""

from datetime import timedelta

from django.db.models import Exists, Max, OuterRef, QuerySet

from portal.lib.clock import now
from tenants.models import Tier

from .models import Flag, TierRule, today

SOON_DAYS, EVERYWHERE_DAYS, QUIET_DAYS = 14, 30, 7


def findings() -> dict[str, list[Flag]]:
    """Finding -> flags, in the order in which they press. A flag may be in several."""
    flags = list(annotated())
    soon, quiet = today() + timedelta(days=SOON_DAYS), now() - timedelta(days=QUIET_DAYS)
    return {
        "ended": [one for one in flags if one.is_stale],
        "ends_soon": [one for one in flags if not one.is_stale and one.expires_on and one.expires_on <= soon],
        "everywhere": [one for one in flags if one.is_everywhere],  # type: ignore[attr-defined]
        "never_asked": [one for one in flags if one.last_at is None and one.created_at < quiet],  # type: ignore[attr-defined]
        "off": [one for one in flags if one.is_off],
    }


def annotated() -> QuerySet[Flag]:
    """Active flags with when they were evaluated last and whether all tiers have had them whole for a month."""
    long_ago = now() - timedelta(days=EVERYWHERE_DAYS)
    whole = TierRule.objects.filter(flag=OuterRef("pk"), percent=100, percent_since__lte=long_ago)
    offered = Tier.objects.filter(is_offered=True)
    without = offered.exclude(pk__in=whole.values("tier"))
    return (
        Flag.objects.active()
        .select_related("owner__person")
        .annotate(last_at=Max("exposures__last_at"), is_everywhere=~Exists(without))
        .order_by("expires_on", "key")
    )
