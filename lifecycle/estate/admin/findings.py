"""The estate as pages: what was found and what it costs, what is decided about it, and which drift is noise."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lifecycle.migration.admin import tenant_named
from portal.access import policy
from portal.access.actor import Actor
from portal.access.models import User
from portal.admin import eyes
from portal.admin.governed import GovernedAdmin
from portal.admin.home import Card
from portal.admin.listing import column
from portal.admin.verbs import Fact, Facts, Verb
from tenants.models import Tenant

from .. import actions
from ..actions import is_standing
from ..models import Decision, Finding, NoiseRule, Remedy


def _day(label: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=forms.DateInput(attrs={"type": "date"}))


class AlikeForm(forms.Form):
    """Whether the others of the tenant are decided with it."""

    alike = forms.BooleanField(required=False, label=gettext_lazy("All open findings of this kind of the tenant"))


class DestroyForm(forms.Form):
    acknowledged = forms.BooleanField(required=False, label=gettext_lazy("The data it names may be destroyed"))


class IgnoreForm(AlikeForm):
    until = _day(gettext_lazy("Until"))


class NoiseForm(forms.Form):
    resource_type = forms.CharField(label=gettext_lazy("Type of resource"), max_length=80, required=False)
    words = forms.CharField(label=gettext_lazy("What the deviation says"), max_length=200, required=False)
    tenant = forms.CharField(
        label=gettext_lazy("Tenant"), max_length=32, required=False, help_text=gettext_lazy("Its name; empty: all")
    )
    owner = forms.ModelChoiceField(
        label=gettext_lazy("Who answers for it"), queryset=User.objects.filter(is_active=True, is_service=False)
    )
    expires_on = _day(gettext_lazy("Until"))
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


OFFERS: dict[Remedy, tuple[Any, Any, str, type[forms.Form]]] = {
    Remedy.ADOPT: (
        gettext_lazy("Adopt"),
        gettext_lazy("Takes it into the tenant's state and changes nothing."),
        "primary",
        AlikeForm,
    ),
    Remedy.REPAIR: (
        gettext_lazy("Put right"),
        gettext_lazy("Applies the tenant's own modules to what is decided, and nothing else."),
        "primary",
        AlikeForm,
    ),
    Remedy.IGNORE: (
        gettext_lazy("Leave it until a day"),
        gettext_lazy("Nothing changes; after the day it is open again."),
        "plain",
        IgnoreForm,
    ),
    Remedy.DESTROY: (
        gettext_lazy("Destroy"),
        gettext_lazy("Removes it for good. Where it holds data that is named first."),
        "danger",
        DestroyForm,
    ),
}


@admin.register(Finding)
class FindingAdmin(GovernedAdmin):
    family = "estate"
    verb_words = tuple(remedy.value for remedy in OFFERS)
    mount = "estate-findings"
    floor, order = "lifecycle", 30
    title = gettext_lazy("Drift and orphans")
    explain = gettext_lazy("What really stands in the regions, where it is not as the registry and the state say.")
    first_step = gettext_lazy("Everything stands as it should. Every tenant is compared once a day.")
    views = (
        (gettext_lazy("Open"), "state__exact=open"),
        (gettext_lazy("Orphans"), "kind__exact=orphan&state__exact=open"),
        (gettext_lazy("Kept by law"), "kind__exact=kept&state__exact=open"),
        (gettext_lazy("All"), ""),
    )
    list_display = ("what", "kind", "region", "seen", "monthly", "first_seen", "state")
    list_filter = ("state", "kind", "region")
    search_fields = ("tenant_name", "address", "resource")
    ordering = ("-first_seen", "address")
    list_template = "estate/list.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """With what waits, and what it costs that nobody owns; a price that is not known is counted apart."""
        orphan = Q(kind=Finding.Kind.ORPHAN)
        heard = Finding.objects.visible_to(eyes.narrow(request)).filter(state=Finding.State.OPEN, quiet_by=None)
        sums = heard.aggregate(
            open=Count("pk", filter=~Q(kind=Finding.Kind.KEPT)),
            orphans=Count("pk", filter=orphan),
            cost=Sum("monthly_inr", filter=orphan),
            unpriced=Count("pk", filter=orphan & Q(monthly_inr=None)),
        )
        return super().changelist_view(request, {"sums": sums} | (extra_context or {}))

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Finding.objects.visible_to(actor).select_related("decision", "quiet_by__owner__person")

    @column(gettext_lazy("What"), ordering="tenant_name")
    def what(self, one: Finding) -> str:
        return str(one)

    @column(gettext_lazy("What was seen"), ordering="words")
    def seen(self, one: Finding) -> str:
        return one.words

    @column(gettext_lazy("₹ a month"), ordering="monthly_inr", kind="price")
    def monthly(self, one: Finding) -> Any:
        return one.monthly_inr

    def sentence(self, one: Finding, actor: Actor) -> str:
        said = one.words[:1].upper() + one.words[1:]
        if one.state == Finding.State.GONE:
            return _("%(said)s. It is gone.") % {"said": said}
        if one.ignored_until:
            return _("%(said)s. Left alone until %(day)s.") % {"said": said, "day": one.ignored_until}
        if one.quiet_by:
            return _("%(said)s. Noise until %(day)s: %(why)s") % {
                "said": said, "day": one.quiet_by.expires_on, "why": one.quiet_by.reason,
            }  # fmt: skip
        return f"{said}."

    def facts(self, one: Finding, actor: Actor) -> list[Facts]:
        about = [
            Fact(_("Tenant"), one.tenant_name or str(one.tenant_id)),
            Fact(_("Region"), one.region),
            Fact(_("Kind"), one.get_kind_display()),
            Fact(_("Address in its stack"), one.address, "mono"),
            Fact(_("Type"), one.resource_type, "mono"),
            Fact(_("There it is"), one.resource, "mono"),
            Fact(_("₹ a month"), _("not known") if one.monthly_inr is None else one.monthly_inr,
                 "text" if one.monthly_inr is None else "inr"),
            Fact(_("First seen"), one.first_seen, "moment"),
            Fact(_("Last seen"), one.last_seen, "moment"),
            Fact(_("Gone"), one.gone_at, "moment"),
            Fact(_("Decision"), str(one.decision or ""),
                 url=self.console.url_of("estate.decision", str(one.decision_id or ""))),
        ]  # fmt: skip
        sides = [(name, one.detail.get("before", {}).get(name), after) for name, after in _after(one).items()]
        rows = [Fact(name, f"{_short(before)} → {_short(after)}", "mono") for name, before, after in sides]
        found = [Facts(_("The finding"), _said(about))]
        return [*found, Facts(_("Is → should be"), rows)] if rows else found

    def verbs(self, one: Finding, actor: Actor) -> list[Verb]:
        if one.state != Finding.State.OPEN or not policy.can(actor, "estate.decide", one):
            return []
        stands, others_sign = is_standing(one), _("Others sign.")
        return [
            Verb(remedy.value, label, _decide(remedy), f"{says} {others_sign}", tone, form=form, done=_("Asked."))
            for remedy, (label, says, tone, form) in OFFERS.items()
            if not actions.unfit(one, remedy, stands=stands)
        ]

    def beside(self, obj: Any, actor: Actor) -> list[Card]:
        """On an approval's page what is signed."""
        if obj._meta.label_lower == "approvals.case" and obj.kind in (actions.KIND, actions.DESTRUCTION):
            return [Card("", "estate/case_card.html", 10, "main", context={"shown": obj.snapshot})]
        return []


def _after(one: Finding) -> dict[str, Any]:
    return one.detail.get("after") or {}


def _short(value: Any) -> str:
    return "—" if value is None or value == "" else str(value)[:120]


def _decide(remedy: Remedy) -> Any:
    """Decide about one finding, or about all open ones of its kind of the tenant that the remedy fits."""

    def run(one: Finding, *, actor: Actor, reason: str, alike: bool = False, **given: Any) -> None:
        rows = [one.pk]
        if alike:
            mine = Finding.objects.visible_to(actor).filter(tenant_id=one.tenant_id, region=one.region, kind=one.kind)
            rows = [row.pk for row in mine.filter(state=Finding.State.OPEN) if bool(row.address) == bool(one.address)]
        actions.decide(rows, remedy, actor=actor, reason=reason, **given)

    return run


@admin.register(Decision)
class DecisionAdmin(GovernedAdmin):
    family = "estate"
    mount = "estate-decisions"
    floor, order = "lifecycle", 31
    title = gettext_lazy("Decisions about findings")
    explain = gettext_lazy("What is adopted, put right, destroyed or left alone; asked by one, signed by others.")
    first_step = gettext_lazy("Nothing has been decided yet. A decision begins on a finding's page.")
    list_display = ("what", "remedy", "region", "state", "created_at")
    list_filter = ("state", "remedy")
    search_fields = ("tenant_name",)
    ordering = ("-created_at",)

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Decision.objects.visible_to(actor).select_related("requested_by__person")

    @column(gettext_lazy("Decision"), ordering="tenant_name")
    def what(self, one: Decision) -> str:
        return str(one)

    def sentence(self, one: Decision, actor: Actor) -> str:
        return one.state_reason

    def verbs(self, one: Decision, actor: Actor) -> list[Verb]:
        if one.state != Decision.State.PENDING or not policy.can(actor, "estate.decide", one):
            return []
        says = _("Nothing has been done yet; its findings are open again.")
        return [Verb("withdraw", _("Withdraw"), _on(actions.withdraw), says=says, done=_("Withdrawn."))]

    def facts(self, one: Decision, actor: Actor) -> list[Facts]:
        url_of = self.console.url_of
        about = [
            Fact(_("Tenant"), one.tenant_name or str(one.tenant_id)),
            Fact(_("Remedy"), one.get_remedy_display()),
            Fact(_("Until"), one.until, "day"),
            Fact(_("Why"), one.reason),
            Fact(_("Asked for by"), one.requested_by.display_name),
            Fact(_("Signatures"), _("The case") if one.case_id else "",
                 url=url_of("approvals.case", str(one.case_id or ""))),
            Fact(_("Work"), _("Live job and log") if one.job_id else "", url=url_of("jobs.job", str(one.job_id or ""))),
            Fact(_("Ended"), one.ended_at, "moment"),
        ]  # fmt: skip
        shown = one.findings.order_by("address")[:200]
        rows = [
            Fact(row.address or row.resource, row.words, url=url_of("estate.finding", str(row.pk))) for row in shown
        ]
        data = [Fact(what, how) for what, how in one.holds.items()]
        found = [Facts(_("The decision"), _said(about)), Facts(_("About"), rows)]
        return [*found, Facts(_("Data that is destroyed"), data)] if data else found


@admin.register(NoiseRule)
class NoiseRuleAdmin(GovernedAdmin):
    family = "noise_rule"
    mount = "noise-rules"
    floor, order = "lifecycle", 32
    title = gettext_lazy("Noise rules")
    explain = gettext_lazy("Drift that nobody needs to hear of, until a day; somebody answers for each.")
    first_step = gettext_lazy("No rule yet: every drift is heard of.")
    add_form, add_label, add_verb = NoiseForm, gettext_lazy("Add a rule"), "edit"
    list_display = ("what", "tenant_name", "owned_by", "expires_on", "ended_at")
    list_select_related = ("tenant", "owner__person")
    ordering = ("-created_at",)

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return NoiseRule.objects.select_related("tenant", "owner__person")

    @column(gettext_lazy("Drift"), ordering="resource_type")
    def what(self, rule: NoiseRule) -> str:
        return str(rule)

    @column(gettext_lazy("Tenant"), ordering="tenant__name")
    def tenant_name(self, rule: NoiseRule) -> str:
        return rule.tenant.name if rule.tenant else _("all")

    @column(gettext_lazy("Answers for it"))
    def owned_by(self, rule: NoiseRule) -> str:
        return rule.owner.display_name

    def verbs(self, rule: NoiseRule, actor: Actor) -> list[Verb]:
        if rule.ended_at or not self.may(actor, "edit", rule):
            return []
        return [Verb("end", _("End it"), _on(actions.end_rule), says=_("From the next look on it is heard again."))]

    def facts(self, rule: NoiseRule, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Type of resource"), rule.resource_type or _("any"), "mono"),
            Fact(_("The deviation says"), rule.words or _("anything")),
            Fact(_("Tenant"), rule.tenant.name if rule.tenant else _("all")),
            Fact(_("Answers for it"), rule.owner.display_name),
            Fact(_("Until"), rule.expires_on, "day"),
            Fact(_("Ended"), rule.ended_at, "moment"),
            Fact(_("Keeps quiet now"), rule.findings.exclude(state=Finding.State.GONE).count(), "count"),
            Fact(_("Why"), rule.reason),
        ]
        return [Facts(_("The rule"), _said(rows))]

    def create(self, actor: Actor, data: dict[str, Any]) -> NoiseRule:
        name = data.pop("tenant")
        tenant = Tenant.objects.get(pk=tenant_named(name, actor)) if name else None
        return actions.quiet(actor=actor, tenant=tenant, **data)


def _said(rows: list[Fact]) -> list[Fact]:
    return [row for row in rows if row.value not in ("", None)]


def _on(action: Any) -> Any:
    """Call an action that takes the row's id."""

    def run(row: Any, **given: Any) -> None:
        action(row.pk, **given)

    return run
