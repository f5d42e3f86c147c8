"""How often the way back is drilled: shipped as data."""

from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.lib.clock import now
from tenants.models import Tier

from .models import DrillRule

DAYS, USUALLY = {"platinum": 30}, 90


@action
def install(actor: Actor) -> None:
    """Add what is missing; never overwrite what somebody edited."""
    for tier in Tier.objects.exclude(pk__in=DrillRule.objects.values("pk")):
        rule = DrillRule.objects.create(tier=tier, every_days=DAYS.get(tier.pk, USUALLY), since=now().date())
        record("drill_rule.added", rule, actor=actor, reason="shipped")
