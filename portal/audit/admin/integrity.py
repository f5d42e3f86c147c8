"""Can the record be believed? Seals, anchors, checks, keys, and how to verify without believing this page."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.access.models import Role
from portal.access.queries import roles_of
from portal.admin.governed import GovernedAdmin
from portal.admin.home import Card
from portal.admin.verbs import Fact, Facts
from portal.audit.health import BAR_SECONDS, CHECKS, health, recent_waits, troubles_lately, words_of_finding
from portal.audit.models import Checkpoint
from portal.audit.sealing.settings import policy
from portal.audit.sealing.store import store
from portal.lib.errors import NotAllowed

ANSWERABLE = frozenset({Role.AUDITOR, Role.COMPLIANCE_OFFICER, Role.PLATFORM_ADMIN})
SHOWN = 8


@admin.register(Checkpoint)
class IntegrityAdmin(GovernedAdmin):
    family = "audit"
    mount = "integrity"
    floor, order = "evidence", 20
    title = gettext_lazy("Integrity")
    list_display = ("size", "sealed_at", "anchored_at", "place", "version")
    ordering = ("-size",)
    shows_trail = False

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Checkpoint.objects.all()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The state of the ledger, in place of a list of checkpoints."""
        if not self.has_view_permission(request):
            raise NotAllowed(_("Your role does not open this page."))
        now, newest = health(), list(Checkpoint.objects.order_by("-size")[:SHOWN])
        sealed, anchored = recent_waits()
        trusted = json.loads(policy())
        context = self.context(
            request,
            title=self.label(),
            health=now,
            troubles=now.troubles(),
            newest=newest[0] if newest else None,
            root=bytes(newest[0].root).hex() if newest else "",
            checkpoints=[(one, self.object_url(one)) for one in newest],
            checks=[(CHECKS.get(one.kind, one.kind), one, words_of_finding(one)) for one in now.findings],
            wait=_wait(anchored),
            spark=_spark(sealed, anchored),
            bar=BAR_SECONDS,
            trusted=trusted,
            is_simulated=store().is_simulated,
        )
        return TemplateResponse(request, "audit/integrity.html", context)

    # -- one checkpoint ---------------------------------------------------------------------------------------------
    def heading(self, one: Checkpoint) -> str:
        return _("Checkpoint of %(n)d entries") % {"n": one.size}

    def state(self, one: Checkpoint) -> str:
        return "proven" if one.anchored_at else "running"

    def state_words(self, one: Checkpoint) -> str:
        return _("anchored") if one.anchored_at else _("being anchored")

    def facts(self, one: Checkpoint, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Root"), bytes(one.root).hex(), "mono"),
            Fact(_("Sealed"), one.sealed_at, "second"),
            Fact(_("Anchored"), one.anchored_at, "second"),
            Fact(_("Place"), one.place, "mono"),
            Fact(_("Version"), one.version, "mono"),
        ]
        return [Facts(_("Checkpoint"), rows)]

    object_template = "audit/checkpoint.html"

    def home_cards(self, actor: Actor) -> list[Card]:
        """Nothing while all is well; else the first thing on the home of those who answer for the record."""
        if not roles_of(actor) & ANSWERABLE or not (troubles := troubles_lately()):
            return []
        says = _("The ledger needs a look.")
        return [Card(_("The ledger"), "audit/alarm.html", 1, "main", self.list_url(), says, {"troubles": troubles})]


def _wait(seconds: list[float]) -> float | None:
    """How long nearly all entries waited until they were anchored: the 99th percentile of what is shown."""
    return sorted(seconds)[int(0.99 * (len(seconds) - 1))] if seconds else None


def _spark(sealed: list[float], anchored: list[float]) -> dict[str, Any]:
    """Two lines over the newest checkpoints, and the bar they are to stay under; 240 by 48."""
    top = max([BAR_SECONDS, *sealed, *anchored]) * 1.1
    lines = {name: _points(values, top) for name, values in (("sealed", sealed), ("anchored", anchored))}
    return {**lines, "bar": f"{48 - 48 * BAR_SECONDS / top:.1f}", "count": len(sealed)}


def _points(values: list[float], top: float) -> str:
    step = 240 / max(1, len(values) - 1)
    return " ".join(f"{i * step:.1f},{48 - 48 * max(0.0, value) / top:.1f}" for i, value in enumerate(values))
