"""The ledger as pages: a list to filter and walk through, one entry in full. Nothing here changes anything."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.access.models import Role
from portal.access.queries import roles_of
from portal.admin.governed import GovernedAdmin
from portal.admin.home import Card
from portal.admin.listing import column, fixed
from portal.admin.names import name_of, names_of
from portal.admin.verbs import Fact, Facts

from .models import Entry
from .queries import entries_visible_to, words_of

VIA = fixed(
    "via",
    gettext_lazy("signed in by"),
    [
        ("session", gettext_lazy("browser")),
        ("jwt", gettext_lazy("access token")),
        ("token", gettext_lazy("API token")),
        ("system", gettext_lazy("the portal itself")),
    ],
)
ABOUT = fixed(
    "about",
    gettext_lazy("about"),
    [
        ("lifecycle.tenantrequest", gettext_lazy("requests")),
        ("approvals.case", gettext_lazy("approvals")),
        ("tenants.tenant", gettext_lazy("tenants")),
        ("jobs.job", gettext_lazy("jobs")),
        ("tenants.tier", gettext_lazy("tiers")),
        ("access.grant", gettext_lazy("grants")),
        ("access.user", gettext_lazy("people")),
    ],
    lookup="object_type",
)


@admin.register(Entry)
class LedgerAdmin(GovernedAdmin):
    family = "audit"
    mount = "ledger"
    floor, order = "evidence", 10
    title = gettext_lazy("Ledger")
    explain = gettext_lazy("Who did what, when and why. Entries are written beside the change and never changed.")
    first_step = gettext_lazy("The first act of anybody appears here.")
    list_display = ("act", "who", "about", "why", "at")
    list_filter = (VIA, ABOUT, ("at", admin.DateFieldListFilter))
    search_fields = ("verb", "object_id", "reason", "request_id")
    ordering = ("-at",)
    sortable_by = ("at", "verb")
    object_template = "audit/entry.html"
    shows_trail = False

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return entries_visible_to(actor)

    @column(gettext_lazy("Act"), ordering="verb")
    def act(self, entry: Entry) -> str:
        return words_of(entry.verb)

    def heading(self, entry: Entry) -> str:
        return words_of(entry.verb)

    @column(gettext_lazy("Who"))
    def who(self, entry: Any) -> str:
        return str(entry.who)

    @column(gettext_lazy("About"), ordering="object_type")
    def about(self, entry: Entry) -> str:
        return entry.object_type.partition(".")[2]

    @column(gettext_lazy("Why"))
    def why(self, entry: Entry) -> str:
        return Truncator(entry.reason).chars(90)

    def prepare(self, rows: list[Any], actor: Actor) -> None:
        names = names_of(row.actor for row in rows)
        for row in rows:
            row.who = names.get(row.actor, row.actor)

    def sentence(self, entry: Entry, actor: Actor) -> str:
        return _("Recorded in the same transaction as the change it speaks of.")

    def facts(self, entry: Entry, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Who"), name_of(entry.actor)),
            Fact(_("When"), entry.at, "moment"),
            Fact(_("Why"), entry.reason),
            Fact(_("Signed in by"), entry.via),
            Fact(_("Object"), entry.object_type),
            Fact(_("Object id"), entry.object_id, "mono"),
            Fact(_("Tenant id"), entry.tenant_id, "mono"),
            Fact(_("Request id"), entry.request_id, "mono"),
            Fact(_("Entry id"), entry.pk, "mono"),
        ]
        return [Facts(_("Entry"), rows)]

    def extra(self, entry: Entry, actor: Actor) -> dict[str, Any]:
        return {"data": json.dumps(entry.data, indent=2, ensure_ascii=False) if entry.data else ""}

    def home_cards(self, actor: Actor) -> list[Card]:
        if not roles_of(actor) & {Role.AUDITOR, Role.COMPLIANCE_OFFICER, Role.LEGAL}:
            return []
        entries = list(entries_visible_to(actor).order_by("-at")[:8])
        names = names_of(entry.actor for entry in entries)
        lines = [
            {
                "words": words_of(entry.verb),
                "who": names.get(entry.actor),
                "at": entry.at,
                "url": self.object_url(entry),
            }
            for entry in entries
        ]
        return [
            Card(_("Latest in the ledger"), "audit/card.html", 70, "side", self.list_url(), context={"lines": lines})
        ]
