"""How long tenants live by tier and environment, and those whose last day has come near."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.admin.governed import GovernedAdmin
from portal.admin.listing import column
from portal.admin.verbs import Fact, Facts, Verb
from tenants.models import Tier

from .. import lifetimes
from ..models import Ending, Environment, Lifetime


class DaysForm(forms.Form):
    days = forms.IntegerField(label=gettext_lazy("Days"), min_value=1, max_value=lifetimes.LONGEST_DAYS)


class LifetimeForm(DaysForm):
    tier = forms.ModelChoiceField(label=gettext_lazy("Tier"), queryset=Tier.objects.all())
    environment = forms.ChoiceField(label=gettext_lazy("Environment"), choices=Environment.choices)
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


@admin.register(Lifetime)
class LifetimeAdmin(GovernedAdmin):
    family = "lifetime"
    mount = "lifetimes"
    floor, order = "lifecycle", 34
    title = gettext_lazy("Lifetimes")
    explain = gettext_lazy("How many days a tenant lives where nobody said a last day; what is not listed has no end.")
    first_step = gettext_lazy("No lifetime: only a day that somebody agreed ends a tenant.")
    add_form, add_label, add_verb = LifetimeForm, gettext_lazy("Add a lifetime"), "edit"
    list_display = ("tier", "environment", "days")
    list_filter = ("environment",)
    ordering = ("tier", "environment")

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Lifetime.objects.select_related("tier")

    def verbs(self, one: Lifetime, actor: Actor) -> list[Verb]:
        if not self.may(actor, "edit", one):
            return []
        near = _("Tenants that are older by then are asked about at once; nothing ends without signatures.")
        last = _("Its tenants live until somebody says a day.")
        change = Verb("change", _("Change"), _on(lifetimes.change), near, "primary", form=DaysForm,
                      initial={"days": one.days}, done=_("Changed."))  # fmt: skip
        return [change, Verb("remove", _("Remove"), _on(lifetimes.remove), last, "danger", done=_("Removed."))]

    def facts(self, one: Lifetime, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Tier"), one.tier.name),
            Fact(_("Environment"), one.environment),
            Fact(_("Days"), one.days, "count"),
            Fact(_("Tenants it ends"), lifetimes.ended_by(one).count(), "count"),
        ]
        return [Facts(_("The lifetime"), rows)]

    def verb_view(self, request: HttpRequest, object_id: str, verb: str) -> HttpResponse:
        answer = super().verb_view(request, object_id, verb)
        is_gone = verb == "remove" and answer.status_code == 302
        return HttpResponseRedirect(self.list_url()) if is_gone else answer

    def create(self, actor: Actor, data: dict[str, Any]) -> Lifetime:
        return lifetimes.add(actor=actor, **data)


@admin.register(Ending)
class EndingAdmin(GovernedAdmin):
    family = "estate"
    mount = "endings"
    floor, order = "lifecycle", 35
    title = gettext_lazy("Last days")
    explain = gettext_lazy("Tenants whose last day is near or over: who was reminded, and what was signed.")
    first_step = gettext_lazy("No tenant is near its last day.")
    list_display = ("name", "region", "ends_at", "state")
    list_filter = ("state", "region")
    search_fields = ("tenant_name",)
    ordering = ("ends_at",)

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Ending.objects.visible_to(actor)

    @column(gettext_lazy("Tenant"), ordering="tenant_name")
    def name(self, one: Ending) -> str:
        return one.tenant_name or str(one.tenant_id)

    def sentence(self, one: Ending, actor: Actor) -> str:
        return one.state_reason

    def facts(self, one: Ending, actor: Actor) -> list[Facts]:
        url_of = self.console.url_of
        case = _("The case") if one.case_id else ""
        rows = [
            Fact(_("Tenant"), self.name(one), url=url_of("tenants.tenant", str(one.tenant_id))),
            Fact(_("Ends"), one.ends_at, "moment"),
            Fact(_("Reminded"), ", ".join(one.reminded) or _("not yet")),
            Fact(_("Signatures"), case, url=url_of("approvals.case", str(one.case_id or ""))),
            Fact(_("Seen first"), one.created_at, "moment"),
        ]
        return [Facts(_("The last day"), [row for row in rows if row.value])]


def _on(action: Any) -> Any:
    """Call an action that takes the row's id."""

    def run(row: Any, **given: Any) -> None:
        action(row.pk, **given)

    return run
