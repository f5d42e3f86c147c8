"""News of cost, told to the people it concerns."""

from datetime import date
from decimal import Decimal
from typing import Any

from django.conf import settings

from portal.access.models import Role, User
from portal.access.queries import users_with_role
from portal.lib.money import inr
from portal.notify.actions import notify
from portal.notify.models import Severity
from portal.notify.subscribers import page


def budget_exceeded(payload: dict[str, Any]) -> None:
    """Tell the owners and the CFO, two people at least, that a cost centre is over its budget."""
    month = date.fromisoformat(payload["month"])
    known, budget = Decimal(payload["known_inr"]), Decimal(payload["budget_inr"])
    percent = payload["variance_percent"]
    over = f"{percent} %" if percent is not None else inr(known - budget)
    users = list(User.objects.filter(pk__in=payload["owners"])) + list(users_with_role(Role.CFO))
    if len({user.pk for user in users}) < 2:
        users += users_with_role(Role.PLATFORM_ADMIN)
    notify(
        "budget.exceeded",
        title=f"{payload['cost_centre']} is {over} over its budget for {month:%B %Y}",
        users=users,
        severity=Severity.WARNING,
        url=page("cost-centres", payload["centre_id"]),
        details=[("Cost centre", payload["cost_centre"]), ("So far", inr(known)), ("Budget", inr(budget))],
        key=f"budget.exceeded:{payload['cost_centre']}:{payload['month']}",
    )


def cost_rose(payload: dict[str, Any]) -> None:
    """Tell the CFO, and the owner where it is one tenant's, that this month costs far more than the last."""
    month, name = date.fromisoformat(payload["month"]), payload.get("name", "The platform")
    known, before = Decimal(payload["known_inr"]), Decimal(payload["before_inr"])
    percent = round((known - before) * 100 / before)
    notify(
        "cost.rose",
        title=f"{name} costs {percent} % more in {month:%B %Y} than in the month before",
        users=list(User.objects.filter(pk=payload.get("owner"))) if payload.get("owner") else [],
        role=Role.CFO,
        severity=Severity.WARNING,
        url=page("tenants", payload["tenant_id"])
        if payload.get("tenant_id")
        else f"{settings.PUBLIC_URL}/cost-centres/",
        tenant_id=payload.get("tenant_id"),
        details=[("This month so far", inr(known)), ("The month before", inr(before))],
        key=f"cost.rose:{payload.get('tenant_id', 'all')}:{payload['month']}",
    )


def arrears_noticed(payload: dict[str, Any]) -> None:
    """Tell the billing contact and the owner from when on the tenant is not served; the CFO hears of it, too."""
    until = date.fromisoformat(payload["suspends_on"])
    notify(
        "arrears.noticed",
        title=f"{payload['name']}: payment is overdue; it is suspended on {until:%d %b %Y} unless it is paid",
        users=list(User.objects.filter(pk__in=payload["people"])),
        role=Role.CFO,
        severity=Severity.WARNING,
        url=page("tenants", payload["tenant_id"]),
        tenant_id=payload["tenant_id"],
        details=[("Tenant", payload["name"]), ("Overdue since", payload["since"]), ("Suspended on", f"{until}")],
        key=f"arrears.noticed:{payload['arrears_id']}:{payload['suspends_on']}",
    )
