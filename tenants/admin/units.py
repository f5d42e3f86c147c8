"""Business units: the yearly envelope, what is reserved of it, and who may raise it."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.access.models import Role
from portal.access.queries import roles_of
from portal.admin import eyes
from portal.admin.governed import GovernedAdmin
from portal.admin.home import Card
from portal.admin.listing import column
from portal.admin.verbs import Fact, Facts, Verb
from portal.lib.money import inr, inr_short
from tenants import actions, envelopes
from tenants.models import HELD, BusinessUnit, Reservation, ReservationState
from tenants.queries import units_visible_to


class EnvelopeForm(forms.Form):
    amount_inr = forms.DecimalField(
        label=gettext_lazy("New envelope, ₹ a year"), min_value=Decimal(0), max_digits=16, decimal_places=2
    )


class OwnUnits(admin.RelatedFieldListFilter):
    """A filter by business unit that offers only those the person may see."""

    def field_choices(self, field: Any, request: Any, model_admin: Any) -> list[tuple[Any, str]]:
        return [(unit.pk, unit.name) for unit in units_visible_to(eyes.narrow(request))]


@admin.register(BusinessUnit)
class BusinessUnitAdmin(GovernedAdmin):
    family = "envelope"
    reads = "request.view"
    mount = "business-units"
    floor, order = "registry", 50
    title = gettext_lazy("Business units")
    explain = gettext_lazy("Each unit's budget for the year: what is spent or promised, and what is left.")
    list_display = ("name", "cost_centre", "home_country", "envelope_inr", "used", "left")
    search_fields = ("code", "name", "cost_centre")
    ordering = ("name",)
    object_template = "tenants/unit.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return with_used(units_visible_to(actor))

    @column(gettext_lazy("Reserved or spent"), kind="inr_short")
    def used(self, unit: Any) -> Any:
        return unit.used_inr

    @column(gettext_lazy("Left"), kind="inr_short")
    def left(self, unit: Any) -> Any:
        return unit.envelope_inr - unit.used_inr

    def sentence(self, unit: BusinessUnit, actor: Actor) -> str:
        return _("Cost centre %(centre)s; an envelope of %(amount)s for the year.") % {
            "centre": unit.cost_centre,
            "amount": inr(unit.envelope_inr),
        }

    def facts(self, unit: BusinessUnit, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Code"), unit.code),
            Fact(_("Cost centre"), unit.cost_centre),
            Fact(_("Home country"), unit.get_home_country_display()),
        ]
        held = envelopes.by_state(unit)
        states = [Fact(state.label, held[state], "inr") for state in ReservationState]
        note = _("Reserved, committed and actual count against the envelope.")
        return [Facts(_("The unit"), rows), Facts(_("Its requests' money, by how far it has come"), states, note)]

    def verbs(self, unit: BusinessUnit, actor: Actor) -> list[Verb]:
        if not self.may(actor, "edit", unit):
            return []
        says = _("Requests are refused once the envelope is used up.")
        return [
            Verb(
                "envelope",
                _("Change the envelope"),
                _set,
                form=EnvelopeForm,
                says=says,
                initial={"amount_inr": unit.envelope_inr},
            )
        ]

    def extra(self, unit: Any, actor: Actor) -> dict[str, Any]:
        return {"used": unit.used_inr, "left": unit.envelope_inr - unit.used_inr}

    def home_cards(self, actor: Actor) -> list[Card]:
        if not roles_of(actor) & {Role.TENANT_ADMIN, Role.TENANT_VIEWER, Role.CFO}:
            return []
        units = list(self.visible(actor)[:8])
        rows = [{"unit": unit, "url": self.object_url(unit), "says": _left(unit)} for unit in units]
        return [
            Card(
                _("Budget envelopes"),
                "tenants/card_envelopes.html",
                40,
                "side",
                self.list_url(),
                context={"rows": rows},
            )
        ]


def with_used(units: QuerySet[Any]) -> QuerySet[Any]:
    """The units, each with what is reserved, committed or charged of its envelope as `used_inr`."""
    live = Reservation.objects.filter(business_unit=OuterRef("pk"), state__in=HELD)
    total = live.order_by().values("business_unit").annotate(total=Sum("amount_inr")).values("total")
    return units.annotate(used_inr=Coalesce(Subquery(total), Value(Decimal(0))))


def _left(unit: Any) -> str:
    left = unit.envelope_inr - unit.used_inr
    return _("%(left)s left of %(total)s") % {"left": inr_short(left), "total": inr_short(unit.envelope_inr)}


def _set(unit: BusinessUnit, *, actor: Actor, reason: str, amount_inr: Decimal) -> BusinessUnit:
    return actions.set_envelope(unit.pk, amount_inr, actor=actor, reason=reason)
