"""Rates of exchange: dated, with their source, never edited."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.admin.governed import GovernedAdmin
from portal.admin.listing import column
from portal.admin.verbs import Fact, Facts
from tenants.costs import actions
from tenants.costs.models import Rate


class RateForm(forms.Form):
    """One rate of one day."""

    currency = forms.RegexField(r"^[A-Z]{3}$", label=gettext_lazy("Currency"), help_text=gettext_lazy("USD, EUR, …"))
    inr_per_unit = forms.DecimalField(
        label=gettext_lazy("Rupees for one"), min_value=Decimal("0.000001"), max_digits=18, decimal_places=6
    )
    effective_on = forms.DateField(label=gettext_lazy("From"), widget=forms.DateInput(attrs={"type": "date"}))
    source = forms.CharField(label=gettext_lazy("Source"), max_length=200, help_text=gettext_lazy("Who published it"))
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500)


@admin.register(Rate)
class RateAdmin(GovernedAdmin):
    family = "rate"
    mount = "rates"
    floor, order = "registry", 45
    title = gettext_lazy("Rates of exchange")
    explain = gettext_lazy("What a currency costs in rupees from a day on. Without a rate nothing is shown in it.")
    first_step = gettext_lazy("The book is kept in rupees. Add a rate to show statements in another currency.")
    add_form, add_label = RateForm, gettext_lazy("Publish a rate")
    list_display = ("currency", "rupees", "effective_on", "source")
    search_fields = ("currency", "source")
    ordering = ("-effective_on", "currency")

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Rate.objects.all()

    @column(gettext_lazy("Rupees for one"), ordering="inr_per_unit", kind="number")
    def rupees(self, rate: Rate) -> Any:
        return rate.inr_per_unit

    def facts(self, rate: Rate, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Rupees for one"), rate.inr_per_unit, "number"),
            Fact(_("From"), rate.effective_on, "day"),
            Fact(_("Source"), rate.source),
        ]
        return [Facts(_("The rate"), rows)]

    def create(self, actor: Actor, data: dict[str, Any]) -> Rate:
        return actions.publish_rate(actor=actor, **data)
