"""Sandboxes, and what became of each made-up person who was erased in one."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access import policy
from portal.access.actor import Actor
from portal.admin.governed import GovernedAdmin
from portal.admin.listing import column
from portal.admin.verbs import Fact, Facts, Verb
from tenants.models import Status, Tenant

from . import actions, queries
from .models import Sandbox, State, SyntheticErasure


class SandboxForm(forms.Form):
    tenant = forms.ModelChoiceField(
        label=gettext_lazy("Tenant"),
        queryset=Tenant.objects.none(),
        help_text=gettext_lazy("Active, not production, and made for this: nobody's data may lie in it"),
    )
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["tenant"]
        field.queryset = Tenant.objects.filter(status=Status.ACTIVE).exclude(environment="prod").order_by("name")


@admin.register(Sandbox)
class SandboxAdmin(GovernedAdmin):
    family = "system"
    mount = "sandboxes"
    floor, order = "compliance", 19
    title = gettext_lazy("Sandboxes")
    explain = gettext_lazy("One tenant of a region, without anybody's data, in which erasing is tried every month.")
    first_step = gettext_lazy("No region has a sandbox, so none is tried. Provision a tenant for it, then name it.")
    add_form, add_label, add_verb = SandboxForm, gettext_lazy("Name a sandbox"), "edit"
    list_display = ("region", "of_tenant", "designated_at", "last_passed", "stands")
    ordering = ("region", "-designated_at")

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Sandbox.objects.select_related("tenant").annotate(
            last_passed_at=queries.last_passed(),
        )

    @column(gettext_lazy("Tenant"), ordering="tenant__name")
    def of_tenant(self, row: Sandbox) -> str:
        return row.tenant.name

    @column(gettext_lazy("Last passed"), kind="moment")
    def last_passed(self, row: Any) -> Any:
        return row.last_passed_at

    @column(gettext_lazy("State"), kind="state")
    def stands(self, row: Sandbox) -> str:
        return row.state

    def state(self, row: Sandbox) -> str:
        return row.state

    def sentence(self, row: Sandbox, actor: Actor) -> str:
        if row.ended_at:
            return _("No longer used.")
        if queries.is_overdue(row):
            return _("Overdue: no synthetic erasure has passed here in time.")
        return _("Once a month a made-up person is planted here and erased.")

    def verbs(self, row: Sandbox, actor: Actor) -> list[Verb]:
        if row.ended_at or not policy.can(actor, "system.edit", row):
            return []
        now = _("A made-up person is planted, erased and certified; nobody's data is touched.")
        stop = _("Nothing is tried in this region from now on.")
        return [
            Verb("begin", _("Try now"), _on(actions.begin), tone="primary", says=now, done=_("It has begun.")),
            Verb("end", _("End it"), _on(actions.end), says=stop, done=_("Ended.")),
        ]

    def facts(self, row: Sandbox, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Region"), row.region),
            Fact(_("Tenant"), row.tenant.name, url=f"/tenants/{row.tenant_id}/"),
            Fact(_("Tier"), row.tenant.tier_id),
            Fact(_("Environment"), row.tenant.environment),
            Fact(_("Named"), row.designated_at, "moment"),
            Fact(_("Last passed"), queries.passed_at(row), "moment"),
            Fact(_("Ended"), row.ended_at, "moment"),
        ]
        return [Facts(_("The sandbox"), [one for one in rows if one.value not in ("", None)])]

    def create(self, actor: Actor, data: dict[str, Any]) -> Sandbox:
        return actions.designate(data["tenant"].pk, actor=actor, reason=data["reason"])

    def created_message(self, obj: Any) -> str:
        return _("The first made-up person is erased there within the hour.")


@admin.register(SyntheticErasure)
class SyntheticErasureAdmin(GovernedAdmin):
    family = "system"
    mount = "synthetic-erasures"
    floor, order = "compliance", 18
    title = gettext_lazy("Synthetic erasures")
    explain = gettext_lazy("Every month a made-up person is erased in each sandbox, through certificate and delivery.")
    first_step = gettext_lazy("None yet. Name a sandbox; the calendar begins one there every month.")
    views = ((gettext_lazy("All"), ""), (gettext_lazy("Failed"), "state__exact=failed"))
    list_display = ("name", "started_at", "seconds", "state")
    list_filter = ("state", "month")
    list_select_related = ("sandbox__tenant",)
    ordering = ("-started_at",)
    object_template = "compliance/synthetic.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return SyntheticErasure.objects.select_related("sandbox__tenant", "request")

    @column(gettext_lazy("Run"), ordering="month")
    def name(self, row: SyntheticErasure) -> str:
        return str(row)

    def state_words(self, row: SyntheticErasure) -> str:
        return str(row.get_state_display())

    def sentence(self, row: SyntheticErasure, actor: Actor) -> str:
        made_up = _("The person was made up: nothing of anybody was erased.")
        return f"{row.why} {made_up}".strip()

    def facts(self, row: SyntheticErasure, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Sandbox"), str(row.sandbox), url=f"/sandboxes/{row.sandbox_id}/"),
            Fact(_("Erasure"), str(row.request or ""), url=f"/erasures/{row.request_id}/" if row.request_id else ""),
            Fact(
                _("Certificate"),
                str(row.certificate_id or ""),
                "mono",
                url=self.console.url_of("certificates.certificate", str(row.certificate_id or "")),
            ),
            Fact(_("Begun"), row.started_at, "moment"),
            Fact(_("Ended"), row.ended_at, "moment"),
            Fact(_("Took, seconds"), row.seconds, "count"),
        ]
        return [Facts(_("The run"), [one for one in rows if one.value not in ("", None)])]

    def extra(self, row: SyntheticErasure, actor: Actor) -> dict[str, Any]:
        return {
            "checks": row.checks,
            "live": 5 if row.state == State.RUNNING else 0,
            "job_url": self.console.url_of("jobs.job", str(row.job_id or "")),
        }


def _on(action: Any) -> Any:
    """Call an action that takes the row's id."""

    def run(row: Any, **given: Any) -> None:
        action(row.pk, **given)

    return run
