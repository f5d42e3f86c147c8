"""Requests: the form with its live estimate, the request's page, and what it adds to an approval's page."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from compliance.queries import verdicts_of
from lifecycle import queries
from lifecycle.actions import requests
from lifecycle.models import ENDED, State, TenantRequest
from portal.access import policy
from portal.access.actor import Actor
from portal.access.models import Role
from portal.access.queries import roles_of
from portal.admin import eyes
from portal.admin.governed import GovernedAdmin
from portal.admin.home import Card
from portal.admin.listing import fixed
from portal.admin.names import names_of, scopes_of
from portal.admin.verbs import Fact, Facts, Verb
from portal.lib.errors import NotAllowed
from portal.notify.queries import issues_of
from tenants.admin.units import OwnUnits
from tenants.queries import region_choices

from .form import EstimateForm, RequestForm
from .words import plan_rows, plan_sentence

SENTENCES = {
    State.DRAFT: gettext_lazy("A draft. Nothing happens until it is sent."),
    State.SUBMITTED: gettext_lazy("Sent. The plan is being made, so that people can see what they sign."),
    State.PENDING_APPROVAL: gettext_lazy("Waits for signatures."),
    State.APPROVED: gettext_lazy("Approved. Provisioning begins by itself."),
    State.PENDING_MANUAL_SETUP: gettext_lazy("Waits for a person to set something up by hand."),
    State.PROVISIONING: gettext_lazy("The tenant's resources are being created."),
    State.VALIDATING: gettext_lazy("Nine checks are looking at the new tenant."),
    State.AWAITING_CHAMPION: gettext_lazy("Ready. The champion accepts it before it becomes active."),
    State.ACTIVE: gettext_lazy("Done. The tenant is active."),
}
LIVE = (State.SUBMITTED, State.APPROVED, State.PROVISIONING, State.VALIDATING, State.FAILED, State.ROLLBACK_INCOMPLETE)


class RollBackForm(forms.Form):
    confirmed = forms.BooleanField(
        required=False, label=gettext_lazy("Remove it even if people have already put real data into it")
    )


class ItemForm(forms.Form):
    item = forms.IntegerField(min_value=0, max_value=1000, widget=forms.HiddenInput)


@admin.register(TenantRequest)
class RequestAdmin(GovernedAdmin):
    family = "request"
    mount = "requests"
    floor, order = "registry", 20
    searched = True
    counts_waiting = True
    title = gettext_lazy("Requests")
    explain = gettext_lazy("Everything that was asked for, and how far it has come.")
    first_step = gettext_lazy("Nothing has been asked for yet. A request shows its cost while you type.")
    add_form, add_label, add_verb = RequestForm, gettext_lazy("Ask for a tenant"), "create"
    add_template = "lifecycle/request_form.html"
    views = (
        (gettext_lazy("All"), ""),
        (gettext_lazy("Waiting for signatures"), "state__exact=pending_approval"),
        (gettext_lazy("Failed"), "state__exact=failed"),
    )
    list_display = ("name", "business_unit", "tier", "region", "counted_inr", "state", "created_at")
    list_select_related = ("tier", "business_unit")
    list_filter = (
        "state",
        "tier",
        ("business_unit", OwnUnits),
        fixed("region", gettext_lazy("region"), region_choices),
    )
    search_fields = ("name", "display_name", "cost_centre")
    ordering = ("-created_at",)
    object_template = "lifecycle/request.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        people = ("owner__person", "champion__person", "requested_by__person", "accepted_by__person")
        found: QuerySet[Any] = TenantRequest.objects.visible_to(actor).select_related("tier", "business_unit", *people)
        return found

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related(None).defer("plan")

    def waiting(self, actor: Actor) -> int:
        return int(queries.waiting_for_champion(actor).count())

    def under(self, request: TenantRequest) -> str:
        return request.display_name

    def state_words(self, request: TenantRequest) -> str:
        return str(request.get_state_display())

    def sentence(self, request: TenantRequest, actor: Actor) -> str:
        about = _("%(tier)s tenant for %(unit)s in %(region)s.") % {
            "tier": request.tier.name,
            "unit": request.business_unit.name,
            "region": request.region,
        }
        where = str(SENTENCES.get(State(request.state), ""))
        why = request.state_reason if request.state not in (State.ACTIVE, State.PENDING_APPROVAL) else ""
        return " ".join(part for part in (about, where, why) if part)

    def verbs(self, request: TenantRequest, actor: Actor) -> list[Verb]:
        known = {
            "submit": Verb(
                "submit",
                _("Send the request"),
                _submit,
                tone="primary",
                wants_reason=False,
                says=_("Reserves the name and the money, and asks for the signatures."),
                done=_("Sent. The plan is being made."),
            ),
            "accept": Verb(
                "accept",
                _("Accept the tenant"),
                _on(requests.accept),
                tone="primary",
                says=_("You confirm that it is what you asked for. It becomes active at once."),
                done=_("Accepted. It becomes active in a moment."),
            ),
            "roll_back": Verb(
                "roll_back",
                _("Roll back"),
                _on(requests.roll_back),
                tone="danger",
                form=RollBackForm,
                says=_("Removes everything that was created and looks twice that nothing is left."),
                done=_("The roll-back has started."),
            ),
            "cancel": Verb(
                "cancel",
                _("Withdraw the request"),
                _on(requests.cancel),
                tone="danger",
                says=_("Gives the name and the money back. It cannot be undone; you can ask again."),
                done=_("Withdrawn."),
            ),
        }
        offered = [known[word] for word in queries.available_verbs(request, actor) if word in known]
        if request.state == State.PENDING_MANUAL_SETUP and self.may(actor, "manual", request):
            offered.append(Verb("tick", _("Done"), _tick, form=ItemForm, done=_("Ticked."), is_elsewhere=True))
        return offered

    def facts(self, request: TenantRequest, actor: Actor) -> list[Facts]:
        needs = [
            Fact(_("Users expected"), request.expected_users, "count"),
            Fact(_("Documents expected"), request.expected_documents, "count"),
            Fact(_("Queries a day expected"), request.expected_queries_per_day, "count"),
            Fact(_("Whose data"), request.get_geography_display()),
            Fact(_("Protected data"), ", ".join(request.data_classes) or _("none")),
            Fact(_("Compliance profiles"), ", ".join(request.placement.get("profiles", []))),
            Fact(_("Search index"), request.placement.get("providers", {}).get("vectors", "")),
            Fact(_("Needed until"), request.expires_on, "day"),
        ]
        return [Facts(_("What it needs"), [fact for fact in needs if fact.value not in ("", None)])]

    def extra(self, request: TenantRequest, actor: Actor) -> dict[str, Any]:
        verdicts = verdicts_of(request)
        ticket = getattr(request, "ticket", None) if request.manual_reasons else None
        done_by = names_of(item["done_by"] for item in ticket.items) if ticket else {}
        return {
            "phases": queries.phases_of(request),
            "verdicts": verdicts,
            "rows": plan_rows(request.plan),
            "plan_says": plan_sentence(request.plan) if request.plan else "",
            "ticket": ticket,
            "done_by": done_by,
            "issues": issues_of(f"ticket.opened:{ticket.reference}") if ticket else [],
            "is_validated": request.state in (State.AWAITING_CHAMPION, State.ACTIVE),
            "case_url": self.console.url_of("approvals.case", str(request.case_id or "")),
            "job_url": self.console.url_of("jobs.job", str(request.job_id or "")),
            "tenant_url": self._tenant_url(request),
            "live": 0 if request.state in ENDED else 3 if request.state in LIVE else 8,
        }

    def _tenant_url(self, request: TenantRequest) -> str:
        if request.provisioning_at is None:
            return ""
        return self.console.url_of("tenants.tenant", str(request.tenant_id))

    # -- the form ---------------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        live = path("new/estimate/", self.admin_site.admin_view(self.estimate_view), name="request_estimate")
        return [live, *super().get_urls()]

    def new_form(self, request: HttpRequest) -> forms.Form:
        given = request.POST if request.method == "POST" else None
        return RequestForm(given, actor=eyes.narrow(request))

    def estimate_view(self, request: HttpRequest) -> HttpResponseBase:
        """The estimate of what has been typed so far, as the piece of the form that shows it. Stores nothing."""
        actor = eyes.narrow(request)
        if request.method != "POST" or not self.may(actor, "create"):
            raise NotAllowed(_("Your role does not ask for tenants."))
        return TemplateResponse(request, "lifecycle/estimate.html", _estimate(request, actor))

    def form_extra(self, request: HttpRequest, form: forms.Form) -> dict[str, Any]:
        return _estimate(request, eyes.narrow(request)) if request.method == "POST" else {"missing": [], "is_new": True}

    def create(self, actor: Actor, data: dict[str, Any]) -> TenantRequest:
        return requests.create(actor=actor, **data)

    def data_of(self, request: HttpRequest, form: forms.Form) -> dict[str, Any]:
        return {**form.cleaned_data, "submit_now": "draft" not in request.POST}

    # -- elsewhere --------------------------------------------------------------------------------------------------
    def beside(self, obj: Any, actor: Actor) -> list[Card]:
        """What an approver signs: money, plan and rules, from the snapshot the signature is bound to."""
        if obj._meta.label_lower != "approvals.case" or obj.kind != "tenant_request":
            return []
        shown = obj.snapshot
        context = {"shown": shown, "case": obj, "rows": plan_rows(shown.get("plan") or {}), **_envelope(obj)}
        context["is_estimate"] = shown.get("estimate", {}).get("annual_inr") == f"{obj.amount_inr or 0:.2f}"
        context["plan_says"] = plan_sentence(shown.get("plan") or {})
        context["request_url"] = self.console.url_of("lifecycle.tenantrequest", obj.subject_id)
        return [Card("", "lifecycle/case_cards.html", 10, "main", context=context)]

    def home_cards(self, actor: Actor) -> list[Card]:
        cards = [self._acceptance(actor)] if self.may(actor, "accept") else []
        if roles_of(actor) & {Role.TENANT_ADMIN, Role.TENANT_VIEWER, Role.PLATFORM_ADMIN, Role.PLATFORM_ENGINEER}:
            cards.append(self._in_flight(actor))
        return [card for card in cards if card]

    def _acceptance(self, actor: Actor) -> Card | None:
        waiting = list(queries.waiting_for_champion(actor).select_related("tier", "business_unit")[:5])
        if not waiting:
            return None
        count = len(waiting)
        says = ngettext("%(n)d tenant waits for you to accept it.", "%(n)d tenants wait for you to accept them.", count)
        return self._card(_("Waiting for your acceptance"), waiting, 6, says % {"n": count})

    def _in_flight(self, actor: Actor) -> Card:
        found = list(queries.in_flight(actor).defer("plan").order_by("-created_at")[:8])
        title = _("My requests under way") if Role.TENANT_ADMIN in roles_of(actor) else _("Requests under way")
        return self._card(title, found, 15, can_add=self.may(actor, "create"))

    def _card(self, title: str, found: list[Any], order: int, says: str = "", can_add: bool = False) -> Card:
        rows = [{"request": one, "url": self.object_url(one)} for one in found]
        context = {"rows": rows, "add_url": self.list_url() + "new/" if can_add else ""}
        return Card(title, "lifecycle/card.html", order, "main", self.list_url(), says, context)


def _estimate(request: HttpRequest, actor: Actor) -> dict[str, Any]:
    """The preview of what has been typed so far, or what is still missing for one."""
    form = EstimateForm(request.POST, actor=actor)
    if not form.is_valid():
        return {"missing": [form[name].label for name in form.errors if name in form.fields]}
    policy.require(actor, "request.create", form.cleaned_data["business_unit"])
    return {"estimate": queries.preview(form.cleaned_data)}


def _envelope(case: Any) -> dict[str, Any]:
    """The unit's envelope before and after this request, which had already reserved its own amount."""
    envelope = {name: Decimal(value) for name, value in case.snapshot.get("envelope", {}).items()}
    if not envelope or case.amount_inr is None:
        return {}
    before = envelope["used"] - case.amount_inr
    return {
        "unit": scopes_of([case.business_unit]).get(case.business_unit, case.business_unit),
        "total": envelope["total"],
        "before": before,
        "left_before": envelope["total"] - before,
        "left_after": envelope["left"],
    }


def _on(action: Any) -> Any:
    def run(request: TenantRequest, *, actor: Actor, reason: str, **more: Any) -> Any:
        return action(request.pk, actor=actor, reason=reason, **more)

    return run


def _submit(request: TenantRequest, *, actor: Actor, reason: str) -> None:
    requests.submit(request.pk, actor=actor)


def _tick(request: TenantRequest, *, actor: Actor, reason: str, item: int) -> None:
    requests.tick_item(request.pk, item, actor=actor, reason=reason)
