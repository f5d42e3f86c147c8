"""The page on which a person signs, and the list of what waits for them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Min, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from portal.access import policy, reauthentication
from portal.access.actor import Actor
from portal.access.models import Role
from portal.access.queries import roles_of
from portal.admin import eyes
from portal.admin.governed import GovernedAdmin
from portal.admin.home import Card
from portal.admin.listing import column
from portal.admin.tags import due
from portal.admin.verbs import Verb
from portal.approvals import actions, queries
from portal.approvals.models import Case, Requirement
from portal.audit.evidence import seal_of
from portal.lib.errors import NotAllowed
from portal.lib.money import inr_short


class Whose(admin.SimpleListFilter):
    """What waits for the reader, which is what a signer sees first, or everything the reader may see."""

    title = gettext_lazy("whose")
    parameter_name = "whose"
    hidden = True

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("me", gettext_lazy("waiting for me")), ("all", gettext_lazy("all"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        actor = eyes.narrow(request)
        if (self.value() or default_view(actor)) != "me":
            return queryset
        return queryset.filter(pk__in=queries.waiting_for(actor).order_by().values("pk"))


def default_view(actor: Actor) -> str:
    return "me" if policy.can(actor, "approval.sign") else "all"


class DecisionForm(forms.Form):
    """What travels with a decision: the digest of what was read, and the password where it is asked for."""

    digest = forms.CharField(max_length=128, required=False, widget=forms.HiddenInput)
    password = forms.CharField(max_length=1024, strip=False, required=False, widget=forms.PasswordInput)


class AnswerForm(forms.Form):
    question = forms.UUIDField(widget=forms.HiddenInput)


@admin.register(Case)
class CaseAdmin(GovernedAdmin):
    family = "approval"
    mount = "approvals"
    floor, order = "my_work", 10
    counts_waiting = True
    shows_trail = False
    searched = True
    title = gettext_lazy("Approvals")
    explain = gettext_lazy(
        "What is asked, what it costs, and who signs. A signature is bound to exactly what was shown."
    )
    first_step = gettext_lazy("No approval is here. One opens by itself when a request needs a signature.")
    list_display = ("title", "business_unit", "amount_inr", "state", "asked_by", "due_at", "opened_at")
    list_filter = (Whose, "state", ("opened_at", admin.DateFieldListFilter))
    search_fields = ("title", "business_unit")
    ordering = ("-opened_at",)
    object_template = "approvals/case.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Case.objects.visible_to(actor).select_related("requested_by__person")

    def waiting(self, actor: Actor) -> int:
        return queries.waiting_for(actor).count()

    def tabs(self, actor: Actor) -> list[tuple[Any, str]]:
        if default_view(actor) == "all":
            return [(_("All"), ""), (_("Open"), "state__exact=open")]
        return [
            (_("Waiting for me"), ""),
            (_("Open"), "whose=all&state__exact=open"),
            (_("Everything"), "whose=all"),
        ]

    def prepare(self, rows: list[Any], actor: Actor) -> None:
        open_ones = Requirement.objects.filter(case__in=rows, state=Requirement.State.OPEN)
        due_by_case = dict(open_ones.order_by().values_list("case").annotate(due=Min("due_at")))
        for row in rows:
            row.next_due = due_by_case.get(row.pk)

    @column(gettext_lazy("Asked by"))
    def asked_by(self, case: Case) -> str:
        return case.requested_by.display_name

    @column(gettext_lazy("Due"), kind="when")
    def due_at(self, case: Any) -> Any:
        return case.next_due

    def under(self, case: Case) -> str:
        return str(case.snapshot.get("sentence", ""))

    def sentence(self, case: Case, actor: Actor) -> str:
        return str(case.snapshot.get("sentence", ""))

    def verbs(self, case: Case, actor: Actor) -> list[Verb]:
        """Everybody who could act is offered the verb; the action decides, and says why not."""
        if case.state not in Case.LIVE:
            return []
        return [
            Verb("sign", _("Sign"), _sign, form=DecisionForm, wants_request=True, done=_("Signed.")),
            Verb("reject", _("Reject"), _reject, form=DecisionForm, done=_("Rejected. The requester is told why.")),
            Verb("ask", _("Ask"), _ask, done=_("Asked. The requester is told; the clock goes on.")),
            Verb("answer", _("Answer"), _answer, form=AnswerForm, done=_("Answered.")),
            Verb("withdraw", _("Withdraw"), _withdraw, tone="danger", done=_("Withdrawn.")),
        ]

    def extra(self, case: Case, actor: Actor) -> dict[str, Any]:
        page = queries.case_page(case, actor)
        seal = seal_of(case.intent) if case.intent else None
        return {
            "case_page": page,
            "pill_words": _pill_words(page),
            "live": _live(case),
            "seal": seal,
            "receipt": reverse("approval-receipt", args=[case.pk]),
        }

    def home_cards(self, actor: Actor) -> list[Card]:
        if policy.can(actor, "approval.sign"):
            return [self._waiting_card(list(queries.waiting_for(actor).select_related("requested_by__person")[:8]))]
        if Role.PLATFORM_ADMIN not in roles_of(actor):
            return []
        due = Min("requirements__due_at", filter=Q(requirements__state=Requirement.State.OPEN))
        found = self.visible(actor).filter(state=Case.State.OPEN).annotate(next_due=due)
        rows = [self._row(case, case.next_due) for case in found.order_by("expires_at")[:8]]
        return [
            Card(
                _("Waiting for signatures"), "approvals/card.html", 20, "main", self.list_url(), context={"rows": rows}
            )
        ]

    def _waiting_card(self, cases: list[Any]) -> Card:
        says = ""
        if cases:
            count = ngettext("%(n)d approval waits for you", "%(n)d approvals wait for you", len(cases)) % {
                "n": len(cases)
            }
            says = (
                f"{count}, {due(cases[0].due_at)}."
                if len(cases) == 1
                else _("%(count)s; the first is %(due)s.")
                % {
                    "count": count,
                    "due": due(cases[0].due_at),
                }
            )
        rows = [self._row(case, case.due_at) for case in cases]
        return Card(
            _("Waiting for you"), "approvals/card.html", 5, "main", self.list_url(), says, {"rows": rows, "mine": True}
        )

    def _row(self, case: Case, due_at: Any) -> dict[str, Any]:
        return {"case": case, "url": self.object_url(case), "due": due_at, "asker": case.requested_by.display_name}


def _pill_words(page: queries.CasePage) -> str:
    mine = next((row for row in page.rows if row.is_mine), None)
    if mine is None:
        return str(page.case.get_state_display())
    return _("waiting for you · %(due)s") % {"due": due(mine.requirement.due_at)}


def _live(case: Case) -> int:
    """How often the page looks again: while it is being sealed, that is a matter of seconds."""
    if case.state == Case.State.SIGNED:
        return 2
    return 15 if case.state in Case.LIVE else 0


def _sign(case: Case, *, actor: Actor, reason: str, digest: str, password: str, request: HttpRequest) -> str:
    proved_at = reauthentication.proof(request, password)
    actions.sign(case.pk, actor=actor, reason=reason, digest=digest, reauthenticated_at=proved_at)
    return (
        _("Signed %(amount)s. It is in the ledger.") % {"amount": inr_short(case.amount_inr)} if case.amount_inr else ""
    )


def _reject(case: Case, *, actor: Actor, reason: str, digest: str, password: str) -> None:
    actions.reject(case.pk, actor=actor, reason=reason, digest=digest)


def _ask(case: Case, *, actor: Actor, reason: str) -> None:
    actions.ask(case.pk, actor=actor, text=reason)


def _answer(case: Case, *, actor: Actor, reason: str, question: Any) -> None:
    if not case.questions.filter(pk=question).exists():
        raise NotAllowed(_("There is no such question here."))
    actions.answer(question, actor=actor, text=reason)


def _withdraw(case: Case, *, actor: Actor, reason: str) -> None:
    actions.cancel_case(case.pk, actor=actor, reason=reason)
