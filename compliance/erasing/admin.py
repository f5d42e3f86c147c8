"""Erasures as pages: the list, one with its evidence by system, what is still owed, and what must be kept by law."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.cache import cache
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access import policy
from portal.access.actor import Actor
from portal.access.models import Role
from portal.access.queries import grants_of, roles_of
from portal.admin import eyes
from portal.admin.governed import GovernedAdmin, put_refusal
from portal.admin.home import Card
from portal.admin.listing import column
from portal.admin.navigation import COUNTS_KEPT_SECONDS
from portal.admin.verbs import Fact, Facts, Verb
from portal.lib.errors import Refusal

from . import actions, proving, queries, rules
from .approval import KIND, SYNTHETIC_KIND
from .form import AgainForm, NewRuleForm, ProofForm, RecipientForm, RequestForm, RuleForm
from .kept import is_due
from .models import ENDED, ErasureRequest, Kind, Obligation, Owed, RetentionRule, State

LIVE = {State.EXECUTING: 3, State.VERIFYING: 3, State.SCHEDULED: 10, State.LEGAL_HOLD_BLOCKED: 10}
WAITS_FOR_COMPLIANCE = (State.FAILED, State.NOT_CERTIFIABLE)


def verb_of(word: str) -> Verb:
    """One button of an erasure's page: what it costs, in words."""
    retry = Verb(
        "retry",
        _("Go on"),
        _on(actions.retry),
        tone="primary",
        says=_("What is gone stays gone; it goes on with what is left and is verified as a whole."),
        done=_("It goes on."),
    )
    extend = Verb(
        "extend",
        _("Extend its time"),
        _on(actions.extend),
        says=_("Once, by two months under GDPR, 45 days elsewhere. Whoever asked is told, with the reason."),
        done=_("Extended."),
    )
    waive = Verb(
        "waive_export",
        _("Waive the export"),
        _on(actions.waive_export),
        says=_("Nobody gets the tenant's data back: once the erasure has begun there is nothing left to hand over."),
        done=_("Waived."),
    )
    recipient = Verb(
        "tell_recipient",
        _("A recipient was told"),
        _on(actions.tell_recipient),
        form=RecipientForm,
        says=_("Whoever had been given the data is told of its erasure (Art. 19). The certificate names them."),
        done=_("Noted."),
    )
    contest = Verb(
        "contest",
        _("Object"),
        _contest,
        form=AgainForm,
        says=_("Every store is asked again; nothing comes back. Its key is destroyed: say once more whom it is about."),
        done=_("Noted. Every store is asked again."),
    )
    refuse = Verb(
        "refuse",
        _("Refuse"),
        _on(actions.refuse),
        tone="danger",
        says=_("Nothing is erased. Whoever asked reads the reason and may object."),
        done=_("Refused."),
    )
    cancel = Verb(
        "cancel",
        _("Cancel"),
        _on(actions.cancel),
        tone="danger",
        says=_("Before it begins nothing has been touched. After that, what is gone stays gone and is counted."),
        done=_("Cancelled."),
    )
    prove = Verb(
        "prove",
        _("Prove that an id was erased"),
        _prove,
        form=ProofForm,
        says=_("A file for bailiwick-verify, about this id alone. The ledger keeps that you asked, never the id."),
    )
    return {one.name: one for one in (retry, extend, waive, recipient, contest, refuse, cancel, prove)}[word]


@admin.register(ErasureRequest)
class ErasureAdmin(GovernedAdmin):
    family = "erasure"
    mount = "erasures"
    floor, order = "compliance", 8
    searched = True
    counts_waiting = True
    title = gettext_lazy("Erasure")
    explain = gettext_lazy("What is to be erased, by which right, until when, and what every system says of it.")
    first_step = gettext_lazy("Nobody has asked for an erasure yet. A preview stores nothing and touches nothing.")
    add_form, add_label, add_verb = RequestForm, gettext_lazy("Ask for an erasure"), "request"
    add_template = "erasing/form.html"
    views = (
        (gettext_lazy("All"), ""),
        (gettext_lazy("Waiting for signatures"), "state__exact=awaiting_approval"),
        (gettext_lazy("Not certifiable"), "state__exact=not_certifiable"),
        (gettext_lazy("Retained under law"), "state__exact=legal_hold_blocked"),
        (gettext_lazy("Completed"), "state__exact=completed"),
    )
    list_display = ("name", "of_tenant", "kind", "legal_basis", "state", "received_at", "due_on", "left")
    list_select_related = ("tenant",)
    shows_trail = False  # the log says it; every change is in its history
    list_filter = ("state", "kind", "legal_basis")
    search_fields = ("tenant__name", "tenant__display_name", "number")
    ordering = ("-number",)
    object_template = "erasing/request.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        related = ("tenant__business_unit", "requested_by__person", "settles")
        return ErasureRequest.objects.visible_to(actor).select_related(*related)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related(None).defer("inventory", "justification")

    def waiting(self, actor: Actor) -> int:
        if Role.COMPLIANCE_OFFICER not in roles_of(actor):
            return 0
        return ErasureRequest.objects.visible_to(actor).filter(state__in=WAITS_FOR_COMPLIANCE).count()

    @column(gettext_lazy("Number"), ordering="number")
    def name(self, one: ErasureRequest) -> str:
        return str(one)

    @column(gettext_lazy("Tenant"), ordering="tenant__name")
    def of_tenant(self, one: ErasureRequest) -> str:
        return one.tenant.name

    @column(gettext_lazy("Days left"), ordering="due_on", kind="count")
    def left(self, one: ErasureRequest) -> int | None:
        return queries.days_left(one) if one.is_open else None

    def heading(self, one: ErasureRequest) -> str:
        whom = {Kind.TENANT: _("all of it"), Kind.PERSON: _("one person")}.get(Kind(one.kind))
        return f"{one.tenant.name}, {whom or _('%(n)d documents') % {'n': one.documents}}"

    def state_words(self, one: ErasureRequest) -> str:
        return str(one.get_state_display())

    def sentence(self, one: ErasureRequest, actor: Actor) -> str:
        return queries.where_it_stands(one)

    def verbs(self, one: ErasureRequest, actor: Actor) -> list[Verb]:
        return [verb_of(word) for word in queries.available_verbs(one, actor)]

    def facts(self, one: ErasureRequest, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Tenant"), one.tenant.name, url=f"/tenants/{one.tenant_id}/"),
            Fact(_("By which right"), one.get_legal_basis_display()),
            Fact(_("Named by"), ", ".join(one.identifiers)),
            Fact(_("Pseudonym"), one.subject[:16], "mono"),
            Fact(_("Received"), one.received_at, "moment"),
            Fact(_("Signed"), one.approved_at, "moment"),
            Fact(_("Begun"), one.started_at, "moment"),
            Fact(_("Ended"), one.ended_at, "moment"),
            Fact(_("Inventory"), f"v{one.inventory_version}, {one.inventory_digest[:12]}", "mono"),
            Fact(_("Export"), one.get_export_settled_display() or (_("not received yet") if one.awaits_export else "")),
            Fact(_("Export, in words"), one.export_settled_how),
            Fact(_("Extended because"), one.extension_reason),
            Fact(_("Objected to"), one.contested_at, "moment"),
            Fact(_("Objection"), one.contest_reason),
            Fact(_("Why"), one.justification),
        ]
        if one.settles:
            url = f"/obligations/{one.settles_id}/"
            rows.insert(1, Fact(_("Only what a law kept"), one.settles.part, url=url))
        return [Facts(_("The request"), _said(rows))]

    def extra(self, one: ErasureRequest, actor: Actor) -> dict[str, Any]:
        passages = list(one.passages.all()[:30])
        held_at = next((was.at for was in passages if was.new == State.LEGAL_HOLD_BLOCKED), None)
        days, left = queries.days_of_clock(one), queries.days_left(one)
        reads_holds = policy.can(actor, "hold.view", one)
        return {
            "steps": queries.steps_of(one),
            "systems": list(one.systems.all()),
            "exemptions": list(one.exemptions.all()),
            "obligations": list(one.obligations.all()) if one.ended_at else [],
            "recipients": list(one.recipients.all()),
            "passages": passages,
            "held_at": held_at if one.state == State.LEGAL_HOLD_BLOCKED else None,
            "holds_url": f"/holds/?q={one.tenant.name}" if reads_holds else "",
            "clock": {"days": days, "left": left, "used": min(days, days - left), "late": queries.is_late(one)},
            "case_url": self.console.url_of("approvals.case", str(one.case_id)) if one.case_id else "",
            "job_url": self.console.url_of("jobs.job", str(one.job_id)) if one.job_id else "",
            "certificate_url": self._certificate(one),
            "live": LIVE.get(State(one.state), 0),
        }

    def _certificate(self, one: ErasureRequest) -> str:
        if one.certificate_id is None:
            return ""
        return self.console.url_of("certificates.certificate", str(one.certificate_id))

    # -- the form -----------------------------------------------------------------------------------------------------
    def new_form(self, request: HttpRequest) -> forms.Form:
        given = request.POST if request.method == "POST" else None
        return RequestForm(given, actor=eyes.narrow(request), initial={"tenant": request.GET.get("tenant", "")})

    def create(self, actor: Actor, data: dict[str, Any]) -> ErasureRequest:
        return actions.request(data.pop("tenant").pk, actor=actor, **data)

    def created_message(self, obj: ErasureRequest) -> str:
        return _("Received. Two others sign it; nothing is touched before that.")

    def form_extra(self, request: HttpRequest, form: forms.Form) -> dict[str, Any]:
        """The preview of what was typed, when it was asked for."""
        if request.method != "POST" or "preview" not in request.POST or not form.is_valid():
            return {}
        given = {name: form.cleaned_data[name] for name in ("kind", "legal_basis", "email", "user_id", "documents")}
        try:
            shown = actions.preview(form.cleaned_data["tenant"].pk, actor=eyes.narrow(request), **given)
        except Refusal as refusal:
            put_refusal(form, refusal)
            return {}
        return {"shown": shown}

    # -- elsewhere ----------------------------------------------------------------------------------------------------
    def beside(self, obj: Any, actor: Actor) -> list[Card]:
        """On a case what is signed, from the snapshot that the signature binds."""
        if obj._meta.label_lower != "approvals.case" or obj.kind not in (KIND, SYNTHETIC_KIND):
            return []
        url = self.console.url_of("erasing.erasurerequest", obj.subject_id)
        return [Card("", "erasing/case_cards.html", 10, "main", context={"shown": obj.snapshot, "url": url})]

    def home_cards(self, actor: Actor) -> list[Card]:
        if not roles_of(actor) & {Role.COMPLIANCE_OFFICER, Role.LEGAL, Role.CCO, Role.TENANT_ADMIN}:
            return []
        key = f"erasures:{actor.id}:{'-'.join(sorted(str(grant.pk) for grant in grants_of(actor)))}"
        rows = cache.get_or_set(key, lambda: self._pressing(actor), COUNTS_KEPT_SECONDS) or []
        if not rows:
            return []
        late = sum(row["left"] < 0 for row in rows)
        says = _("%(n)d erasures are overdue.") % {"n": late} if late else ""
        context = {"rows": rows, "url": self.list_url()}
        return [Card(_("Erasures, the most pressing first"), "erasing/card.html", 15, says=says, context=context)]

    def _pressing(self, actor: Actor) -> list[dict[str, Any]]:
        found = self.visible(actor).exclude(state__in=ENDED).defer("inventory", "justification").order_by("due_on")
        return [
            {
                "name": str(one),
                "title": self.heading(one),
                "url": self.object_url(one),
                "state": str(one.state),
                "words": self.state_words(one),
                "left": queries.days_left(one),
            }
            for one in found[:6]
        ]


@admin.register(Obligation)
class ObligationAdmin(GovernedAdmin):
    family = "erasure"
    mount = "obligations"
    floor, order = "compliance", 9
    title = gettext_lazy("Obligations")
    explain = gettext_lazy(
        "What finished erasures still owe, and by when: a provider's purge, the end of a backup's key."
    )
    first_step = gettext_lazy("Nothing is owed. Obligations come from erasures that were certified.")
    views = (
        (gettext_lazy("All"), ""),
        (gettext_lazy("Still owed"), "state__exact=open"),
        (gettext_lazy("Overdue"), "state__exact=overdue"),
        (gettext_lazy("No longer owed"), "state__exact=lapsed"),
    )
    list_display = ("due_on", "erasure", "of_tenant", "system", "owed", "state")
    list_select_related = ("request__tenant",)
    list_filter = ("state",)
    search_fields = ("system", "owed", "request__tenant__name")
    ordering = ("due_on", "id")

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Obligation.objects.visible_to(actor).select_related("request__tenant__business_unit")

    @column(gettext_lazy("Erasure"), ordering="request__number")
    def erasure(self, one: Obligation) -> str:
        return str(one.request)

    @column(gettext_lazy("Tenant"), ordering="request__tenant__name")
    def of_tenant(self, one: Obligation) -> str:
        return one.request.tenant.name

    def heading(self, one: Obligation) -> str:
        return f"{one.request}: {one.system}"

    def sentence(self, one: Obligation, actor: Actor) -> str:
        return one.owed

    def facts(self, one: Obligation, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Erasure"), str(one.request), url=f"/erasures/{one.request_id}/"),
            Fact(_("Tenant"), one.request.tenant.name),
            Fact(_("System"), one.system),
            Fact(_("Kept by law"), one.part, "mono"),
            Fact(_("Due"), one.due_on, "day"),
            *self._erasures(one),
            Fact(_("Settled"), one.settled_at, "moment"),
            Fact(_("How that is known"), one.settled_how),
        ]
        return [Facts(_("What is owed"), _said(rows))]

    def _erasures(self, one: Obligation) -> list[Fact]:
        found = one.erasures.order_by("number") if one.part else ()
        return [Fact(_("Erased by"), str(own), url=f"/erasures/{own.pk}/") for own in found]

    def verbs(self, one: Obligation, actor: Actor) -> list[Verb]:
        if one.state == Owed.LAPSED or not policy.can(actor, "erasure.operate", one):
            return []
        erase = Verb(
            "erase_part",
            _("Have it erased"),
            _on(actions.erase_part),
            tone="danger",
            says=_("A request for this part alone: two others sign it, a hold stops it, and a supplement follows."),
            done=_("Received. Two others sign it; nothing is touched before that."),
        )
        found = [erase] if is_due(one) else []
        return [
            *found,
            Verb(
                "settle",
                _("It is done"),
                _on(actions.settle_obligation),
                tone="primary",
                says=_("Say how that is known. A supplement to the certificate follows."),
                done=_("Settled."),
            ),
        ]


@admin.register(RetentionRule)
class RetentionRuleAdmin(GovernedAdmin):
    family = "retention_rule"
    mount = "retention-rules"
    floor, order = "compliance", 35
    title = gettext_lazy("Retention rules")
    explain = gettext_lazy("What outlives an erasure because a law says so. The rest of a request goes on.")
    first_step = gettext_lazy("No rule yet: everything an erasure reaches is erased.")
    add_form, add_label, add_verb = NewRuleForm, gettext_lazy("Add a rule"), "edit"
    list_display = ("code", "title", "statute", "category", "where", "days", "review_on", "stands")
    search_fields = ("code", "title", "statute", "category")
    ordering = ("code",)

    def heading(self, rule: RetentionRule) -> str:
        return rule.title

    @column(gettext_lazy("Where"))
    def where(self, rule: RetentionRule) -> str:
        where = rule.system or _("wherever it lies")
        return f"{where}: {rule.part}" if rule.part else where

    @column(gettext_lazy("State"), kind="state")
    def stands(self, rule: RetentionRule) -> str:
        return self.state(rule)

    def state(self, rule: RetentionRule) -> str:
        return "active" if rule.is_active else "ended"

    def state_words(self, rule: RetentionRule) -> str:
        return _("in force") if rule.is_active else _("not in force")

    def sentence(self, rule: RetentionRule, actor: Actor) -> str:
        return rule.ground

    def facts(self, rule: RetentionRule, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Statute"), rule.statute),
            Fact(_("Category of data"), rule.category, "mono"),
            Fact(_("Where"), self.where(rule)),
            Fact(_("Whose data"), rule.get_geography_display() or _("anybody's")),
            Fact(_("Only tenants with"), rule.get_data_class_display() or _("any data")),
            Fact(_("Kept, days"), rule.days, "count"),
            Fact(_("Review on"), rule.review_on, "day"),
            Fact(_("Last changed"), rule.changed_at, "moment"),
        ]
        return [Facts(_("The rule"), rows, _("Evaluated when a request is validated, and fixed from then on."))]

    def verbs(self, rule: RetentionRule, actor: Actor) -> list[Verb]:
        if not self.may(actor, "edit", rule):
            return []
        initial = {name: getattr(rule, name) for name in rules.EDITABLE}
        says = _("Holds from the next validation on; what was validated stays as it is.")
        return [Verb("edit", _("Change the rule"), _on(rules.edit_rule), form=RuleForm, initial=initial, says=says)]

    def create(self, actor: Actor, data: dict[str, Any]) -> RetentionRule:
        return rules.add_rule(data.pop("code"), actor=actor, **data)


def _said(rows: list[Fact]) -> list[Fact]:
    return [row for row in rows if row.value not in ("", None)]


def _contest(one: ErasureRequest, *, documents: list[Any], **given: Any) -> None:
    actions.contest(one.pk, document_ids=documents, **given)


def _prove(one: ErasureRequest, **given: Any) -> HttpResponse:
    return proving.answer(one, proving.prove(one.pk, **given))


def _on(action: Any) -> Any:
    """Call an action that takes the object's key."""

    def run(obj: Any, **given: Any) -> None:
        action(obj.pk, **given)

    return run
