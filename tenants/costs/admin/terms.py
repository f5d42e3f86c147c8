"""Terms of each tier: when an overdue tenant is told and suspended, and what missed service gives back."""

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
from tenants.costs.models import Arrears, Terms
from tenants.costs.terms import parse


class TermsForm(forms.Form):
    """The whole terms of a tier from a day on."""

    tier = forms.SlugField(label=gettext_lazy("Tier"), max_length=32)
    effective_on = forms.DateField(label=gettext_lazy("From"), widget=forms.DateInput(attrs={"type": "date"}))
    notice_days = forms.IntegerField(
        label=gettext_lazy("Told after so many days overdue"), min_value=0, max_value=365, initial=7
    )
    grace_days = forms.IntegerField(
        label=gettext_lazy("Suspended so many days after that"), min_value=1, max_value=365, initial=14
    )
    credits = forms.CharField(
        label=gettext_lazy("Service credits"),
        required=False,
        max_length=400,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("One a line: 99.9 10 gives back 10 % of the baseline below 99.9 % of a month."),
    )
    source = forms.CharField(label=gettext_lazy("Source"), max_length=200, help_text=gettext_lazy("The contract"))
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500)


@admin.register(Terms)
class TermsAdmin(GovernedAdmin):
    family = "terms"
    mount = "terms"
    floor, order = "registry", 47
    title = gettext_lazy("Terms")
    explain = gettext_lazy("What is agreed with each tier's tenants: dunning, and credits for missed service.")
    add_form, add_label = TermsForm, gettext_lazy("Publish terms")
    list_display = ("tier", "effective_on", "notice_days", "grace_days", "gives_back", "source")
    search_fields = ("tier__code", "source")
    ordering = ("-effective_on", "tier")

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Terms.objects.select_related("tier")

    @column(gettext_lazy("Service credits"))
    def gives_back(self, terms: Terms) -> str:
        said = [_("below %(at)s %%: %(back)s %%") % {"at": at, "back": back} for at, back in terms.credits]
        return ", ".join(said) or _("none agreed")

    def facts(self, terms: Terms, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Tier"), terms.tier.name),
            Fact(_("From"), terms.effective_on, "day"),
            Fact(_("Told after so many days overdue"), terms.notice_days, "count"),
            Fact(_("Suspended so many days after that"), terms.grace_days, "count"),
            Fact(_("Service credits"), self.gives_back(terms)),
            Fact(_("Source"), terms.source),
        ]
        return [Facts(_("The terms"), rows)]

    def create(self, actor: Actor, data: dict[str, Any]) -> Terms:
        given = {**data, "tier_code": data["tier"], "credits": parse(data["credits"])}
        return actions.publish_terms(actor=actor, **{name: one for name, one in given.items() if name != "tier"})


@admin.register(Arrears)
class ArrearsAdmin(GovernedAdmin):
    family = "cost"
    mount = "arrears"
    floor, order = "registry", 62
    title = gettext_lazy("Arrears")
    explain = gettext_lazy("Tenants whose payment is overdue: told, given time, then suspended, by their tier's terms.")
    first_step = gettext_lazy("Nobody is overdue.")
    list_display = ("tenant_name", "since", "noticed_on", "suspends_on", "stands")
    search_fields = ("tenant__name",)
    ordering = ("-since",)

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Arrears.objects.visible_to(actor).select_related("tenant")

    @column(gettext_lazy("Tenant"), ordering="tenant__name")
    def tenant_name(self, row: Arrears) -> str:
        return row.tenant.name

    @column(gettext_lazy("Stands"), kind="state")
    def stands(self, row: Arrears) -> str:
        return self.state(row)

    def state(self, row: Arrears) -> str:
        if row.ended_at:
            return "ended"
        if row.suspended_at:
            return "suspended"
        return "warned" if row.noticed_on else "overdue"

    def state_words(self, row: Arrears) -> str:
        return self.state(row)

    def facts(self, row: Arrears, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Tenant"), row.tenant.name, url=self.console.url_of("tenants.tenant", str(row.tenant_id))),
            Fact(_("Overdue since"), row.since, "day"),
            Fact(_("Told"), row.noticed_on, "day"),
            Fact(_("Suspended on, unless paid"), row.suspends_on, "day"),
            Fact(_("Suspended"), row.suspended_at, "moment"),
            Fact(_("Over"), row.ended_at, "moment"),
        ]
        return [Facts(_("The arrears"), rows, _("A dispute stops the clock; paying ends it. A person reactivates."))]
