"""Tiers: what is offered at which price. A new one is a form, no code."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.admin.governed import GovernedAdmin
from portal.admin.listing import column
from portal.admin.verbs import Fact, Facts, Verb
from tenants import actions
from tenants.costs.estimate import book_at
from tenants.models import PriceKind, Tier

LIMITS = {
    "max_users": gettext_lazy("Users"),
    "max_documents": gettext_lazy("Documents"),
    "max_queries_per_day": gettext_lazy("Queries a day"),
    "max_storage_gb": gettext_lazy("Storage, GB"),
    "requests_per_minute": gettext_lazy("Requests a minute"),
}


def _count(label: Any, initial: int | None = None) -> forms.IntegerField:
    return forms.IntegerField(label=label, min_value=1, max_value=1_000_000_000, initial=initial)


def _price(label: Any) -> forms.DecimalField:
    return forms.DecimalField(label=label, min_value=Decimal(0), max_digits=14, decimal_places=2)


class TierForm(forms.Form):
    """A tier's promises, limits and prices."""

    code = forms.RegexField(
        r"^[a-z][a-z0-9-]{1,30}$",
        label=gettext_lazy("Code"),
        help_text=gettext_lazy("Short and stable, such as enterprise"),
    )
    name = forms.CharField(label=gettext_lazy("Name"), max_length=64)
    rank = forms.IntegerField(
        label=gettext_lazy("Order in lists"),
        min_value=0,
        max_value=1000,
        initial=50,
        help_text=gettext_lazy("Highest service first"),
    )
    sla_percent = forms.DecimalField(
        label=gettext_lazy("Promised availability, %"), min_value=1, max_value=100, max_digits=6, decimal_places=3
    )
    support = forms.CharField(label=gettext_lazy("Support"), max_length=64, help_text=gettext_lazy("Such as 24/7"))
    p95_target_ms = _count(gettext_lazy("Answer time promised to 95 %, ms"))
    max_users = _count(gettext_lazy("Users"))
    max_documents = _count(gettext_lazy("Documents"))
    max_queries_per_day = _count(gettext_lazy("Queries a day"))
    max_storage_gb = _count(gettext_lazy("Storage, GB"))
    requests_per_minute = _count(gettext_lazy("Requests a minute"))
    needs_champion = forms.BooleanField(
        label=gettext_lazy("The champion accepts before a tenant becomes active"), required=False
    )
    tier_base = _price(gettext_lazy("Price: platform, ₹ a month"))
    user = _price(gettext_lazy("Price: one user, ₹ a month"))
    documents_1000 = _price(gettext_lazy("Price: 1,000 documents, ₹ a month"))
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500, help_text=gettext_lazy("Kept in the ledger"))

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        if Tier.objects.filter(pk=code).exists():
            raise forms.ValidationError(_("There is a tier with this code already."))
        return code


class LimitsForm(forms.Form):
    """What may change on a tier that exists; tenants already active keep what they were given."""

    max_users = _count(gettext_lazy("Users"))
    max_documents = _count(gettext_lazy("Documents"))
    max_queries_per_day = _count(gettext_lazy("Queries a day"))
    max_storage_gb = _count(gettext_lazy("Storage, GB"))
    requests_per_minute = _count(gettext_lazy("Requests a minute"))
    p95_target_ms = _count(gettext_lazy("Answer time promised to 95 %, ms"))


@admin.register(Tier)
class TierAdmin(GovernedAdmin):
    family = "tier"
    mount = "tiers"
    floor, order = "registry", 30
    title = gettext_lazy("Tiers & prices")
    explain = gettext_lazy("The levels of service on offer, with their promises, limits and prices.")
    add_form, add_label = TierForm, gettext_lazy("Add a tier")
    list_display = (
        "name",
        "promise",
        "support",
        "max_users",
        "max_documents",
        "max_queries_per_day",
        "base",
        "per_user",
        "offered",
    )
    ordering = ("rank", "code")

    def prepare(self, rows: list[Any], actor: Actor) -> None:
        prices = _prices()
        for row in rows:
            row.prices = {kind: prices.get((kind, row.code)) for kind in PriceKind.values}

    @column(gettext_lazy("Availability"), ordering="sla_percent", kind="percent")
    def promise(self, tier: Tier) -> Decimal:
        return tier.sla_percent

    @column(gettext_lazy("₹ a month"), kind="inr")
    def base(self, tier: Any) -> Any:
        return tier.prices[PriceKind.TIER_BASE]

    @column(gettext_lazy("₹ a user"), kind="inr")
    def per_user(self, tier: Any) -> Any:
        return tier.prices[PriceKind.USER]

    @column(gettext_lazy("Offered"), ordering="is_offered", kind="flag")
    def offered(self, tier: Tier) -> bool:
        return tier.is_offered

    def state(self, tier: Tier) -> str:
        return "active" if tier.is_offered else "ended"

    def state_words(self, tier: Tier) -> str:
        return _("offered") if tier.is_offered else _("no longer offered")

    def sentence(self, tier: Tier, actor: Actor) -> str:
        given = {"sla": tier.sla_percent.normalize(), "support": tier.support, "ms": tier.p95_target_ms}
        return _("%(sla)s %% availability, support %(support)s, 95 %% of answers within %(ms)s ms.") % given

    def facts(self, tier: Tier, actor: Actor) -> list[Facts]:
        prices = _prices()
        book = book_at()
        return [
            Facts(
                _("What it costs"),
                [
                    Fact(_("Platform, a month"), prices.get((PriceKind.TIER_BASE, tier.code)), "inr"),
                    Fact(_("One user, a month"), prices.get((PriceKind.USER, tier.code)), "inr"),
                    Fact(_("1,000 documents, a month"), prices.get((PriceKind.DOCUMENTS, tier.code)), "inr"),
                ],
                _("Price book %(version)s. A region's multiplier applies on top.") % {"version": book} if book else "",
            ),
            Facts(
                _("What a tenant may use"),
                [Fact(label, getattr(tier, name), "count") for name, label in LIMITS.items()],
            ),
            Facts(
                _("How it is run"),
                [
                    Fact(_("Champion accepts before activation"), tier.needs_champion, "flag"),
                    Fact(_("Hours to accept"), tier.champion_hours, "count"),
                    Fact(_("When the portal is out of reach"), tier.get_on_outage_display()),
                    Fact(_("Days of grace when suspended"), tier.suspension_grace_days, "count"),
                    Fact(_("Days an archive is kept"), tier.archive_retention_days, "count"),
                    Fact(_("Days logs are kept"), tier.log_retention_days, "count"),
                ],
            ),
        ]

    def verbs(self, tier: Tier, actor: Actor) -> list[Verb]:
        if not self.may(actor, "edit"):
            return []
        limits = {name: getattr(tier, name) for name in LimitsForm.base_fields}
        offer = Verb("offer", _("Offer it again"), _save(is_offered=True))
        end = Verb(
            "end", _("Stop offering"), _save(is_offered=False), tone="danger", says=_("Tenants that have it keep it.")
        )
        says = _("New requests get the new limits; active tenants keep theirs.")
        return [
            Verb("limits", _("Change limits"), _save(), form=LimitsForm, initial=limits, says=says),
            end if tier.is_offered else offer,
        ]

    def create(self, actor: Actor, data: dict[str, Any]) -> Tier:
        fields = dict(data)
        kinds = (PriceKind.TIER_BASE, PriceKind.USER, PriceKind.DOCUMENTS)
        prices = {str(kind): fields.pop(kind) for kind in kinds}
        return actions.save_tier(actor=actor, reason=fields.pop("reason"), prices=prices, **fields)


def _prices() -> dict[tuple[str, str], Decimal]:
    book = book_at()
    return {(row.kind, row.key): row.amount for row in book.prices.all()} if book else {}


def _save(**fixed: Any) -> Any:
    def run(tier: Tier, *, actor: Actor, reason: str, **given: Any) -> Tier:
        return actions.save_tier(actor=actor, reason=reason, code=tier.code, **given, **fixed)

    return run
