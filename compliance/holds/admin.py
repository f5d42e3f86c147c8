"""Holds as pages: where each stands in every store, who keeps it, who was refused; a banner on the tenant's page."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.admin import eyes
from portal.admin.governed import GovernedAdmin
from portal.admin.home import Card
from portal.admin.listing import column
from portal.admin.names import name_of
from portal.admin.verbs import Fact, Facts, Verb
from tenants.models import Tenant

from . import actions, queries
from .form import PlaceForm
from .models import GROUND, STANDING, Hold, RefusedAttempt, State

LATEST = 20


@admin.register(Hold)
class HoldAdmin(GovernedAdmin):
    family = "hold"
    mount = "holds"
    floor, order = "compliance", 10
    title = gettext_lazy("Legal holds")
    explain = gettext_lazy("What is retained under law. While a hold stands nothing of its tenant is destroyed.")
    first_step = gettext_lazy("Nothing is held. Legal or a compliance officer places a hold.")
    add_form, add_label, add_verb = PlaceForm, gettext_lazy("Place a hold"), "place"
    views = (
        (gettext_lazy("All"), ""),
        (gettext_lazy("Being placed"), "state__exact=placing"),
        (gettext_lazy("In force"), "state__exact=active"),
        (gettext_lazy("Released"), "state__exact=released"),
    )
    list_display = ("number", "of_tenant", "state", "placed_at", "review_on", "released_at")
    list_select_related = ("tenant",)
    list_filter = ("state",)
    search_fields = ("tenant__name", "tenant__display_name", "number")
    ordering = ("-number",)
    object_template = "holds/hold.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        people = ("placed_by__person", "release_asked_by__person", "release_confirmed_by__person")
        return Hold.objects.visible_to(actor).select_related("tenant__business_unit", *people)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related(None).defer("matter", "reason", "release_reason")

    def may(self, actor: Actor, word: str, obj: Any = None) -> bool:
        """A custodian sees the hold that names them, whatever their role."""
        if super().may(actor, word, obj):
            return True
        mine = word == "view" and isinstance(obj, Hold) and actor.user is not None
        return mine and obj.custodians.filter(person=actor.user).exists()

    @column(gettext_lazy("Hold"), ordering="number")
    def number(self, hold: Hold) -> str:
        return str(hold)

    @column(gettext_lazy("Tenant"), ordering="tenant__name")
    def of_tenant(self, hold: Hold) -> str:
        return hold.tenant.name

    def state_words(self, hold: Hold) -> str:
        return str(hold.get_state_display())

    def sentence(self, hold: Hold, actor: Actor) -> str:
        if hold.state == State.PLACING:
            return _("The portal refuses already. Not every store has answered; what has not counts as held.")
        if hold.state == State.ACTIVE and hold.release_asked_by_id:
            return _("In force. Its release has been asked for: another person confirms it.")
        return {
            State.ACTIVE: _("In force in every store. It ends only when two persons release it."),
            State.RELEASING: _("Two persons have confirmed the release; it takes effect once that is sealed."),
            State.RELEASED: _("Released. What waited goes on by itself, unless another hold of the tenant stands."),
        }[State(hold.state)]

    def verbs(self, hold: Hold, actor: Actor) -> list[Verb]:
        known = {
            "acknowledge": Verb(
                "acknowledge",
                _("Acknowledge"),
                _on(actions.acknowledge),
                tone="primary",
                wants_reason=False,
                says=_("You keep what you have of this tenant, wherever it lies, until the hold is released."),
                done=_("Acknowledged."),
            ),
            "remind": Verb(
                "remind",
                _("Remind custodians"),
                _on(actions.remind),
                says=_("Tells those who have not acknowledged once more."),
                done=_("Reminded."),
            ),
            "ask_release": Verb(
                "ask_release",
                _("Ask for release"),
                _on(actions.ask_release),
                says=_("Nothing changes before another person has confirmed it."),
                done=_("Asked. Another person confirms it."),
            ),
            "withdraw_release": Verb(
                "withdraw_release",
                _("Keep the hold"),
                _on(actions.withdraw_release),
                says=_("The release that was asked for is taken back."),
                done=_("The hold stays."),
            ),
            "confirm_release": Verb(
                "confirm_release",
                _("Confirm release"),
                _on(actions.confirm_release),
                tone="danger",
                says=_("Once sealed, what is kept may be destroyed again, and what waited for that goes on by itself."),
                done=_("Confirmed. It takes effect once the ledger has sealed it."),
            ),
        }
        return [known[word] for word in queries.available_verbs(hold, actor, self._custodians(hold))]

    def _custodians(self, hold: Hold) -> list[Any]:
        if not hasattr(hold, "listed"):
            hold.listed = list(hold.custodians.select_related("person__person"))
        return list(hold.listed)

    def facts(self, hold: Hold, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Tenant"), hold.tenant.name, url=f"/tenants/{hold.tenant_id}/"),
            Fact(_("Ground"), GROUND),
            Fact(_("Placed"), hold.placed_at, "moment"),
            Fact(_("In force since"), hold.active_at, "moment"),
            Fact(_("Review on"), hold.review_on, "day"),
            Fact(_("Released"), hold.released_at, "moment"),
        ]
        found = [Facts(_("The hold"), _said(rows), note=WHOLE)]
        return [*found, self._matter(hold)] if queries.may_read(hold, actor) else found

    def _matter(self, hold: Hold) -> Facts:
        asked, confirmed = hold.release_asked_by, hold.release_confirmed_by
        rows = [
            Fact(_("Matter"), hold.matter),
            Fact(_("Kind"), hold.get_kind_display()),
            Fact(_("Case"), hold.case_ref),
            Fact(_("Person, as a pseudonym"), hold.subject[:16], "mono"),
            Fact(_("System"), hold.system),
            Fact(_("Category of data"), hold.category),
            Fact(_("Data from"), hold.from_on, "day"),
            Fact(_("Data until"), hold.until_on, "day"),
            Fact(_("Why"), hold.reason),
            Fact(_("Placed by"), hold.placed_by.display_name),
            Fact(_("Release asked for by"), asked.display_name if asked else ""),
            Fact(_("Release confirmed by"), confirmed.display_name if confirmed else ""),
            Fact(_("Why released"), hold.release_reason),
        ]
        return Facts(_("For legal and compliance only"), _said(rows))

    def extra(self, hold: Hold, actor: Actor) -> dict[str, Any]:
        tried = RefusedAttempt.objects.filter(tenant_id=hold.tenant_id, last_at__gte=hold.placed_at)
        tried = tried.filter(at__lte=hold.released_at) if hold.released_at else tried
        return {
            "stores": list(hold.stores.all()),
            "custodians": self._custodians(hold) if super().may(actor, "view", hold) else [],
            "tried": list(tried[:LATEST]) if super().may(actor, "view", hold) else [],
            "live": 5 if hold.state in (State.PLACING, State.RELEASING) else 0,
        }

    # -- the form -----------------------------------------------------------------------------------------------------
    def new_form(self, request: HttpRequest) -> forms.Form:
        given = request.POST if request.method == "POST" else None
        return PlaceForm(given, actor=eyes.narrow(request), initial={"tenant": request.GET.get("tenant", "")})

    def create(self, actor: Actor, data: dict[str, Any]) -> Hold:
        return actions.place(data.pop("tenant").pk, actor=actor, **data)

    def created_message(self, obj: Hold) -> str:
        return _("Placed. The portal refuses at once; the stores follow within a second.")

    # -- elsewhere ----------------------------------------------------------------------------------------------------
    def beside(self, obj: Any, actor: Actor) -> list[Card]:
        """On a tenant's page the banner, in words that give nothing away."""
        if type(obj) is not Tenant:
            return []
        found = list(Hold.objects.filter(tenant_id=obj.pk, state__in=STANDING).only("number", "state"))
        if not found:
            return []
        shown = [(one, self.object_url(one)) for one in found] if super().may(actor, "view", obj) else []
        return [Card(_("Retained under law"), "holds/card_tenant.html", 1, "main", context={"holds": shown})]


WHOLE = gettext_lazy(
    "Whatever narrower scope it names, everything of the tenant is kept, in every store. No date ends it."
)


@admin.register(RefusedAttempt)
class RefusedAttemptAdmin(GovernedAdmin):
    family = "hold"
    mount = "refused-attempts"
    floor, order = "compliance", 12
    title = gettext_lazy("Refused attempts")
    explain = gettext_lazy("Whoever, or whatever, tried to destroy what is retained under law.")
    first_step = gettext_lazy("Nothing was refused yet.")
    list_display = ("verb", "who", "of_tenant", "place", "times", "at", "last_at")
    list_select_related = ("tenant",)
    list_filter = ("verb",)
    search_fields = ("tenant__name", "verb")
    ordering = ("-last_at",)

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return RefusedAttempt.objects.visible_to(actor).select_related("tenant__business_unit")

    @column(gettext_lazy("Who"))
    def who(self, one: RefusedAttempt) -> str:
        return name_of(one.actor)

    @column(gettext_lazy("Tenant"), ordering="tenant__name")
    def of_tenant(self, one: RefusedAttempt) -> str:
        return one.tenant.name if one.tenant else _("all")

    def state(self, one: RefusedAttempt) -> str:
        return "refused"

    def facts(self, one: RefusedAttempt, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Tenant"), self.of_tenant(one), url=f"/tenants/{one.tenant_id}/" if one.tenant_id else ""),
            Fact(_("What was tried"), one.verb, "mono"),
            Fact(_("By"), self.who(one)),
            Fact(_("Refused by"), one.place),
            Fact(_("Times"), one.times, "count"),
            Fact(_("First"), one.at, "moment"),
            Fact(_("Last"), one.last_at, "moment"),
        ]
        return [Facts(_("The attempt"), rows)]


def _said(rows: list[Fact]) -> list[Fact]:
    return [row for row in rows if row.value not in ("", None)]


def _on(action: Any) -> Any:
    """Call an action that takes the hold's id."""

    def run(hold: Hold, **given: Any) -> None:
        action(hold.pk, **given)

    return run
