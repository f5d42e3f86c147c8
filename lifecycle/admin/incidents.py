"""Incidents: a possible breach, who is concerned, the clock, and its end by a person."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lifecycle.actions import incidents, validations
from lifecycle.models import Incident
from portal.access import policy
from portal.access.actor import Actor
from portal.access.queries import scope_filter
from portal.admin.governed import GovernedAdmin
from portal.admin.home import Card
from portal.admin.listing import column, yes_no
from portal.admin.names import scopes_of
from portal.admin.verbs import Verb


@admin.register(Incident)
class IncidentAdmin(GovernedAdmin):
    family = "incident"
    mount = "incidents"
    floor, order = "compliance", 10
    counts_waiting = True
    title = gettext_lazy("Incidents")
    explain = gettext_lazy(
        "A failed isolation check on a tenant in use: access is closed, evidence kept, 72 hours run."
    )
    first_step = gettext_lazy("No incident has been opened. May it stay so.")
    list_display = ("title", "tenant", "severity", "stands", "opened_at", "notify_by", "resolved_at")
    list_filter = (
        "severity",
        yes_no("open", gettext_lazy("state"), "resolved_at__isnull", gettext_lazy("open"), gettext_lazy("resolved")),
        ("opened_at", admin.DateFieldListFilter),
    )
    search_fields = ("title",)
    ordering = ("-opened_at",)
    object_template = "lifecycle/incident.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Incident.objects.filter(scope_filter(actor, policy.VERBS["incident.view"], tenant="tenant_id"))

    def waiting(self, actor: Actor) -> int:
        return self.visible(actor).filter(resolved_at=None).count() if self.may(actor, "resolve") else 0

    def prepare(self, rows: list[Any], actor: Actor) -> None:
        names = scopes_of(row.tenant_id for row in rows)
        for row in rows:
            row.name = names.get(str(row.tenant_id), "")

    @column(gettext_lazy("Tenant"))
    def tenant(self, incident: Any) -> str:
        return str(incident.name)

    @column(gettext_lazy("State"), ordering="resolved_at", kind="state")
    def stands(self, incident: Incident) -> str:
        return self.state(incident)

    def heading(self, incident: Incident) -> str:
        return incident.title

    def state(self, incident: Incident) -> str:
        return "resolved" if incident.resolved_at else "p0"

    def state_words(self, incident: Incident) -> str:
        return _("resolved") if incident.resolved_at else _("%(severity)s, open") % {"severity": incident.severity}

    def sentence(self, incident: Incident, actor: Actor) -> str:
        if incident.resolved_at:
            return incident.resolution
        return _("All access to the tenant is refused. Supervisory authorities must be told in time if data leaked.")

    def verbs(self, incident: Incident, actor: Actor) -> list[Verb]:
        if incident.resolved_at or not self.may(actor, "resolve", incident):
            return []
        says = _("Opens access again. The checks must have passed after the incident began.")
        again = _("Runs the nine checks now. They alone are let in while access is closed.")
        return [
            Verb("validate", _("Validate now"), _validate, says=again, done=_("The checks begin in a moment.")),
            Verb("resolve", _("Close the incident"), _resolve, tone="primary", says=says, done=_("Closed.")),
        ]

    def extra(self, incident: Incident, actor: Actor) -> dict[str, Any]:
        names = scopes_of(incident.affected)
        url_of = self.console.url_of
        return {
            "affected": [(names.get(one, one), url_of("tenants.tenant", one)) for one in incident.affected],
            "evidence": json.dumps(incident.evidence, indent=2, ensure_ascii=False),
            "run_url": url_of("lifecycle.validationrun", str(incident.run_id or "")),
        }

    def home_cards(self, actor: Actor) -> list[Card]:
        found = list(self.visible(actor).filter(resolved_at=None)[:5])
        if found:
            self.prepare(found, actor)
        says = _("An incident is open.") if found else ""
        rows = [{"incident": one, "url": self.object_url(one)} for one in found]
        return [
            Card(
                _("Open incidents"),
                "lifecycle/card_incidents.html",
                2 if found else 60,
                "side",
                self.list_url(),
                says,
                {"rows": rows},
            )
        ]


def _validate(incident: Incident, *, actor: Actor, reason: str) -> None:
    validations.validate_now(incident.tenant_id, actor=actor, reason=reason)


def _resolve(incident: Incident, *, actor: Actor, reason: str) -> None:
    incidents.resolve(incident.pk, actor=actor, reason=reason)
