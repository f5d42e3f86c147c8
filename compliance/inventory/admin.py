"""The inventory as pages: every store of record with who erases and who looks there, and what was found beside it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access import policy
from portal.access.actor import Actor
from portal.admin.governed import GovernedAdmin
from portal.admin.listing import column, yes_no
from portal.admin.verbs import Fact, Facts, Verb
from portal.lib.clock import now

from . import actions, queries
from .form import ListingForm, StatementForm, SystemForm
from .models import Attestation, Finding, Kind, System

LATEST = 8


@admin.register(System)
class SystemAdmin(GovernedAdmin):
    family = "system"
    mount = "systems"
    floor, order = "compliance", 14
    title = gettext_lazy("Systems")
    explain = gettext_lazy(
        "Every store that may hold somebody's data. An erasure certificate accounts for each of them."
    )
    first_step = gettext_lazy("Nothing is listed yet. List a system, or add a region.")
    add_form, add_label, add_verb = SystemForm, gettext_lazy("List a system"), "edit"
    views = (
        (gettext_lazy("Listed"), "state__exact=active"),
        (gettext_lazy("All"), ""),
        (gettext_lazy("Attested"), "kind__exact=attested"),
        (gettext_lazy("Removed"), "state__exact=removed"),
    )
    list_display = ("name", "what", "kind", "processor", "state")
    list_filter = ("kind", "state")
    search_fields = ("name", "title", "processor", "region")
    ordering = ("name",)

    def visible(self, actor: Actor) -> QuerySet[Any]:
        people = ("owner__person", "removal_asked_by__person", "removal_confirmed_by__person")
        return System.objects.select_related(*people)

    @column(gettext_lazy("What it is"), ordering="title")
    def what(self, system: System) -> str:
        return system.title

    def heading(self, system: System) -> str:
        return system.title

    def state_words(self, system: System) -> str:
        return str(system.get_state_display())

    def sentence(self, system: System, actor: Actor) -> str:
        if not system.is_listed:
            return _("Removed by two persons; every certificate since then names it.")
        if system.removal_asked_by_id:
            return _("Its removal has been asked for: another person confirms it.")
        return {
            Kind.CONNECTED: _("Erased by its connector, and looked at by its verifier with read-only credentials."),
            Kind.ATTESTED: _("Cannot be looked into: its processor's signed statement stands in the certificate."),
            Kind.EXPIRING: _("Cannot be opened singly: it is removed as a whole on its day."),
            Kind.BEYOND_USE: _("Put beyond use by destroying the tenant's key."),
            Kind.PORTAL: _("Holds pseudonyms, whose keys are destroyed."),
        }[Kind(system.kind)]

    def verbs(self, system: System, actor: Actor) -> list[Verb]:
        known = {
            "attest": Verb(
                "attest",
                _("Add a statement"),
                _on(actions.attest),
                form=StatementForm,
                tone="primary",
                says=_("What the processor has signed: its text, or the hash of the document."),
                done=_("Kept."),
            ),
            "ask_removal": Verb(
                "ask_removal",
                _("Ask for removal"),
                _on(actions.ask_removal),
                says=_("Nothing changes before another person has confirmed it."),
                done=_("Asked. Another person confirms it."),
            ),
            "withdraw_removal": Verb(
                "withdraw_removal",
                _("Keep it listed"),
                _on(actions.withdraw_removal),
                says=_("The removal that was asked for is taken back."),
                done=_("The system stays listed."),
            ),
            "confirm_removal": Verb(
                "confirm_removal",
                _("Confirm removal"),
                _on(actions.confirm_removal),
                tone="danger",
                says=_("No erasure looks there any more. Every certificate names it as removed."),
                done=_("Removed."),
            ),
        }
        return [known[word] for word in queries.available_verbs(system, actor)]

    def facts(self, system: System, actor: Actor) -> list[Facts]:
        asked, confirmed = system.removal_asked_by, system.removal_confirmed_by
        about = [
            Fact(_("Name"), system.name, "mono"),
            Fact(_("How it is erased"), system.get_kind_display()),
            Fact(_("Region"), system.region),
            Fact(_("Processor"), system.processor),
            Fact(_("Categories of data"), ", ".join(system.categories)),
            Fact(_("Connector"), system.connector, "mono"),
            Fact(_("Verifier"), system.verifier, "mono"),
            Fact(_("Owner"), system.owner.display_name if system.owner else ""),
            Fact(_("Gone on"), system.expires_on, "day"),
            Fact(_("Listed since"), system.added_at, "moment"),
            Fact(_("Removal asked for by"), asked.display_name if asked else ""),
            Fact(_("Why removed"), system.removal_reason),
            Fact(_("Removal confirmed by"), confirmed.display_name if confirmed else ""),
            Fact(_("Removed"), system.removed_at, "moment"),
        ]
        found = [Facts(_("The system"), _said(about))]
        listed = [Fact(_kind_words(kind), ", ".join(names), "mono") for kind, names in system.containers.items()]
        if listed:
            found.append(
                Facts(_("What belongs to it"), listed, note=_("And everything that says of which tenant it is."))
            )
        return [*found, *self._statements(system)]

    def _statements(self, system: System) -> list[Facts]:
        if system.kind != Kind.ATTESTED:
            return []
        kept = list(system.attestations.all()[:LATEST])
        if not kept:
            return [Facts(_("Statements"), [], note=_("There is none yet: nothing can be said of this system."))]
        return [Facts(_("Statement, until %(day)s") % {"day": one.expires_on}, _statement(one)) for one in kept]

    def create(self, actor: Actor, data: dict[str, Any]) -> System:
        return actions.add(actor=actor, **data)

    def created_message(self, obj: System) -> str:
        return _("Listed. From now on every certificate accounts for it.")


def _statement(one: Attestation) -> list[Fact]:
    return _said(
        [
            Fact(_("Signed by"), one.signed_by),
            Fact(_("In force"), _("yes") if one.expires_on >= now().date() else _("no longer")),
            Fact(_("SHA-256"), one.digest, "mono"),
            Fact(_("Taken in"), one.added_at, "moment"),
            Fact(_("Statement"), one.statement[:500]),
        ]
    )


@admin.register(Finding)
class FindingAdmin(GovernedAdmin):
    family = "system"
    mount = "system-findings"
    floor, order = "compliance", 16
    title = gettext_lazy("Findings")
    explain = gettext_lazy(
        "What exists and no system lists, and what could not be searched. While one is open, nothing is certified."
    )
    first_step = gettext_lazy("Everything that exists is listed.")
    views = (
        (gettext_lazy("Open"), "is_open=yes"),
        (gettext_lazy("All"), ""),
    )
    list_display = ("what", "kind", "region", "first_seen", "last_seen", "stands")
    list_filter = (
        yes_no("is_open", gettext_lazy("open"), "resolved_at__isnull", gettext_lazy("open"), gettext_lazy("settled")),
        "kind",
    )
    search_fields = ("what", "region")
    ordering = ("-first_seen", "what")

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Finding.objects.all()

    @column(gettext_lazy("State"), kind="state")
    def stands(self, one: Finding) -> str:
        return self.state(one)

    def state(self, one: Finding) -> str:
        return "resolved" if one.resolved_at else "failed"

    def state_words(self, one: Finding) -> str:
        return _("settled") if one.resolved_at else _("open")

    def sentence(self, one: Finding, actor: Actor) -> str:
        if one.resolved_at:
            return _("Settled: %(how)s.") % {"how": one.resolution}
        if one.kind == Finding.UNSEARCHED:
            return _("Nobody could look there, so nobody knows what is there. No certificate is issued meanwhile.")
        return _("No system lists it, so nobody erases it. No certificate is issued meanwhile.")

    def verbs(self, one: Finding, actor: Actor) -> list[Verb]:
        if one.resolved_at or one.kind == Finding.UNSEARCHED or not policy.can(actor, "system.edit", one):
            return []
        return [
            Verb(
                "list_finding",
                _("List it"),
                _on(actions.list_finding),
                form=ListingForm,
                tone="primary",
                says=_("It belongs to a system that is listed already, whose verifier looks there."),
                done=_("Listed."),
            )
        ]

    def facts(self, one: Finding, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Found"), one.what, "mono"),
            Fact(_("Kind"), one.get_kind_display()),
            Fact(_("Region"), one.region),
            Fact(_("Why"), one.why),
            Fact(_("First seen"), one.first_seen, "moment"),
            Fact(_("Last seen"), one.last_seen, "moment"),
            Fact(_("Settled"), one.resolved_at, "moment"),
            Fact(_("How"), one.resolution),
        ]
        return [Facts(_("The finding"), _said(rows))]


def _kind_words(kind: str) -> str:
    return str(dict(Finding._meta.get_field("kind").flatchoices).get(kind, kind))


def _said(rows: list[Fact]) -> list[Fact]:
    return [row for row in rows if row.value not in ("", None)]


def _on(action: Any) -> Any:
    """Call an action that takes the row's id."""

    def run(row: Any, **given: Any) -> None:
        action(row.pk, **given)

    return run
