"""Statements: what a tenant is charged for a month, line by line, to be printed, kept as CSV and corrected."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.access.reading import note_read
from portal.admin import eyes
from portal.admin.listing import column
from portal.admin.verbs import Fact, Facts, Verb
from portal.lib import csv_export
from portal.lib.clock import now
from portal.lib.money import inr
from tenants.costs import actions
from tenants.costs.models import State, Statement
from tenants.costs.queries import shown_in, shown_lines
from tenants.costs.rates import BOOK, currencies

from .shared import IN_MONTH, OVER, MonthlyAdmin

HEADINGS = ("line", "units", "unit_price_inr", "amount_inr", "price_book")


class AdjustForm(forms.Form):
    amount_inr = forms.DecimalField(
        label=gettext_lazy("Amount, ₹"),
        max_digits=14,
        decimal_places=2,
        help_text=gettext_lazy("Negative gives back. It is a line of the first open month."),
    )


@admin.register(Statement)
class StatementAdmin(MonthlyAdmin):
    mount, order = "statements", 60
    title = gettext_lazy("Statements")
    explain = gettext_lazy("What each tenant costs a month: its baseline and what it used, against its budget.")
    first_step = gettext_lazy("No month has a statement yet. The first appears minutes after a tenant is active.")
    views = ((gettext_lazy("All"), ""), (gettext_lazy("Over budget"), "is_over=yes"))
    list_display = ("tenant_name", "cost_centre", "of_month", "amount", "budget", "variance", "stands")
    list_filter = (IN_MONTH, OVER, ("state", admin.ChoicesFieldListFilter))
    search_fields = ("tenant__name", "cost_centre")
    ordering = ("-month_id", "cost_centre", "tenant__name")
    object_template = "costs/statement.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Statement.objects.visible_to(actor).select_related("tenant", "month")

    @column(gettext_lazy("Tenant"), ordering="tenant__name")
    def tenant_name(self, row: Statement) -> str:
        return row.tenant.name

    def of(self, request: HttpRequest, object_id: str) -> Any:
        found = super().of(request, object_id)
        found.asked_currency = request.GET.get("currency", "")[:10] or BOOK
        return found

    def heading(self, row: Statement) -> str:
        return str(row)

    def sentence(self, row: Statement, actor: Actor) -> str:
        if row.unpriced:
            return _("Incomplete: %(lines)s. The rest is %(known)s.") % {
                "lines": "; ".join(row.unpriced),
                "known": inr(row.known_inr),
            }
        return _("%(total)s %(until)s, of a budget of %(budget)s.") % {
            "total": inr(row.known_inr),
            "until": self.until(row),
            "budget": inr(row.budget_inr),
        }

    def facts(self, row: Statement, actor: Actor) -> list[Facts]:
        url = reverse("admin:tenants_tenant_change", args=[row.tenant_id])
        rows = [
            Fact(_("Tenant"), row.tenant.name, url=url),
            Fact(_("Cost centre"), row.cost_centre),
            Fact(_("Month"), str(row.month)),
            Fact(_("Budget of the month"), row.budget_inr, "inr"),
            Fact(_("Over or under"), row.variance_percent, "percent"),
            Fact(_("Closed") if row.closed_at else _("As of"), row.closed_at or row.as_of, "moment"),
        ]
        note = _("A closed statement stays; a correction is a line of a later one.")
        return [Facts(_("The statement"), rows, note), *_service(row.service)]

    def verbs(self, row: Statement, actor: Actor) -> list[Verb]:
        if row.state != State.CLOSED or not self.may(actor, "adjust", row):
            return []
        says = _("Adds a line to the first open month. This statement stays as it is.")
        return [Verb("adjust", _("Correct it"), _adjust, says=says, form=AdjustForm)]

    def extra(self, row: Any, actor: Actor) -> dict[str, Any]:
        shown = shown_in(row.asked_currency, row)
        return {
            "lines": shown_lines(row, shown),
            "shown": None if shown.currency == BOOK else shown,
            "shown_total": shown.of(row.total_inr),
            "currency": shown.currency,
            "currencies": [BOOK, *currencies(now().date())],
            "until": self.until(row),
        }

    def get_urls(self) -> list[URLPattern]:
        door = self.admin_site.admin_view
        return [path("<str:object_id>/lines.csv", door(self.lines_view), name="statement_lines"), *super().get_urls()]

    def lines_view(self, request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        """The statement's lines as CSV."""
        row = self.of(request, object_id)
        note_read(eyes.narrow(request), row, route=request.path)
        lines = shown_lines(row, shown_in(BOOK, row))
        rows = [[line["label"], *(line[name] for name in HEADINGS[1:])] for line in lines]
        rows.append([_("Total"), None, None, row.total_inr, ""])
        return csv_export.answer(f"statement-{row.tenant.name}-{row.month_id:%Y-%m}", HEADINGS, rows)


def _service(found: dict[str, Any]) -> list[Facts]:
    if not found:
        return []
    rows = [
        Fact(_("Promised"), found["target_percent"], "percent"),
        Fact(_("Attained"), found["attained_percent"], "percent"),
        Fact(_("Minutes that may not be served"), found["allowed_minutes"], "number"),
        Fact(_("Minutes not served"), found["down_minutes"], "number"),
        Fact(_("Of what is allowed, gone"), found["burnt_percent"], "percent"),
        Fact(_("Of the time, looked at by the portal"), found.get("watched_percent"), "percent"),
    ]
    note = _("Of a month of 43,800 minutes, as reported and as the portal saw. What is given back is a line above.")
    if found["attained_percent"] is None:
        note = _("Nobody has reported or watched enough of this month's minutes, so nothing is claimed of it.")
    return [Facts(_("Service level"), rows, note)]


def _adjust(row: Statement, *, actor: Actor, reason: str, amount_inr: Decimal) -> str:
    made = actions.adjust(row.pk, amount_inr, actor=actor, reason=reason)
    return _("Corrected: a line of %(month)s.") % {"month": made.month}
