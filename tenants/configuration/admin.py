"""Configuration as pages: what holds for a tenant and where it comes from, its versions, what each changed."""

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access import policy
from portal.access.actor import Actor
from portal.admin.governed import GovernedAdmin
from portal.admin.home import Card
from portal.admin.listing import column
from portal.admin.verbs import Fact, Facts, Verb
from portal.lib.errors import Absent
from tenants.models import Tenant, Tier

from . import actions
from .document import flat
from .models import TenantConfiguration, TierConfiguration, Version
from .queries import changes_of, versions_of

SECTIONS = {
    "model": gettext_lazy("Answers"),
    "retrieval": gettext_lazy("Search"),
    "branding": gettext_lazy("Look"),
    "switches": gettext_lazy("Switches"),
}
WORDS = {
    "model.name": gettext_lazy("Model"),
    "model.temperature": gettext_lazy("Temperature"),
    "model.max_output_tokens": gettext_lazy("Longest answer, tokens"),
    "model.system_prompt": gettext_lazy("Standing instruction"),
    "retrieval.passages": gettext_lazy("Passages given to the model"),
    "retrieval.min_score": gettext_lazy("Least similarity"),
    "retrieval.rerank": gettext_lazy("Rank again"),
    "retrieval.chunk_tokens": gettext_lazy("Size of a passage, tokens"),
    "branding.display_name": gettext_lazy("Name shown"),
    "branding.accent": gettext_lazy("Colour"),
    "branding.logo_url": gettext_lazy("Address of the logo"),
    "branding.welcome": gettext_lazy("Welcome"),
}
YES_NO = [("", gettext_lazy("not set here")), ("true", gettext_lazy("yes")), ("false", gettext_lazy("no"))]
SHOWN = 20


class PartForm(forms.Form):
    """The part of a tier or tenant; an empty field is not set here. Switches stay as they are."""

    name = forms.CharField(label=WORDS["model.name"], max_length=100, required=False)
    temperature = forms.FloatField(label=WORDS["model.temperature"], required=False)
    max_output_tokens = forms.IntegerField(label=WORDS["model.max_output_tokens"], required=False)
    system_prompt = forms.CharField(
        label=WORDS["model.system_prompt"],
        max_length=4000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    passages = forms.IntegerField(label=WORDS["retrieval.passages"], required=False)
    min_score = forms.FloatField(label=WORDS["retrieval.min_score"], required=False)
    rerank = forms.TypedChoiceField(
        label=WORDS["retrieval.rerank"],
        choices=YES_NO,
        required=False,
        coerce=lambda one: one == "true",
        empty_value=None,
    )
    chunk_tokens = forms.IntegerField(label=WORDS["retrieval.chunk_tokens"], required=False)
    display_name = forms.CharField(label=WORDS["branding.display_name"], max_length=80, required=False)
    accent = forms.CharField(
        label=WORDS["branding.accent"], max_length=7, required=False, help_text=gettext_lazy("Such as #0f5c57")
    )
    logo_url = forms.CharField(label=WORDS["branding.logo_url"], max_length=300, required=False)
    welcome = forms.CharField(label=WORDS["branding.welcome"], max_length=300, required=False)
    base = forms.IntegerField(label="", min_value=0, widget=forms.HiddenInput)


class BackForm(forms.Form):
    number = forms.IntegerField(label=gettext_lazy("Version"), min_value=1, max_value=2**31 - 1)


class PartAdmin(GovernedAdmin):
    """What tiers and tenants share: the table of what holds, the versions, the form for the next one."""

    shows_trail = False
    object_template = "configuration/part.html"

    def state(self, subject: Any) -> str:
        return ""

    def edits(self, subject: Any, actor: Actor) -> bool:
        raise NotImplementedError

    def below(self, subject: Any) -> dict[str, Any]:
        """The document that this part lies over."""
        return {}

    def verbs(self, subject: Any, actor: Actor) -> list[Verb]:
        if not self.edits(subject, actor):
            return []
        newest = versions_of(_real(subject)).first()
        says = _("Writes the next version, which holds at once. An empty field is not set here.")
        change = Verb("set", _("Change it"), _save, form=PartForm, initial=_initial(newest), says=says)
        if newest is None or newest.number < 2:
            return [change]
        back = _("What an earlier version said holds again, as a new version.")
        return [change, Verb("back", _("Go back to a version"), _back, form=BackForm, says=back)]

    def extra(self, subject: Any, actor: Actor) -> dict[str, Any]:
        versions = list(versions_of(_real(subject))[:SHOWN])
        own = dict(flat(versions[0].document)) if versions else {}
        below = dict(flat(self.below(subject)))
        rows = [
            {"label": label(path), "value": shown(own.get(path, below.get(path))), "is_own": path in own}
            for path in sorted(own.keys() | below.keys(), key=_order)
        ]
        return {"rows": rows, "versions": [(one, _url(one)) for one in versions]}


@admin.register(TenantConfiguration)
class TenantConfigurationAdmin(PartAdmin):
    family = "configuration"
    mount = "tenant-configuration"
    title = gettext_lazy("Configuration by tenant")
    explain = gettext_lazy("Choose a tenant to see which model answers, how it searches and how it looks.")
    list_display = ("name", "tier", "status")
    list_select_related = ("tier",)
    search_fields = ("name", "display_name")
    ordering = ("name",)

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return TenantConfiguration.objects.visible_to(actor).select_related("tier", "business_unit")

    def heading(self, tenant: TenantConfiguration) -> str:
        return _("Configuration of %(tenant)s") % {"tenant": tenant.name}

    def sentence(self, tenant: TenantConfiguration, actor: Actor) -> str:
        return _("What its tier %(tier)s gives, and what is set for this tenant over it.") % {"tier": tenant.tier.name}

    def edits(self, subject: Any, actor: Actor) -> bool:
        return self.may(actor, "edit", subject) and subject.status not in actions.GONE

    def below(self, subject: Any) -> dict[str, Any]:
        newest = versions_of(subject.tier).first()
        return newest.document if newest else {}

    def beside(self, obj: Any, actor: Actor) -> list[Card]:
        """On a tenant's page: the way to its configuration."""
        if type(obj) is not Tenant or not self.may(actor, "view", obj):
            return []
        return [Card(_("Configuration"), "configuration/card.html", 55, "side", f"/tenant-configuration/{obj.pk}/")]


@admin.register(TierConfiguration)
class TierConfigurationAdmin(PartAdmin):
    family = "configuration"
    mount = "tier-configuration"
    floor, order = "registry", 31
    title = gettext_lazy("Configuration")
    explain = gettext_lazy(
        "What every tenant of a tier gets unless it says otherwise: model, search, look, and what began as a flag."
    )
    list_display = ("name", "support")
    ordering = ("rank", "code")

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return TierConfiguration.objects.all()

    def heading(self, tier: TierConfiguration) -> str:
        return _("Configuration of %(tier)s") % {"tier": tier.name}

    def sentence(self, tier: TierConfiguration, actor: Actor) -> str:
        return _("What a %(tier)s tenant gets unless it says otherwise.") % {"tier": tier.name}

    def edits(self, subject: Any, actor: Actor) -> bool:
        return self.may(actor, "edit_tier")


@admin.register(Version)
class VersionAdmin(GovernedAdmin):
    family = "configuration"
    mount = "configurations"
    title = gettext_lazy("Versions of configuration")
    list_display = ("whose", "number", "created_at", "reason")
    ordering = ("-created_at",)
    object_template = "configuration/version.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Version.objects.visible_to(actor).select_related("tier", "tenant")

    @column(gettext_lazy("Of"))
    def whose(self, version: Version) -> str:
        return str(version.tenant or version.tier)

    def heading(self, version: Version) -> str:
        return _("%(whose)s, version %(n)d") % {"whose": self.whose(version), "n": version.number}

    def state(self, version: Version) -> str:
        return ""

    def sentence(self, version: Version, actor: Actor) -> str:
        return version.reason

    def facts(self, version: Version, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Written"), version.created_at, "moment"),
            Fact(_("Goes back to"), version.copy_of, "count"),
            Fact(_("Was the flag"), version.from_flag, "mono"),
        ]
        said = [
            Fact(label(path), shown(value))
            for path, value in sorted(flat(version.document), key=lambda p: _order(p[0]))
        ]
        return [Facts(_("What it says"), said), Facts(_("The version"), rows)]

    def verbs(self, version: Version, actor: Actor) -> list[Verb]:
        may = policy.can(actor, "configuration.edit" if version.tenant_id else "configuration.edit_tier", version)
        says = _("What it said holds again, as a new version.")
        return [Verb("roll_back", _("Go back to this version"), _roll_back, says=says)] if may else []

    def extra(self, version: Version, actor: Actor) -> dict[str, Any]:
        found = [(label(one.path), shown(one.old), shown(one.new)) for one in changes_of(version)]
        return {"changes": found}


def label(path: str) -> str:
    """A key in words; switches by their own name."""
    section, _dot, name = path.partition(".")
    return str(WORDS.get(path) or f"{SECTIONS.get(section, section)}: {name}")


def shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return json.dumps(value, sort_keys=True) if isinstance(value, dict) else str(value)


def _order(path: str) -> tuple[int, str]:
    known = list(WORDS)
    return (known.index(path), path) if path in known else (len(known), path)


def _url(version: Version) -> str:
    return reverse("admin:configuration_version_change", args=[version.pk])


def _real(subject: Any) -> Tenant | Tier:
    found: Tenant | Tier = subject
    return found


def _initial(newest: Version | None) -> dict[str, Any]:
    found = {path.partition(".")[2]: value for path, value in flat(newest.document) if path in WORDS} if newest else {}
    if "rerank" in found:
        found["rerank"] = "true" if found["rerank"] else "false"
    return {**found, "base": newest.number if newest else 0}


def _save(subject: Any, *, actor: Actor, reason: str, base: int, **given: Any) -> None:
    newest = versions_of(_real(subject)).first()
    document: dict[str, Any] = {"switches": newest.document.get("switches", {})} if newest else {}
    for path in WORDS:
        section, _dot, name = path.partition(".")
        if given.get(name) not in (None, ""):
            document.setdefault(section, {})[name] = given[name]
    save: Any = actions.save_tenant if isinstance(subject, Tenant) else actions.save_tier
    save(subject.pk, document, actor=actor, reason=reason, base=base)


def _back(subject: Any, *, actor: Actor, reason: str, number: int) -> None:
    version = versions_of(_real(subject)).filter(number=number).first()
    if version is None:
        raise Absent(_("There is no version %(n)d.") % {"n": number})
    _roll_back(version, actor=actor, reason=reason)


def _roll_back(version: Version, *, actor: Actor, reason: str) -> None:
    actions.roll_back(version.pk, actor=actor, reason=reason)
