"""When a request needs a person's hands: the rules and their checklists."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lifecycle.models import ManualRule
from portal.access.actor import Actor
from portal.admin.governed import GovernedAdmin
from portal.admin.listing import column
from portal.admin.verbs import Fact, Facts
from portal.lib.money import inr


@admin.register(ManualRule)
class ManualRuleAdmin(GovernedAdmin):
    family = "policy"
    mount = "manual-rules"
    floor, order = "lifecycle", 95
    title = gettext_lazy("Manual set-up")
    explain = gettext_lazy("Requests these rules speak of wait for a person with a checklist before they go on.")
    list_display = ("title", "speaks", "steps", "stands")
    ordering = ("rule_id", "-version")

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return ManualRule.objects.all()

    @column(gettext_lazy("State"), ordering="is_active", kind="state")
    def stands(self, rule: ManualRule) -> str:
        return self.state(rule)

    def under(self, rule: ManualRule) -> str:
        return str(rule)

    def heading(self, rule: ManualRule) -> str:
        return rule.title

    def state(self, rule: ManualRule) -> str:
        return "active" if rule.is_active else "ended"

    def state_words(self, rule: ManualRule) -> str:
        return _("in force") if rule.is_active else _("no longer in force")

    @column(gettext_lazy("Speaks when"))
    def speaks(self, rule: ManualRule) -> str:
        return "; ".join(_conditions(rule)) or _("never")

    @column(gettext_lazy("Checklist"), kind="count")
    def steps(self, rule: ManualRule) -> int:
        return len(rule.checklist)

    def sentence(self, rule: ManualRule, actor: Actor) -> str:
        return _("%(rule)s speaks when: %(words)s.") % {"rule": rule, "words": self.speaks(rule)}

    def facts(self, rule: ManualRule, actor: Actor) -> list[Facts]:
        return [Facts(_("Checklist"), [Fact(str(number), text) for number, text in enumerate(rule.checklist, start=1)])]


def _conditions(rule: ManualRule) -> list[str]:
    found = []
    if rule.profiles:
        found.append(_("profile %(names)s applies") % {"names": ", ".join(rule.profiles)})
    if rule.integrations:
        found.append(_("%(names)s is integrated") % {"names": ", ".join(rule.integrations)})
    if rule.regions:
        found.append(_("the region is %(names)s") % {"names": ", ".join(rule.regions)})
    if rule.budget_at_least_inr is not None:
        found.append(_("%(amount)s a year or more") % {"amount": inr(rule.budget_at_least_inr)})
    return found
