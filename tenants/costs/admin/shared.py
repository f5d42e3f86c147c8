"""What the pages of statements and of cost centres have in common."""

from datetime import date, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.admin.governed import GovernedAdmin
from portal.admin.listing import column, fixed
from portal.lib.clock import now


def last_months() -> list[tuple[str, str]]:
    """This month and the twelve before."""
    months = [now().date().replace(day=1)]
    while len(months) < 13:
        months.append((months[-1] - timedelta(days=1)).replace(day=1))
    return [(one.isoformat(), f"{one:%B %Y}") for one in months]


def month_of(text: str) -> date:
    """The month an address names; one that it cannot name has nothing."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return date.min


IN_MONTH = fixed("month", gettext_lazy("month"), last_months, "month_id", month_of)
OVER = fixed("is_over", gettext_lazy("budget"), [("yes", gettext_lazy("over"))], value_of=lambda one: one == "yes")


class MonthlyAdmin(GovernedAdmin):
    """Rows of a month with a budget."""

    family = "cost"
    floor = "registry"
    shows_trail = False

    @column(gettext_lazy("Month"), ordering="month_id")
    def of_month(self, row: Any) -> str:
        return f"{row.month_id:%b %Y}"

    @column(gettext_lazy("So far or final, ₹"), ordering="known_inr", kind="inr")
    def amount(self, row: Any) -> Any:
        return row.known_inr

    @column(gettext_lazy("Budget, ₹"), ordering="budget_inr", kind="inr")
    def budget(self, row: Any) -> Any:
        return row.budget_inr

    @column(gettext_lazy("Over or under"), ordering="variance_percent", kind="percent")
    def variance(self, row: Any) -> Any:
        return row.variance_percent

    @column(gettext_lazy("Stands"), ordering="is_over", kind="state")
    def stands(self, row: Any) -> str:
        return self.state(row)

    def state(self, row: Any) -> str:
        if row.total_inr is None:
            return "incomplete"
        return "over_budget" if row.is_over else "within_budget"

    def state_words(self, row: Any) -> str:
        return self.state(row).replace("_", " ")

    def until(self, row: Any) -> str:
        return _("closed") if row.state == "closed" else _("so far")
