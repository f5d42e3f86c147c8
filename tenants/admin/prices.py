"""Price books: dated, published as a whole, never edited."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.admin.governed import GovernedAdmin
from portal.admin.listing import column
from tenants import actions
from tenants.costs.estimate import book_at
from tenants.models import PriceBook, PriceKind

REGIONAL = (PriceKind.REGION,)
BY_TIER = (PriceKind.TIER_BASE, PriceKind.USER, PriceKind.DOCUMENTS)


class PriceForm(forms.Form):
    """One changed line; the next version of the book carries all the others over."""

    kind = forms.ChoiceField(label=gettext_lazy("Price of"), choices=PriceKind.choices)
    key = forms.CharField(
        label=gettext_lazy("Tier or region"),
        max_length=32,
        required=False,
        help_text=gettext_lazy("A tier for tier prices, a region for a multiplier, empty for usage"),
    )
    amount = forms.DecimalField(
        label=gettext_lazy("New amount"),
        min_value=Decimal(0),
        max_digits=14,
        decimal_places=4,
        help_text=gettext_lazy("Rupees; for a region the multiplier"),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=200, help_text=gettext_lazy("Kept as the book's source")
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        needs_key = given.get("kind") in (*BY_TIER, *REGIONAL)
        if needs_key != bool(given.get("key")):
            self.add_error(
                "key", _("Name the tier or region.") if needs_key else _("Leave this empty for usage prices.")
            )
        return given


@admin.register(PriceBook)
class PriceBookAdmin(GovernedAdmin):
    family = "price"
    reads = "tier.view"
    mount = "prices"
    floor, order = "registry", 40
    title = gettext_lazy("Price books")
    explain = gettext_lazy(
        "All prices in force from a date. A published book is never edited; the next version follows it."
    )
    add_form, add_label = PriceForm, gettext_lazy("Publish a new price")
    list_display = ("version", "effective_from", "source", "range")
    ordering = ("-effective_from",)
    object_template = "tenants/price_book.html"

    @column(gettext_lazy("Low to high"))
    def range(self, book: PriceBook) -> str:
        return f"× {book.low_factor} – × {book.high_factor}"

    def heading(self, book: PriceBook) -> str:
        return _("Price book %(version)s") % {"version": book.version}

    def state(self, book: PriceBook) -> str:
        return "active" if book == book_at() else "superseded"

    def state_words(self, book: PriceBook) -> str:
        return _("in force") if book == book_at() else _("followed by a newer one")

    def sentence(self, book: PriceBook, actor: Actor) -> str:
        return _("In force from %(date)s. %(source)s") % {
            "date": f"{book.effective_from:%d %b %Y}",
            "source": book.source,
        }

    def extra(self, book: PriceBook, actor: Actor) -> dict[str, Any]:
        lines = list(book.prices.order_by("kind", "key"))
        tiers = sorted({line.key for line in lines if line.kind in BY_TIER})
        amounts = {(line.kind, line.key): line.amount for line in lines}
        return {
            "by_tier": [(tier, [amounts.get((kind, tier)) for kind in BY_TIER]) for tier in tiers],
            "usage": [line for line in lines if line.kind not in (*BY_TIER, *REGIONAL)],
            "regions": [line for line in lines if line.kind in REGIONAL],
        }

    def create(self, actor: Actor, data: dict[str, Any]) -> PriceBook:
        changes = {(data["kind"], data["key"]): data["amount"]}
        return actions.publish_prices(changes, actor=actor, reason=data["reason"])
