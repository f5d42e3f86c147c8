"""Terms that every installation starts with; the CFO's own follow them."""

from datetime import date

from portal.access.actor import Actor
from portal.audit.context import action
from tenants.models import Tier

from .actions import publish_terms
from .models import Terms

FROM, NOTICE_DAYS, GRACE_DAYS = date(2026, 1, 1), 7, 14


@action
def install(actor: Actor) -> None:
    """A week until the notice and a fortnight of grace, no service credits; only for tiers without any terms."""
    for tier in Tier.objects.exclude(pk__in=Terms.objects.values("tier")):
        publish_terms(
            tier.pk,
            FROM,
            NOTICE_DAYS,
            GRACE_DAYS,
            [],
            "Shipped defaults",
            actor=actor,
            reason="shipped with the product",
        )
