"""Changes of tier as pages: the form that shows what it costs while it is filled in, and where each one stands."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.admin import eyes
from portal.admin.governed import GovernedAdmin
from portal.admin.home import Card
from portal.admin.listing import column
from portal.admin.tags import moment
from portal.admin.verbs import Fact, Facts, Verb
from portal.lib.errors import NotAllowed, Refusal
from tenants.models import Tenant

from . import actions, queries
from .form import ChangeForm, EstimateForm
from .judgement import of_the_time
from .models import State, TierChange


@admin.register(TierChange)
class TierChangeAdmin(GovernedAdmin):
    family = "tier_change"
    mount = "tier-changes"
    floor, order = "registry", 25
    title = gettext_lazy("Changes of tier")
    explain = gettext_lazy("What a tenant may use, raised or lowered, for good or for a season; and what that costs.")
    first_step = gettext_lazy("Nobody has asked for another tier. The form shows the difference while you type.")
    add_form, add_label, add_verb = ChangeForm, gettext_lazy("Ask for another tier"), "create"
    add_template = "tierchanges/form.html"
    views = (
        (gettext_lazy("All"), ""),
        (gettext_lazy("Waiting for signatures"), "state__exact=pending_approval"),
        (gettext_lazy("In force"), "state__exact=applied"),
        (gettext_lazy("To be decided"), "state__exact=return_conflict"),
    )
    list_display = ("change", "yearly", "starts_on", "ends_on", "state", "created_at")
    list_select_related = ("tenant", "from_tier", "to_tier")
    list_filter = ("state", "to_tier")
    search_fields = ("tenant__name", "tenant__display_name")
    ordering = ("-created_at",)
    object_template = "tierchanges/change.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        related = ("tenant__business_unit", "from_tier", "to_tier", "requested_by__person")
        return TierChange.objects.visible_to(actor).select_related(*related)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related(None).defer("cost")

    @column(gettext_lazy("Tenant and tiers"), ordering="tenant__name")
    def change(self, change: TierChange) -> str:
        return str(change)

    @column(gettext_lazy("₹ a year, difference"), ordering="yearly_inr", kind="inr_short")
    def yearly(self, change: TierChange) -> Any:
        return change.yearly_inr

    def state_words(self, change: TierChange) -> str:
        return str(change.get_state_display())

    def sentence(self, change: TierChange, actor: Actor) -> str:
        said = {
            State.PENDING_APPROVAL: _("Waits for signatures; nothing has changed yet."),
            State.SCHEDULED: _("Approved. It begins by itself on %(start)s."),
            State.APPLIED: _("In force. The tenant goes back by itself on %(end)s.")
            if change.ends_on
            else _("In force, for good."),
            State.RETURNED: _("Over. The tenant is back under %(old)s."),
            State.RETURN_CONFLICT: _("It should have ended on %(end)s, but the tier has changed since."),
        }.get(State(change.state), "")
        days = {"start": moment(change.starts_on), "end": moment(change.ends_on), "old": change.from_tier.name}
        return " ".join(part for part in (said % days if said else "", change.state_reason) if part)

    def verbs(self, change: TierChange, actor: Actor) -> list[Verb]:
        known = {
            "keep": Verb(
                "keep",
                _("Leave the tier as it is"),
                _on(actions.keep),
                tone="primary",
                says=_("Nothing changes for the tenant. To go back, ask for a change to the tier you want."),
                done=_("Left as it is."),
            ),
            "end": Verb(
                "end",
                _("Go back now"),
                _on(actions.end),
                says=_("The tenant is back under %(tier)s at once, with its limits and its price by the day.")
                % {"tier": change.from_tier.name},
                done=_("The tenant is back under its tier."),
            ),
            "cancel": Verb(
                "cancel",
                _("Withdraw"),
                _on(actions.cancel),
                tone="danger",
                says=_("Gives the money back. Nothing has changed for the tenant."),
                done=_("Withdrawn."),
            ),
        }
        return [known[word] for word in queries.available_verbs(change, actor)]

    def facts(self, change: TierChange, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Tenant"), change.tenant.name, url=f"/tenants/{change.tenant_id}/"),
            Fact(_("Begins"), change.starts_on, "day") if change.starts_on else Fact(_("Begins"), _("once approved")),
            Fact(_("Goes back"), change.ends_on, "day") if change.ends_on else Fact(_("Goes back"), _("never")),
            Fact(_("In force since"), change.applied_at, "moment"),
            Fact(_("Users expected"), change.expected_users, "count"),
            Fact(_("Documents expected"), change.expected_documents, "count"),
            Fact(_("Queries a day expected"), change.expected_queries_per_day, "count"),
            Fact(_("Asked for by"), change.requested_by.display_name),
        ]
        return [Facts(_("What was asked"), [row for row in rows if row.value not in ("", None)])]

    def extra(self, change: TierChange, actor: Actor) -> dict[str, Any]:
        first_day = change.starts_on or (change.applied_at or change.created_at).date()
        return {
            "shown": shown(change, first_day),
            "case_url": self.console.url_of("approvals.case", str(change.case_id or "")),
            "live": 5 if change.state in (State.PENDING_APPROVAL, State.SCHEDULED) else 0,
        }

    # -- the form ---------------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        live = path("new/estimate/", self.admin_site.admin_view(self.estimate_view), name="tier_change_estimate")
        return [live, *super().get_urls()]

    def new_form(self, request: HttpRequest) -> forms.Form:
        given = request.POST if request.method == "POST" else None
        return ChangeForm(given, actor=eyes.narrow(request), initial={"tenant": request.GET.get("tenant", "")})

    def estimate_view(self, request: HttpRequest) -> HttpResponseBase:
        """The difference by what has been typed so far, as the piece of the form that shows it. Stores nothing."""
        actor = eyes.narrow(request)
        if request.method != "POST" or not self.may(actor, "create"):
            raise NotAllowed(_("Your role does not ask for another tier."))
        return TemplateResponse(request, "tierchanges/estimate.html", _estimate(request, actor))

    def form_extra(self, request: HttpRequest, form: forms.Form) -> dict[str, Any]:
        return _estimate(request, eyes.narrow(request)) if request.method == "POST" else {"is_new": True}

    def data_of(self, request: HttpRequest, form: forms.Form) -> dict[str, Any]:
        return {**_given(form), **{name: form.cleaned_data[name] for name in ("justification", "acknowledged")}}

    def create(self, actor: Actor, data: dict[str, Any]) -> TierChange:
        return actions.ask(data.pop("tenant").pk, data.pop("tier"), actor=actor, **data)

    def created_message(self, obj: TierChange) -> str:
        return _("Asked. Nothing changes for the tenant before it is approved.")

    # -- elsewhere --------------------------------------------------------------------------------------------------
    def beside(self, obj: Any, actor: Actor) -> list[Card]:
        """On an approval's page what is signed; on a tenant's the way to ask."""
        if obj._meta.label_lower == "approvals.case" and obj.kind == actions.KIND:
            url = self.console.url_of("tierchanges.tierchange", obj.subject_id)
            context = {"shown": obj.snapshot, "case": obj, "url": url}
            return [Card("", "tierchanges/case_cards.html", 10, "main", context=context)]
        if type(obj) is Tenant and obj.status in ("active", "suspended") and self.may(actor, "create", obj):
            return [
                Card(_("Tier"), "tierchanges/card_tenant.html", 55, "side", f"{self.list_url()}new/?tenant={obj.pk}")
            ]
        return []


def shown(change: TierChange, first_day: Any) -> dict[str, Any]:
    """What a change costs and changes, shaped as the preview is."""
    yearly = change.yearly_inr
    unpriced = [what for side in ("before", "after") for what in change.cost[side]["unpriced"]]
    return {
        **change.cost,
        "yearly_inr": yearly,
        "monthly_inr": None if yearly is None else yearly / 12,
        "season_inr": of_the_time(yearly, first_day, change.ends_on),
        "counted_inr": change.counted_inr,
        "unpriced": list(dict.fromkeys(unpriced)),
        "exceeds": change.exceeds,
    }


def _given(form: forms.Form) -> dict[str, Any]:
    given = form.cleaned_data
    names = ("expected_users", "expected_documents", "expected_queries_per_day")
    kept = {name: given[name] for name in ("tenant", "tier", "starts_on", "ends_on", "budget_inr")}
    return {**kept, "expected": {name: given[name] for name in names if given[name] is not None}}


def _estimate(request: HttpRequest, actor: Actor) -> dict[str, Any]:
    """The preview of what has been typed so far, or why there is none yet."""
    form = EstimateForm(request.POST, actor=actor)
    if not form.is_valid():
        return {"missing": [form[name].label for name in form.errors if name in form.fields]}
    given = _given(form)
    try:
        tenant = actions.asked_about(given.pop("tenant").pk, actor)
        return {"shown": queries.preview(tenant, given.pop("tier"), **given)}
    except Refusal as refusal:
        return {"refused": refusal.detail}


def _on(action: Any) -> Any:
    """Call an action that takes the change's id."""

    def run(change: TierChange, **given: Any) -> None:
        action(change.pk, **given)

    return run
