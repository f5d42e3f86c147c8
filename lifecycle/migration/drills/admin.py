"""Drills of the way back: their times against the bar, and when each tier's next one is due."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lifecycle.migration.drills import actions
from lifecycle.migration.drills.models import Drill, DrillRule
from lifecycle.migration.drills.queries import Due, due_of
from portal.access.actor import Actor
from portal.admin.governed import GovernedAdmin
from portal.admin.listing import column
from portal.admin.verbs import Fact, Facts, Verb


@admin.register(Drill)
class DrillAdmin(GovernedAdmin):
    family = "migration_drill"
    mount = "rollback-drills"
    floor, order = "lifecycle", 7
    title = gettext_lazy("Roll-back drills")
    explain = gettext_lazy("Tenants taken back on purpose while all was well, and how long that took.")
    first_step = gettext_lazy("Nothing has been drilled. A drill is started on the page of a move in its stability.")
    list_display = ("move", "tenant_name", "tier", "outcome", "took", "pause", "asked_at")
    list_filter = ("outcome",)
    search_fields = ("migration__tenant__name",)
    ordering = ("-asked_at",)

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Drill.objects.visible_to(actor).select_related("migration__tenant", "tier", "asked_by__person")

    @column(gettext_lazy("Move"), ordering="migration__number")
    def move(self, drill: Drill) -> str:
        return str(drill.migration)

    @column(gettext_lazy("Tenant"), ordering="migration__tenant__name")
    def tenant_name(self, drill: Drill) -> str:
        return drill.migration.tenant.name

    @column(gettext_lazy("Took"), ordering="seconds", kind="span")
    def took(self, drill: Drill) -> Any:
        return drill.seconds

    @column(gettext_lazy("Pause, ms"), ordering="pause_ms", kind="count")
    def pause(self, drill: Drill) -> Any:
        return None if drill.pause_ms is None else round(drill.pause_ms)

    def state(self, drill: Drill) -> str:
        return drill.outcome

    def state_words(self, drill: Drill) -> str:
        return str(drill.get_outcome_display())

    def heading(self, drill: Drill) -> str:
        return drill.migration.tenant.name

    def sentence(self, drill: Drill, actor: Actor) -> str:
        if drill.seconds is None:
            return str(drill.get_outcome_display()).capitalize() + "."
        known = {"took": f"{drill.seconds:.2f}", "bar": f"{drill.bar_seconds:g}"}
        return _("%(took)s s from the request until blue took writes again; the bar is %(bar)s s.") % known

    def facts(self, drill: Drill, actor: Actor) -> list[Facts]:
        url = self.console.url_of("migration.migration", str(drill.migration_id))
        rows = [
            Fact(_("Move"), str(drill.migration), url=url),
            Fact(_("Tier"), drill.tier.name),
            Fact(_("Asked for by"), drill.asked_by.display_name),
            Fact(_("Asked for"), drill.asked_at, "moment"),
            Fact(_("Blue took writes again"), drill.served_at, "moment"),
            Fact(_("Writers waited, ms"), self.pause(drill), "count"),
            Fact(_("Keys carried inside the pause"), drill.keys_carried, "count"),
        ]
        return [Facts(_("The drill"), [row for row in rows if row.value is not None])]


class DrillRuleForm(forms.Form):
    every_days = forms.IntegerField(label=gettext_lazy("Every so many days"), min_value=1, max_value=730)


@admin.register(DrillRule)
class DrillRuleAdmin(GovernedAdmin):
    family = "drill_rule"
    mount = "drill-rules"
    floor, order = "lifecycle", 46
    title = gettext_lazy("Drills due")
    explain = gettext_lazy("How often the way back of each tier's tenants is drilled, and when the next is due.")
    list_display = ("tier", "every_days", "last", "due_on", "stands")
    ordering = ("tier__rank",)

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return DrillRule.objects.select_related("tier")

    def prepare(self, rows: list[Any], actor: Actor) -> None:
        found = due_of(rows)
        for row in rows:
            row.due = found[row.pk]

    @column(gettext_lazy("Last"), kind="when")
    def last(self, rule: Any) -> Any:
        return self._due(rule).last

    @column(gettext_lazy("Due"), kind="day")
    def due_on(self, rule: Any) -> Any:
        return self._due(rule).on

    @column(gettext_lazy("State"), kind="state")
    def stands(self, rule: Any) -> str:
        return self.state(rule)

    def state(self, rule: Any) -> str:
        due = self._due(rule)
        return "overdue" if due.is_overdue else "planned" if due.has_tenants else "no_tenants"

    def state_words(self, rule: Any) -> str:
        words = {"overdue": _("overdue"), "planned": _("planned"), "no_tenants": _("no tenant to drill with")}
        return words[self.state(rule)]

    def _due(self, rule: Any) -> Due:
        if not hasattr(rule, "due"):
            self.prepare([rule], None)  # type: ignore[arg-type]  # whoever asks, the dates are the same
        found: Due = rule.due
        return found

    def facts(self, rule: DrillRule, actor: Actor) -> list[Facts]:
        due = self._due(rule)
        rows = [
            Fact(_("Every so many days"), rule.every_days, "count"),
            Fact(_("Last drill"), due.last, "moment"),
            Fact(_("Next due"), due.on, "day"),
        ]
        return [Facts(_("The rule"), [row for row in rows if row.value is not None])]

    def verbs(self, rule: DrillRule, actor: Actor) -> list[Verb]:
        if not self.may(actor, "edit", rule):
            return []
        initial = {"every_days": rule.every_days}
        return [Verb("edit", _("Change"), _set, form=DrillRuleForm, initial=initial, done=_("Changed."))]


def _set(rule: DrillRule, *, actor: Actor, reason: str, every_days: int) -> None:
    actions.set_drill_rule(rule.pk, actor=actor, reason=reason, every_days=every_days)
