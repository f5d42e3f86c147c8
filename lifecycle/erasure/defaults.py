"""Which work may go on beside an erasure: shipped as data."""

from portal.access.actor import Actor
from portal.audit.context import action
from portal.jobs.actions import set_lease_rule
from portal.jobs.models import LeaseRule

from .engine.target import RESOURCE

# What makes, moves or copies the tenant's stores waits for the erasure, and it for them.
NOT_BESIDE = ("backup", "export", "migration", "migration.copy", "resources", "tier", "validation")


@action
def install(actor: Actor) -> None:
    """Add what is missing; never overwrite what somebody edited."""
    for other in NOT_BESIDE:
        first, second = sorted((RESOURCE, other))
        if not LeaseRule.objects.filter(first=first, second=second).exists():
            set_lease_rule(first, second, False, actor=actor, reason="Shipped with the product.")
