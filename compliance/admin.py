"""Compliance as pages: where data may live, which providers are where, which duties apply, and every verdict."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access import policy
from portal.access.actor import Actor
from portal.access.models import Role
from portal.access.queries import roles_of
from portal.admin.governed import GovernedAdmin
from portal.admin.home import Card
from portal.admin.listing import column, fixed
from portal.admin.verbs import Fact, Facts
from portal.lib.clock import now
from tenants.queries import region_choices

from .models import Profile, ProviderRegion, ResidencyRule, Verdict
from .queries import verdicts_visible_to
from .report import Everywhere

EXCEPTIONS = ("refuse", "person")
SUBJECTS = [
    ("lifecycle.tenantrequest", gettext_lazy("requests")),
    ("tenants.tenant", gettext_lazy("tenants, nightly")),
]


class DatedAdmin(GovernedAdmin):
    """Rules with dates: seen by who may see policy, in force or not."""

    family = "policy"
    floor = "compliance"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        found: QuerySet[Any] = self.model._default_manager.all()
        return found

    def state(self, row: Any) -> str:
        return "active" if row.effective_from <= now() and not self._is_over(row) else "ended"

    def state_words(self, row: Any) -> str:
        return _("in force") if self.state(row) == "active" else _("not in force")

    def _is_over(self, row: Any) -> bool:
        return row.effective_until is not None and row.effective_until <= now()

    @column(gettext_lazy("State"), kind="state")
    def stands(self, row: Any) -> str:
        return self.state(row)

    def dates(self, row: Any) -> list[Fact]:
        return [Fact(_("In force from"), row.effective_from, "moment"), Fact(_("Until"), row.effective_until, "moment")]


@admin.register(ResidencyRule)
class ResidencyAdmin(DatedAdmin):
    mount = "residency"
    order = 40
    title = gettext_lazy("Residency")
    explain = gettext_lazy(
        "Whose data may live where, by law. A rule changes by a new version with dates and its source."
    )
    list_display = ("title", "law", "whose", "which", "where", "stands")
    search_fields = ("rule_id", "title", "law")
    ordering = ("rule_id", "-version")

    def under(self, rule: ResidencyRule) -> str:
        return str(rule)

    def heading(self, rule: ResidencyRule) -> str:
        return rule.title

    @column(gettext_lazy("Whose data"))
    def whose(self, rule: ResidencyRule) -> str:
        return ", ".join(rule.geographies) or _("anybody's")

    @column(gettext_lazy("Which data"))
    def which(self, rule: ResidencyRule) -> str:
        return ", ".join(rule.data_classes) or _("every class")

    @column(gettext_lazy("May live in"))
    def where(self, rule: ResidencyRule) -> str:
        return ", ".join(rule.allowed_regions)

    def sentence(self, rule: ResidencyRule, actor: Actor) -> str:
        return _("%(rule)s, from %(source)s.") % {"rule": rule, "source": rule.source}

    def facts(self, rule: ResidencyRule, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Law"), rule.law),
            Fact(_("Source"), rule.source),
            Fact(_("Whose data"), self.whose(rule)),
            Fact(_("Which data"), self.which(rule)),
            Fact(
                _("Which paths"),
                ", ".join(rule.capabilities) or _("every path: database, vectors, objects, backups, logs, embeddings"),
            ),
            Fact(_("May live in"), self.where(rule)),
            *self.dates(rule),
        ]
        return [Facts(_("The rule"), rows)]


@admin.register(ProviderRegion)
class ProviderAdmin(DatedAdmin):
    mount = "providers"
    order = 45
    title = gettext_lazy("Providers by region")
    explain = gettext_lazy("What each provider offers in each region. What is not listed is not offered.")
    list_display = ("provider", "region", "offers", "preference", "stands")
    list_filter = (
        fixed(
            "provider",
            gettext_lazy("provider"),
            [("aws", "AWS"), ("pgvector", "pgvector"), ("pinecone", "Pinecone"), ("weaviate", "Weaviate")],
        ),
    )
    search_fields = ("provider", "region")
    ordering = ("region", "preference")

    @column(gettext_lazy("Offers"))
    def offers(self, row: ProviderRegion) -> str:
        return ", ".join(row.capabilities)

    def facts(self, row: ProviderRegion, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Offers"), self.offers(row)),
            Fact(_("Preference, lowest first"), row.preference, "count"),
            Fact(_("Source"), row.source),
            *self.dates(row),
        ]
        return [Facts(_("Provider"), rows)]


@admin.register(Profile)
class ProfileAdmin(DatedAdmin):
    mount = "profiles"
    order = 50
    title = gettext_lazy("Compliance profiles")
    explain = gettext_lazy("Sets of duties that a law, the parent company or a client puts on a tenant.")
    list_display = ("code", "title", "layer", "duties", "source", "stands")
    ordering = ("code", "-version")

    @column(gettext_lazy("Duties"))
    def duties(self, profile: Profile) -> str:
        return ", ".join(_duty(name, value) for name, value in profile.requires.items())

    def heading(self, profile: Profile) -> str:
        return profile.title

    def sentence(self, profile: Profile, actor: Actor) -> str:
        return _("%(profile)s, from %(source)s.") % {"profile": profile, "source": profile.source}

    def facts(self, profile: Profile, actor: Actor) -> list[Facts]:
        duties = [Fact(_duty(name, value), _("required")) for name, value in profile.requires.items()]
        about = [
            Fact(_("Layer"), profile.get_layer_display()),
            Fact(_("Applies to people in"), ", ".join(profile.geographies)),
            Fact(_("Applies to data"), ", ".join(profile.data_classes)),
            *self.dates(profile),
        ]
        return [Facts(_("Duties"), duties), Facts(_("When it applies"), about)]


@admin.register(Verdict)
class VerdictAdmin(GovernedAdmin):
    family = "policy"
    mount = "verdicts"
    floor, order = "compliance", 30
    title = gettext_lazy("Verdicts")
    explain = gettext_lazy("What each rule said about each request and, every night, about each tenant.")
    first_step = gettext_lazy("No rule has spoken yet. Verdicts appear when a request is sent.")
    views = (
        (gettext_lazy("All"), ""),
        (gettext_lazy("Refused"), "outcome__exact=refuse"),
        (gettext_lazy("Needs a person"), "outcome__exact=person"),
    )
    list_display = ("title", "outcome", "rule", "at")
    list_filter = (
        "outcome",
        fixed("subject", gettext_lazy("about"), SUBJECTS, "subject_type"),
        ("at", admin.DateFieldListFilter),
    )
    search_fields = ("title", "rule_id")
    ordering = ("-at",)
    object_template = "audit/entry.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return verdicts_visible_to(actor)

    @column(gettext_lazy("Rule"), ordering="rule_id", kind="mono")
    def rule(self, verdict: Verdict) -> str:
        return f"{verdict.rule_id} {verdict.rule_version}"

    def heading(self, verdict: Verdict) -> str:
        return verdict.title

    def state(self, verdict: Verdict) -> str:
        return "needs_person" if verdict.outcome == "person" else verdict.outcome

    def state_words(self, verdict: Verdict) -> str:
        return str(verdict.get_outcome_display())

    def sentence(self, verdict: Verdict, actor: Actor) -> str:
        return verdict.remedy

    def facts(self, verdict: Verdict, actor: Actor) -> list[Facts]:
        url = self.console.url_of(verdict.subject_type, verdict.subject_id)
        rows = [
            Fact(_("Rule"), self.rule(verdict), "mono"),
            Fact(_("About"), verdict.subject_type.partition(".")[2].replace("tenantrequest", _("request")), url=url),
            Fact(_("What would make it pass"), verdict.remedy),
            Fact(_("When"), verdict.at, "moment"),
        ]
        return [Facts(_("Verdict"), rows)]

    def extra(self, verdict: Verdict, actor: Actor) -> dict[str, Any]:
        return {"data": json.dumps(verdict.inputs, indent=2, ensure_ascii=False) if verdict.inputs else ""}

    def home_cards(self, actor: Actor) -> list[Card]:
        if not roles_of(actor) & {Role.COMPLIANCE_OFFICER, Role.AUDITOR, Role.CCO, Role.LEGAL}:
            return []
        found = list(self.visible(actor).filter(outcome__in=EXCEPTIONS).order_by("-at")[:8])
        rows = [
            {"verdict": one, "url": self.object_url(one), "state": self.state(one), "words": self.state_words(one)}
            for one in found
        ]
        url = self.list_url() + "?outcome__exact=refuse"
        cards = [Card(_("Verdicts that did not pass"), "compliance/card.html", 30, "main", url, context={"rows": rows})]
        if policy.can(actor, "compliance_report.view", Everywhere()):
            reports = [(words, reverse("compliance-report-detail", args=[name])) for name, words in region_choices()]
            cards.append(
                Card(_("Compliance reports"), "compliance/reports.html", 35, "side", context={"reports": reports})
            )
        return cards


def _duty(name: str, value: Any) -> str:
    words = {
        "cmk": _("encryption with a key of its own"),
        "tls": _("encryption on every path"),
        "access_logs": _("every access logged"),
        "immutable_audit": _("a record that cannot be changed"),
    }
    if name == "log_retention_days":
        return _("logs kept for %(days)s days") % {"days": value}
    return str(words.get(name, name.replace("_", " ")))
