"""Portfolios: the list, the dry run on the form, and one page that shows every move and its signatures together."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lifecycle.migration.portfolios import actions
from lifecycle.migration.portfolios.models import Member, Portfolio, State
from lifecycle.migration.portfolios.planning import PortfolioPlan, plan_portfolio
from lifecycle.migration.portfolios.queries import cost_of, cost_of_all, has_begun, is_stable
from portal.access.actor import Actor
from portal.admin import eyes
from portal.admin.governed import GovernedAdmin, put_refusal
from portal.admin.listing import column
from portal.admin.verbs import Fact, Facts, Verb
from portal.lib.errors import Invalid
from tenants.models import Tenant
from tenants.queries import region_choices


class PortfolioForm(forms.Form):
    """Whom, where to, in which order, and for how much."""

    title = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    target = forms.ChoiceField(label=gettext_lazy("To"), choices=region_choices)
    budget_inr = forms.DecimalField(label=gettext_lazy("Budget, ₹, once"), min_value=1, max_digits=16, decimal_places=2)
    is_rehearsal = forms.BooleanField(
        label=gettext_lazy("A rehearsal, on tenants that are not in production"), required=False
    )
    waves = forms.CharField(
        label=gettext_lazy("Waves"),
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=gettext_lazy("A line for each wave: the tenants' names, between commas"),
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=1000, widget=forms.Textarea(attrs={"rows": 3}))


class BudgetForm(forms.Form):
    budget_inr = forms.DecimalField(label=gettext_lazy("Budget, ₹, once"), min_value=1, max_digits=16, decimal_places=2)


@admin.register(Portfolio)
class PortfolioAdmin(GovernedAdmin):
    family = "portfolio"
    mount = "portfolios"
    floor, order = "lifecycle", 8
    title = gettext_lazy("Portfolios")
    explain = gettext_lazy("Several tenants moved to one region, in waves and within a budget.")
    first_step = gettext_lazy("No portfolio yet. Its dry run costs nothing and touches nothing.")
    add_form, add_label, add_verb = PortfolioForm, gettext_lazy("Plan a portfolio"), "edit"
    add_template = "portfolios/form.html"
    list_display = ("name", "title", "target", "budget_inr", "state", "created_at")
    list_filter = ("state",)
    search_fields = ("title",)
    ordering = ("-number",)
    object_template = "portfolios/portfolio.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Portfolio.objects.select_related("requested_by__person")

    @column(gettext_lazy("Number"), ordering="number")
    def name(self, portfolio: Portfolio) -> str:
        return str(portfolio)

    def heading(self, portfolio: Portfolio) -> str:
        return portfolio.title

    def sentence(self, portfolio: Portfolio, actor: Actor) -> str:
        return portfolio.waits_for if portfolio.state == State.RUNNING else portfolio.state_reason

    def verbs(self, portfolio: Portfolio, actor: Actor) -> list[Verb]:
        if not self.may(actor, "edit", portfolio):
            return []
        initial = {"budget_inr": portfolio.budget_inr}
        start = Verb("start", _("Start"), _on(actions.start), tone="primary", done=_("The first wave may begin."))
        go_on = Verb(
            "resume",
            _("Go on"),
            _on(actions.resume),
            tone="primary",
            says=_("Without the members that were taken back."),
            done=_("It goes on."),
        )
        stop = Verb(
            "stop", _("Stop"), _on(actions.stop), says=_("Moves under way go on; no other begins."), done=_("Stopped.")
        )
        budget = Verb(
            "budget",
            _("Change the budget"),
            _on(actions.set_budget),
            form=BudgetForm,
            initial=initial,
            done=_("Changed."),
        )
        cancel = Verb(
            "cancel",
            _("Withdraw"),
            _on(actions.cancel),
            tone="danger",
            says=_("Moves that have not begun are withdrawn."),
            done=_("Withdrawn."),
        )
        known = {
            State.PLANNED: [start, budget, cancel],
            State.RUNNING: [stop],
            State.STOPPED: [go_on, budget, cancel],
        }
        return known.get(State(portfolio.state), [])

    def facts(self, portfolio: Portfolio, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("To"), portfolio.target),
            Fact(_("Budget, once"), portfolio.budget_inr, "inr"),
            Fact(_("Rehearsal"), portfolio.is_rehearsal or None, "flag"),
            Fact(_("Asked for by"), portfolio.requested_by.display_name),
            Fact(_("Started"), portfolio.started_at, "moment"),
            Fact(_("Ended"), portfolio.ended_at, "moment"),
            Fact(_("Why"), portfolio.justification),
        ]
        return [Facts(_("The portfolio"), [row for row in rows if row.value not in ("", None)])]

    def extra(self, portfolio: Portfolio, actor: Actor) -> dict[str, Any]:
        members = list(portfolio.members.select_related("tenant", "migration__tenant"))
        return {
            "rows": [self._shown(one) for one in members],
            "total": cost_of_all(members),
            "committed": cost_of_all(one for one in members if has_begun(one)),
            "stable": sum(is_stable(one.migration) for one in members),
            "live": 8 if portfolio.state == State.RUNNING else 0,
        }

    def _shown(self, member: Member) -> dict[str, Any]:
        move = member.migration
        signed = _("none needed") if move.is_rehearsal else _("given") if move.approved_at else _("waits")
        return {
            "member": member,
            "move": move,
            "cost": cost_of(move),
            "signed": signed,
            "url": self.console.url_of("migration.migration", str(move.pk)),
            "case_url": self.console.url_of("approvals.case", str(move.case_id)) if move.case_id else "",
        }

    def create(self, actor: Actor, data: dict[str, Any]) -> Portfolio:
        return actions.request(actor=actor, **{**data, "waves": _waves(data["waves"], actor)})

    def form_extra(self, request: Any, form: forms.Form) -> dict[str, Any]:
        """The dry run of what was typed, when it was asked for."""
        if request.method != "POST" or "preview" not in request.POST or not form.is_valid():
            return {}
        try:
            plan = _dry_run(eyes.narrow(request), form.cleaned_data)
        except Invalid as refusal:
            put_refusal(form, refusal)
            return {}
        return {"plan": plan, "fits": plan.fits, "total": plan.total_inr, "seconds": plan.seconds}


def _dry_run(actor: Actor, data: dict[str, Any]) -> PortfolioPlan:
    budget: Decimal = data["budget_inr"]
    waves = _waves(data["waves"], actor)
    return plan_portfolio(data["target"], waves, budget, actor=actor, is_rehearsal=data["is_rehearsal"])


def _waves(typed: str, actor: Actor) -> list[list[UUID]]:
    """The ids of the tenants that are named, a line for each wave."""
    lines = [[name.strip() for name in line.split(",") if name.strip()] for line in typed.splitlines() if line.strip()]
    named = {name for line in lines for name in line}
    found = Tenant.objects.visible_to(actor).filter(name__in=named).order_by("created_at").values_list("name", "pk")
    known: dict[str, UUID] = dict(found)
    if missing := sorted(named - known.keys()):
        raise Invalid(fields={"waves": _("no tenant of this name that you may see: %s") % ", ".join(missing)})
    return [[known[name] for name in line] for line in lines]


def _on(action: Any) -> Any:
    def run(obj: Any, *, actor: Actor, reason: str, **more: Any) -> None:
        action(obj.pk, actor=actor, reason=reason, **more)

    return run
