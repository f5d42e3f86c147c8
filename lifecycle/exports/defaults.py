"""Which work may not go on beside an export: shipped as data."""

from portal.access.actor import Actor
from portal.audit.context import action
from portal.jobs.actions import set_lease_rule
from portal.jobs.models import LeaseRule

from .jobs import RESOURCE

# What moves the tenant waits until it is made, and the export for it; the erasure says the same of itself.
NOT_BESIDE = ("migration", "migration.copy")


@action
def install(actor: Actor) -> None:
    """Add what is missing; never overwrite what somebody edited."""
    for other in NOT_BESIDE:
        first, second = sorted((RESOURCE, other))
        if not LeaseRule.objects.filter(first=first, second=second).exists():
            set_lease_rule(first, second, False, actor=actor, reason="Shipped with the product.")
