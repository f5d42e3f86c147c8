"""News of cost, told to the people it concerns."""

from datetime import date
from decimal import Decimal
from typing import Any

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
