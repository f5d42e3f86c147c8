"""Account scans as pages: what every account has, what nobody listed, and who signed for it."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access import policy
from portal.access.actor import Actor
from portal.admin.governed import GovernedAdmin
from portal.admin.listing import column, yes_no
from portal.admin.verbs import Fact, Facts, Verb

from . import actions
from .looks import UNSEARCHED
from .models import Scan, State, StoreFinding


class ScanForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Why now"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


class SettleForm(forms.Form):
    """To which system it belongs, if to any; the reason is asked for with every verb."""

    system = forms.CharField(
        label=gettext_lazy("System"),
        max_length=60,
        required=False,
        help_text=gettext_lazy("The name it is listed under; empty where it holds nobody's data"),
    )


@admin.register(Scan)
class ScanAdmin(GovernedAdmin):
    family = "system"
    mount = "account-scans"
    floor, order = "compliance", 17
    title = gettext_lazy("Account scans")
    explain = gettext_lazy("Every quarter all accounts and regions are searched for stores that no system lists.")
    first_step = gettext_lazy("No search yet. The calendar begins one every quarter.")
    add_form, add_label, add_verb = ScanForm, gettext_lazy("Search now"), "edit"
    list_display = ("quarter", "started_at", "due_on", "state")
    list_filter = ("state",)
    ordering = ("-started_at",)
    object_template = "compliance/scan.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Scan.objects.select_related("signed_by__person")

    def state_words(self, row: Scan) -> str:
        return str(row.get_state_display())

    def sentence(self, row: Scan, actor: Actor) -> str:
        if row.is_overdue:
            return _("Overdue: every finding is settled and somebody signs, by %(day)s.") % {"day": row.due_on}
        return _("Read-only: nothing in any account is changed by it.")

    def verbs(self, row: Scan, actor: Actor) -> list[Verb]:
        if row.state != State.OPEN or not policy.can(actor, "scan.sign", row):
            return []
        says = _("Everything found is settled, and you answer for it.")
        return [Verb("sign", _("Sign"), _on(actions.sign), tone="primary", says=says, done=_("Signed."))]

    def facts(self, row: Scan, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Quarter"), row.quarter),
            Fact(_("Begun"), row.started_at, "moment"),
            Fact(_("Ended"), row.ended_at, "moment"),
            Fact(_("Signed by"), row.signed_by.display_name if row.signed_by else ""),
            Fact(_("Signed"), row.signed_at, "moment"),
        ]
        return [Facts(_("The search"), [one for one in rows if one.value not in ("", None)])]

    def extra(self, row: Scan, actor: Actor) -> dict[str, Any]:
        findings = f"/scanned-stores/?scan__id__exact={row.pk}"
        return {"places": row.places, "findings_url": findings, "live": 3 if row.state == State.RUNNING else 0}

    def create(self, actor: Actor, data: dict[str, Any]) -> Scan:
        return actions.begin(actor=actor, **data)

    def created_message(self, obj: Any) -> str:
        return _("Every account is being searched.")


@admin.register(StoreFinding)
class StoreFindingAdmin(GovernedAdmin):
    family = "system"
    mount = "scanned-stores"
    floor, order = "compliance", 18
    title = gettext_lazy("Scanned stores")
    explain = gettext_lazy(
        "Stores that a search of the accounts found and no system knew, and services it could not ask."
    )
    first_step = gettext_lazy("No search has found anything that nobody listed.")
    views = ((gettext_lazy("Open"), "is_open=yes"), (gettext_lazy("All"), ""))
    list_display = ("name", "kind", "account", "region", "found_at", "stands")
    list_filter = (
        yes_no("is_open", gettext_lazy("open"), "resolved_at__isnull", gettext_lazy("open"), gettext_lazy("settled")),
        "kind",
        "account",
        "scan",
    )
    search_fields = ("name", "account", "region")
    ordering = ("-found_at", "name")

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return StoreFinding.objects.all()

    @column(gettext_lazy("State"), kind="state")
    def stands(self, row: StoreFinding) -> str:
        return row.state

    def state(self, row: StoreFinding) -> str:
        return row.state

    def sentence(self, row: StoreFinding, actor: Actor) -> str:
        if row.resolved_at:
            return _("Settled: %(how)s") % {"how": row.resolution}
        if row.kind == UNSEARCHED:
            return _("This could not be asked, so nobody knows what is there.")
        return _("No system lists it, so no erasure reaches it.")

    def verbs(self, row: StoreFinding, actor: Actor) -> list[Verb]:
        if row.resolved_at or not policy.can(actor, "system.edit", row):
            return []
        says = _("It belongs to a listed system, or say why it holds nobody's data.")
        settle = Verb("settle", _("Settle"), _on(actions.settle), form=SettleForm, tone="primary", says=says)
        return [settle]

    def facts(self, row: StoreFinding, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Name"), row.name, "mono"),
            Fact(_("Kind"), row.kind.replace("_", " ")),
            Fact(_("Account"), row.account),
            Fact(_("Region"), row.region),
            Fact(_("Why"), row.why),
            Fact(_("Found"), row.found_at, "moment"),
            Fact(_("System"), row.system),
            Fact(_("How settled"), row.resolution),
            Fact(_("Settled"), row.resolved_at, "moment"),
        ]
        return [Facts(_("The store"), [one for one in rows if one.value not in ("", None)])]


def _on(action: Any) -> Any:
    """Call an action that takes the row's id."""

    def run(row: Any, **given: Any) -> None:
        action(row.pk, **given)

    return run
