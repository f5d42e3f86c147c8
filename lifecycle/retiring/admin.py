"""Retired stores: the list, and of each what was found before, what went and what was found after."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.admin.governed import GovernedAdmin
from portal.admin.listing import column
from portal.admin.verbs import Fact, Facts, Verb
from portal.jobs.models import Job

from . import actions, queries
from .models import Retirement, State


@admin.register(Retirement)
class RetirementAdmin(GovernedAdmin):
    family = "migration"
    mount = "retired-stores"
    floor, order = "lifecycle", 7
    title = gettext_lazy("Retired stores")
    explain = gettext_lazy("What a tenant has left behind in a region, erased there with evidence while it goes on.")
    first_step = gettext_lazy("No tenant has left a store yet. One is retired when a move is stable, or released.")
    list_display = ("tenant_name", "region", "occasion", "state", "created_at", "ended_at")
    list_filter = ("state", "occasion", "region")
    search_fields = ("tenant__name",)
    ordering = ("-created_at",)

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Retirement.objects.visible_to(actor).select_related("tenant")

    @column(gettext_lazy("Tenant"), ordering="tenant__name")
    def tenant_name(self, row: Retirement) -> str:
        return row.tenant.name

    def sentence(self, row: Retirement, actor: Actor) -> str:
        if row.state == State.ERASED:
            return _("Gone from every system of %(region)s, by independent query.") % {"region": row.region}
        job = Job.objects.filter(pk=row.job_id).first()
        told = job and (job.error or job.wait_reason)
        return told or _("Being erased system by system; the tenant is served from elsewhere.")

    def facts(self, row: Retirement, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Left as"), row.get_occasion_display()),
            Fact(_("Asked for"), row.created_at, "moment"),
            Fact(_("Kept until"), row.retained_until, "moment"),
            Fact(_("Erased"), row.ended_at, "moment"),
            Fact(_("Neighbours found as they were"), row.evidence.get("neighbours"), "count"),
            Fact(_("Tenant"), row.tenant.name, url=self.console.url_of("tenants.tenant", str(row.tenant_id))),
            Fact(_("Work"), _("Live job and log"), url=self.console.url_of("jobs.job", str(row.job_id or ""))),
            Fact(_("Why"), row.reason),
        ]
        systems = [Fact(name, _said(one)) for name, one in sorted(row.evidence.get("systems", {}).items())]
        found = [Facts(_("The store"), [one for one in rows if one.value not in ("", None)])]
        return [*found, Facts(_("By system"), systems)] if systems else found

    def verbs(self, row: Retirement, actor: Actor) -> list[Verb]:
        known = {
            "look_again": Verb(
                "look_again",
                _("Look again"),
                _again,
                tone="primary",
                says=_("Lists what has come since, removes it and looks again."),
                done=_("It is being worked on."),
            )
        }
        return [known[word] for word in queries.available_verbs(row, actor)]


def _again(row: Retirement, *, actor: Actor, reason: str) -> None:
    actions.look_again(row.pk, actor=actor, reason=reason)


def _said(one: dict[str, Any]) -> str:
    """One system in words: found, listed, gone, found after."""
    if "root" not in one:
        return _("%(before)s found before, %(after)s after") % one
    words = _("%(before)s found before, %(leaves)s listed, %(acknowledged)s gone, %(after)s found after") % one
    return f"{words}; {one['outcome']} {one['until'] or ''}".strip() if one.get("outcome") else words
