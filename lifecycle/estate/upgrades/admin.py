"""Module upgrades: the list, the request, and one page on which the waves can be followed."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.admin.governed import GovernedAdmin
from portal.admin.home import Card
from portal.admin.listing import column
from portal.admin.verbs import Fact, Facts, Verb

from . import actions
from .models import Member, State, Upgrade


class UpgradeForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


class ResumeForm(forms.Form):
    leave_out_failed = forms.BooleanField(required=False, label=gettext_lazy("Leave out what failed"))


@admin.register(Upgrade)
class UpgradeAdmin(GovernedAdmin):
    family = "upgrade"
    mount = "module-upgrades"
    floor, order = "lifecycle", 33
    title = gettext_lazy("Module upgrades")
    explain = gettext_lazy("Tenants brought to the modules installed here: one, 5 %, 25 %, all; validated in between.")
    first_step = gettext_lazy("No upgrade yet. A tenant keeps the modules it was made with until one is signed.")
    add_form, add_label, add_verb = UpgradeForm, gettext_lazy("Ask for an upgrade"), "edit"
    list_display = ("modules", "state", "created_at", "ended_at")
    list_filter = ("state",)
    ordering = ("-created_at",)
    object_template = "upgrades/upgrade.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Upgrade.objects.select_related("requested_by__person")

    @column(gettext_lazy("Modules"), ordering="version_id")
    def modules(self, upgrade: Upgrade) -> str:
        return str(upgrade)

    def sentence(self, upgrade: Upgrade, actor: Actor) -> str:
        return upgrade.state_reason

    def verbs(self, upgrade: Upgrade, actor: Actor) -> list[Verb]:
        if not self.may(actor, "edit", upgrade):
            return []
        stop = Verb(
            "stop",
            _("Stop"),
            _on(actions.stop),
            says=_("Tenants under way go on; no other begins."),
            done=_("Stopped."),
        )
        go_on = Verb(
            "resume",
            _("Go on"),
            _on(actions.resume),
            tone="primary",
            form=ResumeForm,
            says=_("What failed is tried again, or left out."),
            done=_("It goes on."),
        )
        cancel = Verb("cancel", _("Withdraw"), _on(actions.cancel), tone="danger",
                      says=_("What is upgraded stays upgraded."), done=_("Withdrawn."))  # fmt: skip
        known = {State.PENDING: [cancel], State.RUNNING: [stop], State.STOPPED: [go_on, cancel]}
        return known.get(State(upgrade.state), [])

    def facts(self, upgrade: Upgrade, actor: Actor) -> list[Facts]:
        case = _("The case") if upgrade.case_id else ""
        rows = [
            Fact(_("Modules"), upgrade.version_id, "mono"),
            Fact(_("Asked for by"), upgrade.requested_by.display_name),
            Fact(_("Signatures"), case, url=self.console.url_of("approvals.case", str(upgrade.case_id or ""))),
            Fact(_("Ended"), upgrade.ended_at, "moment"),
            Fact(_("Why"), upgrade.reason),
        ]
        return [Facts(_("The upgrade"), [row for row in rows if row.value not in ("", None)])]

    def extra(self, upgrade: Upgrade, actor: Actor) -> dict[str, Any]:
        members = list(upgrade.members.select_related("tenant").defer("plan")[:500])
        rows = [
            {"member": one, "url": self.console.url_of("jobs.job", str(one.job_id)) if one.job_id else ""}
            for one in members
        ]
        done = sum(one.state == Member.State.DONE for one in members)
        waves = actions.progress(upgrade)
        return {"rows": rows, "done": done, "waves": waves, "live": 5 if upgrade.state == State.RUNNING else 0}

    def create(self, actor: Actor, data: dict[str, Any]) -> Upgrade:
        return actions.request(actor=actor, **data)

    def beside(self, obj: Any, actor: Actor) -> list[Card]:
        """On an approval's page what is signed."""
        if obj._meta.label_lower == "approvals.case" and obj.kind == actions.KIND:
            return [Card("", "upgrades/case_card.html", 10, "main", context={"shown": obj.snapshot})]
        return []


def _on(action: Any) -> Any:
    """Call an action that takes the row's id."""

    def run(row: Any, **given: Any) -> None:
        action(row.pk, **given)

    return run
