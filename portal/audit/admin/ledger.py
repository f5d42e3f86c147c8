"""The ledger as pages: a list to narrow and walk through, one entry in full. Nothing here changes anything."""

import json
from collections.abc import Iterable
from typing import Any, cast

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.access.models import Role
from portal.access.queries import roles_of
from portal.admin import eyes, listing
from portal.admin.governed import GovernedAdmin
from portal.admin.history import differences
from portal.admin.home import Card
from portal.admin.listing import column
from portal.admin.names import PEOPLE, name_of, names_of, objects_of, scopes_of
from portal.admin.verbs import Fact, Facts
from portal.audit.evidence import seal_of
from portal.audit.models import Entry
from portal.audit.queries import entries_visible_to, images, sees_persons, words_of

from ..counting import COUNTED, Capped
from .filters import FAMILIES, FILTERS, kind_words, kinds

NEAREST = 15
FIELDS = ("who", "what", "about", "object", "tenant", "since", "until", "request")
CSV = ("pk", "at", "act", "actor_name", "actor", "via", "object_type", "object_name", "object_id", "tenant_id",
       "reason", "request_id")  # fmt: skip


@admin.register(Entry)
class LedgerAdmin(GovernedAdmin):
    family = "audit"
    mount = "ledger"
    floor, order = "evidence", 10
    title = gettext_lazy("Ledger")
    explain = gettext_lazy("Who did what, when and why. Entries are written beside the change and never changed.")
    first_step = gettext_lazy("The first act of anybody appears here.")
    list_display = ("act", "who", "why", "request", "moment")
    list_filter = FILTERS
    ordering = ("-pk",)
    sortable_by = ()
    paginator = Capped
    list_template = "audit/ledger.html"
    object_template = "audit/entry.html"
    shows_trail = False

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return entries_visible_to(actor)

    # -- list -------------------------------------------------------------------------------------------------------
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        given = {name: request.GET.get(name, "") for name in FIELDS}
        more = {
            "given": given,
            "is_open": any(given.values()),
            "shown_kind": request.GET.get("show", ""),
            "families": [(one, words_of(one)) for one in FAMILIES],
            "kinds": kinds(),
            "counted": COUNTED,
        }
        page = cast(TemplateResponse, super().changelist_view(request, more | (extra_context or {})))
        found = cast(dict[str, Any], page.context_data)
        found["tabs"] = _switch(request)
        if rows := found["cl"].result_list:
            found["older"] = _older(request, rows[len(rows) - 1])
        return page

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse:
        found = self.list_of(request)
        found.list_display = CSV
        return listing.as_csv(found, "ledger", eyes.narrow(request))

    def prepare(self, rows: list[Any], actor: Actor) -> None:
        names = names_of(row.actor for row in rows)
        objects = _called(((row.object_type, row.object_id) for row in rows), actor)
        for row in rows:
            row.actor_name = names.get(row.actor, row.actor)
            row.object_name = objects.get((row.object_type, row.object_id), "")

    @column(gettext_lazy("What"))
    def act(self, entry: Entry) -> str:
        return self.heading(entry)

    def under(self, entry: Any) -> str:
        if entry.op == Entry.Op.UPDATE:
            before, after = images(entry)
            fields = ", ".join(sorted(before.keys() | after.keys())).replace("_", " ")
            return Truncator(f"{entry.object_name}: {fields}" if entry.object_name else fields).chars(120)
        return str(entry.object_name or kind_words(entry.object_type))

    @column(gettext_lazy("Who"))
    def who(self, entry: Any) -> str:
        return str(entry.actor_name)

    @column(gettext_lazy("Who"))
    def actor_name(self, entry: Any) -> str:
        return str(entry.actor_name)

    @column(gettext_lazy("Object"))
    def object_name(self, entry: Any) -> str:
        return str(entry.object_name)

    @column(gettext_lazy("Why"))
    def why(self, entry: Entry) -> str:
        return Truncator(entry.reason).chars(90)

    @column(gettext_lazy("Request"))
    def request(self, entry: Entry) -> str:
        return format_html('<code class="nowrap">{}</code>', entry.request_id[-8:]) if entry.request_id else ""

    @column(gettext_lazy("When"), kind="second")
    def moment(self, entry: Entry) -> Any:
        return entry.at

    # -- one entry --------------------------------------------------------------------------------------------------
    def heading(self, entry: Entry) -> str:
        if entry.op == Entry.Op.ACT:
            return words_of(entry.verb)
        return f"{kind_words(entry.object_type)} {entry.get_op_display()}"

    def state(self, entry: Entry) -> str:
        return ""

    def sentence(self, entry: Entry, actor: Actor) -> str:
        return _("Recorded in the same transaction as the change it speaks of.")

    def facts(self, entry: Entry, actor: Actor) -> list[Facts]:
        name = next(iter(_called([(entry.object_type, entry.object_id)], actor).values()), "")
        url = self.console.url_of(entry.object_type, entry.object_id)
        tenant = str(entry.tenant_id) if entry.tenant_id else ""
        narrowed, asked = self.list_url() + "?show=both&", entry.request_id
        rows = [
            Fact(_("Who"), name_of(entry.actor) or entry.actor, url=f"{narrowed}who={entry.actor}"),
            Fact(_("When"), entry.at, "second"),
            Fact(_("Why"), entry.reason),
            Fact(_("Signed in by"), entry.via),
            Fact(_("About"), f"{kind_words(entry.object_type)} {name}".strip(), url=url),
            Fact(_("Object id"), entry.object_id, "mono"),
            Fact(_("Tenant"), scopes_of([tenant]).get(tenant, tenant), url=tenant and f"{narrowed}tenant={tenant}"),
            Fact(_("Request id"), asked, "mono", asked and f"{narrowed}request={asked}"),
            Fact(_("Entry"), entry.pk, "mono"),
        ]
        return [Facts(_("Entry"), rows)]

    def extra(self, entry: Entry, actor: Actor) -> dict[str, Any]:
        together = list(_together(entry, actor))
        self.prepare(together, actor)
        return {
            "fields": differences([entry], with_persons=sees_persons(actor)).get(entry.pk, []),
            "data": json.dumps(entry.data, indent=2, ensure_ascii=False) if entry.data else "",
            "together": [(one, self.object_url(one), self.heading(one), self.under(one)) for one in together],
            "more_together": len(together) >= NEAREST,
            "seal": seal_of(entry.pk),
            "receipt": reverse("audit-entry-receipt", args=[entry.pk]),
        }

    def home_cards(self, actor: Actor) -> list[Card]:
        if not roles_of(actor) & {Role.AUDITOR, Role.COMPLIANCE_OFFICER, Role.LEGAL}:
            return []
        entries = list(entries_visible_to(actor).acts().order_by("-pk")[:8])
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


def _older(request: HttpRequest, last: Entry) -> str:
    """The same list from behind its last row on: past the pages that are counted."""
    kept = {name: request.GET[name] for name in ("show", *FIELDS) if request.GET.get(name)}
    return f"?{urlencode(kept | {'before': last.pk})}"


def _switch(request: HttpRequest) -> list[tuple[str, str, bool]]:
    """Acts, row changes or both, over whatever else the list is narrowed by."""
    found = []
    for key, words in (("", _("Acts")), ("changes", _("Row changes")), ("both", _("Both"))):
        kept = {name: request.GET[name] for name in FIELDS if request.GET.get(name)}
        query = urlencode(kept | ({"show": key} if key else {}))
        found.append((words, f"?{query}", request.GET.get("show", "") in (key, key or "acts")))
    return found


def _called(pairs: Iterable[tuple[str, str]], actor: Actor) -> dict[tuple[str, str], str]:
    """What objects are called; persons only to who may see them."""
    shown = sees_persons(actor)
    return objects_of(pair for pair in pairs if shown or pair[0] not in PEOPLE)


def _together(entry: Entry, actor: Actor) -> Iterable[Any]:
    """What else was recorded in the same transaction or request, the nearest, in order."""
    seen = entries_visible_to(actor)
    same = [Q(xid=entry.xid)] + ([Q(request_id=entry.request_id)] if entry.request_id else [])
    found: dict[int, Any] = {}
    for one in same:
        found |= {row.pk: row for row in seen.filter(one, pk__gt=entry.pk).order_by("pk")[:NEAREST]}
        found |= {row.pk: row for row in seen.filter(one, pk__lt=entry.pk).order_by("-pk")[:NEAREST]}
    return [found[key] for key in sorted(found)]
