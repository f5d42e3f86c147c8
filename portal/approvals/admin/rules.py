"""The approval rules: when they speak, who signs, how fast. An edit is a new version."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.admin.governed import GovernedAdmin
from portal.admin.listing import column, yes_no
from portal.admin.verbs import Fact, Facts, Verb
from portal.approvals import actions
from portal.approvals.conditions import in_words
from portal.approvals.models import Rule
from portal.lib.clock import now


class RuleForm(forms.Form):
    """The part of a rule that changes in daily life."""

    title = forms.CharField(label=gettext_lazy("Title"), max_length=200)
    quorum = forms.IntegerField(label=gettext_lazy("How many different people sign"), min_value=1, max_value=20)
    sla_hours = forms.IntegerField(label=gettext_lazy("Hours to sign"), min_value=1, max_value=8784)
    expires_after_hours = forms.IntegerField(
        label=gettext_lazy("Hours until the case expires"), min_value=1, max_value=8784
    )
    amount_above_inr = forms.DecimalField(
        label=gettext_lazy("Above ₹"),
        required=False,
        min_value=Decimal(0),
        max_digits=16,
        decimal_places=2,
        help_text=gettext_lazy("Empty: the rule does not look at the amount"),
    )


@admin.register(Rule)
class RuleAdmin(GovernedAdmin):
    family = "approval_rule"
    mount = "approval-rules"
    floor, order = "compliance", 60
    title = gettext_lazy("Approval rules")
    explain = gettext_lazy(
        "When a request needs a signature, whose, and how fast. Open cases keep the rules they opened with."
    )
    views = ((gettext_lazy("In force"), "in_force=yes"), (gettext_lazy("Every version"), ""))
    list_display = ("title", "speaks", "effect", "role", "quorum", "sla_hours", "stands")
    list_filter = (
        yes_no("in_force", gettext_lazy("in force"), "is_active", gettext_lazy("yes"), gettext_lazy("no")),
        "role",
        "effect",
    )
    search_fields = ("rule_id", "title")
    ordering = ("rule_id", "-version")

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Rule.objects.all()

    @column(gettext_lazy("Speaks when"))
    def speaks(self, rule: Rule) -> str:
        return in_words(rule.condition)

    @column(gettext_lazy("State"), ordering="is_active", kind="state")
    def stands(self, rule: Rule) -> str:
        return self.state(rule)

    def under(self, rule: Rule) -> str:
        return str(rule)

    def heading(self, rule: Rule) -> str:
        return rule.title

    def state(self, rule: Rule) -> str:
        return "active" if self._is_newest(rule) else "superseded"

    def state_words(self, rule: Rule) -> str:
        return _("in force") if self._is_newest(rule) else _("no longer in force")

    def _is_newest(self, rule: Rule) -> bool:
        return rule.is_active and (rule.effective_until is None or rule.effective_until > now())

    def sentence(self, rule: Rule, actor: Actor) -> str:
        return _("%(rule)s speaks when: %(words)s.") % {"rule": rule, "words": in_words(rule.condition)}

    def facts(self, rule: Rule, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("What it does"), rule.get_effect_display()),
            Fact(_("Who signs"), rule.get_role_display()),
            Fact(_("How many people"), rule.quorum, "count"),
            Fact(_("Hours to sign"), rule.sla_hours, "count"),
            Fact(_("Overdue goes to"), rule.get_escalate_to_display()),
            Fact(_("Order"), rule.order, "count"),
            Fact(_("In force from"), rule.effective_from, "moment"),
            Fact(_("Why it was written"), rule.reason),
        ]
        return [Facts(_("The rule"), rows)]

    def verbs(self, rule: Rule, actor: Actor) -> list[Verb]:
        if not self.may(actor, "edit") or not self._is_newest(rule):
            return []
        names = ("title", "quorum", "sla_hours", "expires_after_hours")
        initial = {name: getattr(rule, name) for name in names}
        initial["amount_above_inr"] = rule.condition.get("amount_above_inr")
        says = _("Writes the next version. Cases that are open keep this one.")
        end = _("No rule left for a request means that it is blocked, never that it passes.")
        return [
            Verb("edit", _("Change"), _edit, form=RuleForm, initial=initial, says=says),
            Verb("retire", _("Retire"), _retire, tone="danger", says=end),
        ]


def _edit(rule: Rule, *, actor: Actor, reason: str, amount_above_inr: Decimal | None, **fields: Any) -> None:
    condition = {key: value for key, value in rule.condition.items() if key != "amount_above_inr"}
    if amount_above_inr is not None:
        condition["amount_above_inr"] = f"{amount_above_inr:.2f}"
    actions.edit_rule(rule.rule_id, actor=actor, reason=reason, condition=condition, **fields)


def _retire(rule: Rule, *, actor: Actor, reason: str) -> None:
    actions.retire_rule(rule.rule_id, actor=actor, reason=reason)
