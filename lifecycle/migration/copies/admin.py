"""Copies: the list, and the form that has one made. On a tenant's page its newest one."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lifecycle.migration.admin import tenant_named
from portal.access.actor import Actor
from portal.admin.governed import GovernedAdmin
from portal.admin.listing import column
from portal.admin.verbs import Fact, Facts, Verb
from tenants.queries import region_choices

from . import actions
from .models import State, TenantCopy
from .queries import available_verbs


class CopyForm(forms.Form):
    tenant = forms.CharField(label=gettext_lazy("Tenant"), max_length=32, help_text=gettext_lazy("Its name"))
    region = forms.ChoiceField(label=gettext_lazy("Into"), choices=region_choices)
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


@admin.register(TenantCopy)
class CopyAdmin(GovernedAdmin):
    family = "migration"
    mount = "copies"
    floor, order = "lifecycle", 6
    title = gettext_lazy("Copies")
    explain = gettext_lazy("What a move that went wrong would be restored from: verified, elsewhere, and never opened.")
    first_step = gettext_lazy("Nothing has been copied yet. A move of a production tenant needs a fresh copy.")
    add_form, add_label, add_verb = CopyForm, gettext_lazy("Make a copy"), "make_copy"
    list_display = ("tenant_name", "source", "region", "state", "verified_at", "rows")
    list_filter = ("state", "region")
    search_fields = ("tenant__name",)
    ordering = ("-created_at",)

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return TenantCopy.objects.visible_to(actor).select_related("tenant")

    @column(gettext_lazy("Tenant"), ordering="tenant__name")
    def tenant_name(self, copy: TenantCopy) -> str:
        return copy.tenant.name

    def sentence(self, copy: TenantCopy, actor: Actor) -> str:
        said = {
            State.MAKING: _("It is being made; the tenant notices nothing."),
            State.VERIFIED: _("Found equal to its source. It is never opened, and the next copy replaces it."),
            State.REPLACED: _("Another copy has been written in its place."),
            State.FAILED: copy.error,
            State.ERASED: _("It was released, and is gone from every system there."),
        }
        return f"{copy.source} → {copy.region}. {said[State(copy.state)]}"

    def facts(self, copy: TenantCopy, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("As of"), copy.verified_at, "moment"),
            Fact(_("Rows"), copy.rows, "count"),
            Fact(_("Objects"), copy.objects_found, "count"),
            Fact(_("Root of the rows, both sides"), copy.root_copy),
            Fact(_("Root of the objects, both sides"), copy.objects_root_copy),
            Fact(_("Snapshot"), copy.snapshot),
            Fact(_("Engine"), copy.engine),
            Fact(_("Tenant"), copy.tenant.name, url=self.console.url_of("tenants.tenant", str(copy.tenant_id))),
            Fact(_("Work"), _("Live job and log"), url=self.console.url_of("jobs.job", str(copy.job_id or ""))),
            Fact(_("Why"), copy.reason),
        ]
        return [Facts(_("The copy"), [row for row in rows if row.value not in ("", None)])]

    def verbs(self, copy: TenantCopy, actor: Actor) -> list[Verb]:
        known = Verb(
            "release",
            _("Release the copy"),
            _release,
            tone="danger",
            says=_("What lies in %(region)s is erased; no move can be restored from it any more.")
            % {"region": copy.region},
            done=_("Released. It is being erased."),
        )
        return [known] if "release" in available_verbs(copy, actor) else []

    def create(self, actor: Actor, data: dict[str, Any]) -> TenantCopy:
        return actions.make_copy(tenant_named(data.pop("tenant"), actor), actor=actor, **data)


def _release(copy: TenantCopy, *, actor: Actor, reason: str) -> None:
    actions.release(copy.pk, actor=actor, reason=reason)
