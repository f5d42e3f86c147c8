"""A tenant request as a person would type it."""

from decimal import Decimal
from typing import Any

from lifecycle.actions import requests
from lifecycle.models import TenantRequest
from portal.access.actor import Actor
from portal.access.models import User
from tenants.models import BusinessUnit, Tier


def body(**changes: Any) -> dict[str, Any]:
    """The JSON of a plain bronze request of Finance."""
    given = {
        "name": "ledger-notes",
        "display_name": "Ledger Notes",
        "business_unit": "FIN",
        "tier": "bronze",
        "region": "ap-south-1",
        "geography": "IN",
        "data_classes": [],
        "expected_users": 5,
        "expected_documents": 1000,
        "annual_budget_inr": "180000.00",
        "owner": "meera",
        "champion": "meera",
        "justification": "Analysts search ledger notes by hand.",
    }
    return {**given, **changes}


def asked(username: str = "meera", **changes: Any) -> TenantRequest:
    """Submit such a request as a person, below the API."""
    fields = body(**changes)
    return requests.create(
        actor=Actor.of_user(User.objects.get(username=username)),
        **{
            **fields,
            "annual_budget_inr": Decimal(str(fields["annual_budget_inr"])),
            "business_unit": BusinessUnit.objects.get(pk=fields["business_unit"]),
            "tier": Tier.objects.get(pk=fields["tier"]),
            "owner": User.objects.get(username=fields["owner"]),
            "champion": User.objects.get(username=fields["champion"]),
        },
    )
