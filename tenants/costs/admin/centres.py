"""The CFO's view: cost centres by how far they are over budget, a year of budget and actual, envelopes, and returns."""

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.admin import eyes
from portal.admin.verbs import Fact, Facts
from portal.lib.clock import now
from portal.lib.errors import NotAllowed
from portal.lib.money import inr
from tenants.admin.units import with_used
from tenants.costs.chart import HEIGHT, WIDTH, bars
from tenants.costs.models import CentreMonth, Statement
from tenants.costs.queries import twelve_months
from tenants.costs.roi import Inputs, returns
from tenants.queries import units_visible_to

from .shared import IN_MONTH, OVER, MonthlyAdmin

MOST_INR = Decimal(10) ** 12


def _money(label: Any) -> forms.DecimalField:
    return forms.DecimalField(label=label, min_value=Decimal(0), max_value=MOST_INR, decimal_places=2, required=False)


class ReturnsForm(forms.Form):
    """What is compared; what is left out keeps its usual value."""

    tenants = forms.IntegerField(label=gettext_lazy("Tenants"), min_value=1, max_value=100_000, required=False)
    months = forms.IntegerField(label=gettext_lazy("Months"), min_value=1, max_value=240, required=False)
    manual_inr = _money(gettext_lazy("Setting one up by hand, ₹"))
    automated_inr = _money(gettext_lazy("Setting one up automated, ₹"))
    overhead_inr = _money(gettext_lazy("Running the platform, ₹ a month"))
    build_inr = _money(gettext_lazy("Building it, ₹ once"))


@admin.register(CentreMonth)
class CentreAdmin(MonthlyAdmin):
    mount, order = "cost-centres", 55
    title = gettext_lazy("Cost centres")
    explain = gettext_lazy("Each month's sum of a cost centre against its budget, the furthest over it first.")
    first_step = gettext_lazy("No month has a statement yet. The first appears minutes after a tenant is active.")
    views = ((gettext_lazy("All"), ""), (gettext_lazy("Over budget"), "is_over=yes"))
    list_display = ("cost_centre", "of_month", "tenants", "amount", "budget", "variance", "stands")
    list_filter = (IN_MONTH, OVER)
    search_fields = ("cost_centre",)
    ordering = (F("month_id").desc(), F("variance_percent").desc(nulls_last=True), "cost_centre")
    list_template = "costs/centres.html"
    object_template = "costs/centre.html"

    def may(self, actor: Actor, word: str, obj: Any = None) -> bool:
        return super().may(actor, "oversee" if word == "view" else word, obj)

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return CentreMonth.objects.visible_to(actor).select_related("month")

    def under(self, row: CentreMonth) -> str:
        return _("escalated") if row.is_escalated else ""

    def heading(self, row: CentreMonth) -> str:
        return str(row)

    def sentence(self, row: CentreMonth, actor: Actor) -> str:
        said = {"known": inr(row.known_inr), "until": self.until(row), "budget": inr(row.budget_inr)}
        return _("%(known)s %(until)s, of a budget of %(budget)s.") % said

    def facts(self, row: CentreMonth, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Tenants"), row.tenants, "count"),
            Fact(_("Budget of the month"), row.budget_inr, "inr"),
            Fact(_("Over or under"), row.variance_percent, "percent"),
            Fact(_("Owners and CFO were told"), row.is_escalated, "flag"),
            Fact(_("As of"), row.as_of, "moment"),
        ]
        return [Facts(_("The month"), rows)]

    def extra(self, row: CentreMonth, actor: Actor) -> dict[str, Any]:
        found = Statement.objects.filter(month_id=row.month_id, cost_centre=row.cost_centre).select_related("tenant")
        rows = list(found.order_by("-known_inr")[:200])
        return {"statements": rows, **_year(row.month_id, row.cost_centre)}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list under a year's chart and the envelopes."""
        actor = eyes.narrow(request)
        more: dict[str, Any] = {}
        if self.may(actor, "view"):
            more = _year(now().date()) | {"units": list(with_used(units_visible_to(actor))[:20])}
        return super().changelist_view(request, {**more, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        return [path("roi/", self.admin_site.admin_view(self.returns_view), name="cost_returns"), *super().get_urls()]

    def returns_view(self, request: HttpRequest) -> HttpResponse:
        """What automation returns, with whatever the address gives instead of the usual values."""
        if not self.has_view_permission(request):
            raise NotAllowed(_("Your role does not open this page."))
        form = ReturnsForm(request.GET)
        is_good = form.is_valid()
        given = {name: value for name, value in form.cleaned_data.items() if value is not None} if is_good else {}
        inputs = Inputs(**given)
        shown = ReturnsForm(asdict(inputs)) if is_good else form
        context = self.context(request, title=_("What automation returns"), form=shown, inputs=inputs)
        context |= {"found": returns(inputs) if is_good else None, "back": self.list_url()}
        return TemplateResponse(request, "costs/returns.html", context, status=200 if is_good else 422)


def _year(until: Any, cost_centre: str = "") -> dict[str, Any]:
    months = twelve_months(until, cost_centre)
    charged = sum(bool(one.budget_inr or one.known_inr) for one in months)
    chart = {"bars": bars(months), "chart_width": WIDTH, "chart_height": HEIGHT}
    return {"months": months, "charged_months": charged, **chart}
