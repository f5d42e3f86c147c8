"""Rehearsals: the list, one of them with its figures, and the form that asks for one. On a clone's page what it is."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lifecycle.migration.admin import tenant_named
from portal.access.actor import Actor
from portal.admin.governed import GovernedAdmin
from portal.admin.home import Card
from portal.admin.listing import column
from portal.admin.verbs import Fact, Facts
from tenants.queries import region_choices

from . import actions
from .models import Rehearsal


class RehearsalForm(forms.Form):
    tenant = forms.CharField(label=gettext_lazy("Tenant"), max_length=32, help_text=gettext_lazy("Its name"))
    target = forms.ChoiceField(label=gettext_lazy("To"), choices=region_choices)
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


@admin.register(Rehearsal)
class RehearsalAdmin(GovernedAdmin):
    family = "migration"
    mount = "rehearsals"
    floor, order = "lifecycle", 7
    title = gettext_lazy("Rehearsals")
    explain = gettext_lazy(
        "A clone is moved before its original is: its mover is killed on the way, and it is taken back. "
        "A clone holds the original's data and is governed alike."
    )
    first_step = gettext_lazy("Nothing has been rehearsed yet. Some tiers are moved only after a rehearsal.")
    add_form, add_label, add_verb = RehearsalForm, gettext_lazy("Rehearse a move"), "rehearse"
    list_display = ("name", "tenant_name", "target", "stands", "killed_at_step", "at")
    list_filter = ("ok", "target")
    search_fields = ("tenant__name",)
    ordering = ("-number",)

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Rehearsal.objects.visible_to(actor).select_related("tenant", "migration")

    @column(gettext_lazy("Number"), ordering="number")
    def name(self, found: Rehearsal) -> str:
        return str(found)

    @column(gettext_lazy("Tenant"), ordering="tenant__name")
    def tenant_name(self, found: Rehearsal) -> str:
        return found.tenant.name

    @column(gettext_lazy("Stands"), kind="state")
    def stands(self, found: Rehearsal) -> str:
        return found.state

    def state_words(self, found: Rehearsal) -> str:
        return {"running": _("under way"), "passed": _("passed")}.get(found.state, _("not passed"))

    def sentence(self, found: Rehearsal, actor: Actor) -> str:
        way = _("A clone of %(tenant)s goes to %(target)s and back.")
        said = way % {"tenant": found.tenant.name, "target": found.target}
        return f"{said} {found.findings}".strip()

    def facts(self, found: Rehearsal, actor: Actor) -> list[Facts]:
        url_of = self.console.url_of
        rows = [
            Fact(_("Clone"), _("The clone's tenant"), url=url_of("tenants.tenant", str(found.clone_id))),
            Fact(
                _("Its request"),
                _("Signatures and set-up"),
                url=url_of("lifecycle.tenantrequest", str(found.request_id)),
            ),
            Fact(
                _("Its move"),
                str(found.migration or ""),
                url=url_of("migration.migration", str(found.migration_id or "")),
            ),
            Fact(_("Rows, the same in both"), found.rows, "count"),
            Fact(_("Root of the rows"), found.root),
            Fact(_("Mover killed, as intended, at"), found.killed_at_step),
            Fact(_("There in, ms"), found.moved_in_ms and round(found.moved_in_ms), "count"),
            Fact(_("Pause, ms"), found.pause_ms and round(found.pause_ms), "count"),
            Fact(_("Back in, ms"), found.rollback_ms and round(found.rollback_ms), "count"),
            Fact(_("Ended"), found.at, "moment"),
            Fact(_("Engine"), found.engine),
            Fact(_("Work"), _("Live job and log"), url=url_of("jobs.job", str(found.job_id or ""))),
            Fact(_("Why"), found.reason),
        ]
        note = _(
            "The clone holds real data, with the same data classes and residency. It stays until it can be erased."
        )
        return [Facts(_("The rehearsal"), [row for row in rows if row.value not in ("", None)], note)]

    def create(self, actor: Actor, data: dict[str, Any]) -> Rehearsal:
        return actions.rehearse(tenant_named(data.pop("tenant"), actor), actor=actor, **data)

    def beside(self, obj: Any, actor: Actor) -> list[Card]:
        """On a clone's page of whom it is one."""
        if obj._meta.label_lower != "tenants.tenant" or obj.environment == "prod":
            return []
        found = Rehearsal.objects.visible_to(actor).select_related("tenant").filter(clone_id=obj.pk).first()
        if found is None:
            return []
        context = {"of": found.tenant.name, "name": str(found), "url": self.object_url(found)}
        return [Card(_("This tenant is a clone"), "migration/clone_card.html", 5, "side", context=context)]
