"""Flags as pages: a list in words, kill switches apart; one flag with its steps, who is in, and what it did."""

from typing import Any

from django.contrib import admin
from django.db.models import Max, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from portal.access import policy
from portal.access.actor import Actor
from portal.admin import eyes
from portal.admin.governed import GovernedAdmin
from portal.admin.home import Card
from portal.admin.listing import column, fixed, yes_no
from portal.admin.states import words_of
from portal.admin.verbs import Fact, Facts, Verb
from tenants.configuration.models import TierConfiguration
from tenants.flags import actions
from tenants.flags.evaluation import answer
from tenants.flags.models import STEPS, Exposure, Feature, Flag, Kind
from tenants.flags.queries import definition_of, flags_visible_to, living_tenants, whole_flags
from tenants.models import Tenant

from . import forms, words

SHOWN, COUNTED = 60, 200
TRIED = [(kind, label) for kind, label in Kind.choices if kind != Kind.KILL_SWITCH]


@admin.register(Flag)
class FlagAdmin(GovernedAdmin):
    family = "flag"
    mount = "flags"
    floor, order = "registry", 32
    searched = True
    title = gettext_lazy("Flags")
    explain = gettext_lazy(
        "What is being tried, for whom, by whom, and until when. A flag ends within 90 days; what stays is "
        "configuration."
    )
    first_step = gettext_lazy("Nothing is being tried. A flag begins with a purpose, an owner and an end.")
    add_form, add_label = forms.FlagForm, gettext_lazy("Add a flag")
    views = (
        (gettext_lazy("Being tried"), "archived=no"),
        (gettext_lazy("Every flag there was"), ""),
    )
    list_display = ("title", "kind", "holder", "ends", "who_has_it", "stands")
    list_select_related = ("owner__person",)
    list_filter = (
        yes_no("archived", gettext_lazy("archived"), "archived_at__isnull", gettext_lazy("no"), gettext_lazy("yes")),
        fixed("kind", gettext_lazy("kind"), TRIED),
    )
    search_fields = ("key", "title", "purpose")
    ordering = ("archived_at", "expires_on", "key")
    object_template = "flags/flag.html"
    list_template = "flags/list.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return flags_visible_to(actor).select_related("owner__person")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Kill switches stand apart, above the list."""
        return super().get_queryset(request).exclude(kind=Kind.KILL_SWITCH)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            return super().changelist_view(request, extra_context)
        actor = eyes.narrow(request)
        kills = self.visible(actor).active().filter(kind=Kind.KILL_SWITCH).order_by("key")  # type: ignore[attr-defined]
        shown = [(one, self.object_url(one), words.state(one)) for one in kills]
        more = {"kill_switches": shown, "may_switch": self.may(actor, "switch")}
        return super().changelist_view(request, {**(extra_context or {}), **more})

    # -- list -------------------------------------------------------------------------------------------------------
    def prepare(self, rows: list[Any], actor: Actor) -> None:
        """Who has each flag: how many of one's own tenants where these are few, else how far the rollout has come."""
        mine = list(_living(actor)[: COUNTED + 1])
        few = len(mine) <= COUNTED
        whole = {one.key: one for one in whole_flags([one.pk for one in mine] if few else [])}
        flags = {key: definition_of(one) for key, one in whole.items()}
        for row in rows:
            if row.key not in flags:
                row.reach = ""
            elif few and mine:
                has = sum(_has(flags, row.key, one) for one in mine)
                row.reach = ngettext("%(n)d of %(all)d tenant", "%(n)d of %(all)d tenants", len(mine)) % {
                    "n": has,
                    "all": len(mine),
                }
            else:
                row.reach = words.reach(whole[row.key].its_tiers)

    def under(self, flag: Flag) -> str:
        return flag.purpose

    @column(gettext_lazy("Owner"), ordering="owner__username")
    def holder(self, flag: Flag) -> str:
        return flag.owner.display_name

    @column(gettext_lazy("Until"), ordering="expires_on")
    def ends(self, flag: Flag) -> str:
        return words.ends(flag)

    @column(gettext_lazy("Who has it"))
    def who_has_it(self, flag: Any) -> str:
        return str(flag.reach)

    @column(gettext_lazy("State"), kind="state")
    def stands(self, flag: Flag) -> str:
        return words.state(flag)

    # -- one flag ---------------------------------------------------------------------------------------------------
    def heading(self, flag: Flag) -> str:
        return flag.title

    def state(self, flag: Flag) -> str:
        return words.state(flag)

    def state_words(self, flag: Flag) -> str:
        return words_of(words.state(flag))

    def sentence(self, flag: Flag, actor: Actor) -> str:
        given = {"purpose": flag.purpose, "owner": flag.owner.display_name, "ends": words.ends(flag)}
        if flag.is_stale:
            return _("%(purpose)s %(owner)s answers for it; it %(ends)s and gives what it gave.") % given
        return _("%(purpose)s %(owner)s answers for it; it %(ends)s.") % given

    def facts(self, flag: Flag, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Key"), flag.key, "mono"),
            Fact(_("Kind"), flag.get_kind_display()),
            Fact(_("Owner"), flag.owner.display_name),
            Fact(_("Made"), flag.created_on, "day"),
            Fact(_("Last day"), flag.expires_on, "day"),
            Fact(_("Everybody gets"), flag.default_variant),
            Fact(_("A rollout brings"), flag.rollout_variant),
            Fact(_("When off"), flag.consequence or flag.off_variant),
        ]
        return [Facts(_("The flag"), rows)]

    def verbs(self, flag: Flag, actor: Actor) -> list[Verb]:
        if flag.archived_at is not None:
            return []
        offered = []
        if self.may(actor, "edit"):
            offered = [*self._rollout(flag), *self._rules(flag), *self._keeping(flag)]
        if policy.can(actor, "configuration.edit_tier") and flag.kind != Kind.KILL_SWITCH and not flag.moved_at:
            offered.insert(0 if flag.is_stale else len(offered), _move(flag))
        if self.may(actor, "switch"):
            offered.append(self._switch(flag))
        return offered

    def _rollout(self, flag: Flag) -> list[Verb]:
        if not flag.rollout_variant:
            return []
        says = _("0 → 10 → 50 → 100 %, one step at a time; back at once. A raise only ever adds tenants.")
        return [Verb("rollout", _("Move the rollout"), _on(actions.set_rollout), form=forms.RolloutForm, says=says)]

    def _rules(self, flag: Flag) -> list[Verb]:
        set_one = Verb("override", _("Set it for one tenant"), _on(actions.override), form=forms.OverrideForm)
        end_one = Verb(
            "override_removal",
            _("End what is set for one tenant"),
            _on(actions.remove_override),
            form=forms.TenantForm,
            says=_("The tenant gets what its tier gets again."),
        )
        if flag.kind == Kind.KILL_SWITCH:
            return [set_one, end_one]
        default = Verb("default", _("Set what a tier gets"), _on(actions.set_default), form=forms.DefaultForm)
        return [default, set_one, end_one]

    def _keeping(self, flag: Flag) -> list[Verb]:
        initial = {name: getattr(flag, name) for name in ("title", "purpose", "consequence", "expires_on")}
        initial["owner"] = flag.owner.username
        gone = _("Nobody is given it any more. Make sure that no program reads it.")
        return [
            Verb("change", _("Change its words, owner or end"), _change, form=forms.WordsForm, initial=initial),
            Verb("relate", _("Relate it to another flag"), _on(actions.relate), form=forms.RelateForm),
            Verb("unrelate", _("End a relation"), _on(actions.unrelate), form=forms.UnrelateForm),
            Verb("archive", _("Archive"), _on(actions.archive), tone="danger", says=gone),
        ]

    def _switch(self, flag: Flag) -> Verb:
        if flag.is_off:
            return Verb("on", _("Switch on again"), _on(actions.switch_on), tone="primary", says=flag.off_reason)
        says = flag.consequence or _("Everybody gets “%(variant)s” at once. Rules are kept.") % {
            "variant": flag.off_variant
        }
        return Verb("off", _("Switch off for everybody"), _on(actions.switch_off), tone="danger", says=says)

    def extra(self, flag: Flag, actor: Actor) -> dict[str, Any]:
        tenants = list(_living(actor).select_related("tier"))
        whole = {one.key: one for one in whole_flags()}
        flags = {key: definition_of(one) for key, one in whole.items()}
        if flag.key not in flags:
            return {"tiers": [], "rows": [], "relations": [], "exposures": []}
        given = [(one, answer(flags, flags[flag.key], one.pk, one.tier_id)) for one in tenants]
        rows = [
            {"tenant": one, "shown": words.shown(flags[flag.key], got), "why": words.because(got),
             "is_on": words.is_on(flags[flag.key], got)}
            for one, got in given
        ]  # fmt: skip
        return {
            "tiers": _tiers(whole[flag.key].its_tiers, rows) if flag.rollout_variant else [],
            "steps": STEPS,
            "rows": sorted(rows, key=lambda row: not row["is_on"])[:SHOWN],
            "has": sum(row["is_on"] for row in rows),
            "all": len(rows),
            "relations": [(row, whole.get(row["other"])) for row in whole[flag.key].its_relations],
            "needed_by": [key for key, one in flags.items() if flag.key in one.needs],
            "exposures": _exposures(flag),
        }

    def create(self, actor: Actor, data: dict[str, Any]) -> Flag:
        return actions.create(actor=actor, **data)

    def beside(self, obj: Any, actor: Actor) -> list[Card]:
        """On a tenant's page: where its flags stand in words. On a tier's: what it includes."""
        if isinstance(obj, TierConfiguration):
            features = Feature.objects.filter(in_tiers__tier=obj.pk)
            return [Card(_("What it includes"), "flags/card_features.html", 50, "side", context={"features": features})]
        if type(obj) is not Tenant or not self.may(actor, "view"):
            return []
        return [Card(_("What is being tried here"), "flags/card_tenant.html", 60, "side", f"/tenant-flags/{obj.pk}/")]


def _move(flag: Flag) -> Verb:
    """First of all once a flag has ended."""
    says = _("Writes what every tenant has into the configuration of tiers and tenants. Nobody's value changes.")
    tone = "primary" if flag.is_stale else "plain"
    return Verb("move", _("Move to tier configuration"), _on(actions.move_to_configuration), says=says, tone=tone)


def _living(actor: Actor) -> QuerySet[Tenant]:
    return Tenant.objects.visible_to(actor).filter(pk__in=living_tenants().values("pk")).order_by("name")


def _has(flags: dict[str, Any], key: str, one: Tenant) -> bool:
    return words.is_on(flags[key], answer(flags, flags[key], one.pk, one.tier_id))


def _tiers(rules: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line per tier that has a rule or a tenant: its own default, its step, how many are in."""
    known = {row["tier"]: row for row in rules}
    tiers = {row["tenant"].tier_id: row["tenant"].tier for row in rows}
    found = []
    for code in [*known, *(code for code in tiers if code not in known)]:
        inside = [row for row in rows if row["tenant"].tier_id == code]
        rule = known.get(code) or {"variant": "", "percent": 0, "name": tiers[code].name}
        found.append({**rule, "all": len(inside), "on": sum(row["is_on"] for row in inside)})
    return found


def _exposures(flag: Flag) -> list[dict[str, Any]]:
    """Figures by variant: how much they were asked, how often it failed, how long it took."""
    rows = Exposure.objects.filter(flag=flag).values("variant").order_by("variant")
    found = rows.annotate(last=Max("last_at"), asked=Sum("requests"), failed=Sum("errors"), took=Sum("latency_ms"))
    return [
        {
            **row,
            "error_percent": round(100 * row["failed"] / row["asked"], 2) if row["asked"] else None,
            "mean_ms": round(row["took"] / row["asked"]) if row["asked"] else None,
        }
        for row in found
    ]


def _on(action: Any) -> Any:
    """Call an action that takes the flag's key."""

    def run(flag: Flag, **given: Any) -> None:
        action(flag.key, **given)

    return run


def _change(flag: Flag, *, actor: Actor, reason: str, **fields: Any) -> None:
    """An empty last day leaves it as it is: a flag has one, and a kill switch has none."""
    changed = {name: value for name, value in fields.items() if value not in (None, getattr(flag, name))}
    actions.change(flag.key, actor=actor, reason=reason, **changed)
