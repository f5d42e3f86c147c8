"""Which tiers are rehearsed: shipped as data."""

from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from tenants.models import Tier

from .models import RehearsalDemand

DAYS = {"platinum": 30}


@action
def install(actor: Actor) -> None:
    """Add what is missing; never overwrite what somebody edited."""
    for tier in Tier.objects.all():
        found, is_new = RehearsalDemand.objects.get_or_create(pk=tier.pk, defaults={"days": DAYS.get(tier.pk, 0)})
        if is_new:
            record("rehearsal.demanded", found, actor=actor, reason="shipped")
