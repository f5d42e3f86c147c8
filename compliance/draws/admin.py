"""Draws as pages: five ids of an erasure by their leaves, and what each verifier said, word for word."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance.erasing.models import ErasureRequest
from portal.access.actor import Actor
from portal.admin.governed import GovernedAdmin
from portal.admin.listing import column
from portal.admin.verbs import Fact, Facts

from . import actions
from .models import Draw


class DrawForm(forms.Form):
    """From which erasure."""

    number = forms.RegexField(
        r"^(ER-)?\d{1,9}$", label=gettext_lazy("Erasure"), help_text=gettext_lazy("Its number, such as ER-0012")
    )
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


@admin.register(Draw)
class DrawAdmin(GovernedAdmin):
    family = "erasure"
    reads = "erasure.draw"
    mount = "erasure-draws"
    floor, order = "compliance", 10
    title = gettext_lazy("Draws")
    explain = gettext_lazy("Five ids of an erasure at random, and what each verifier says of them, word for word.")
    first_step = gettext_lazy("Nobody has drawn yet. Draw from an erasure that runs or has run.")
    add_form, add_label, add_verb = DrawForm, gettext_lazy("Draw five ids"), "draw"
    list_display = ("erasure", "by", "started_at", "state")
    list_select_related = ("request", "asked_by__person")
    ordering = ("-started_at",)
    object_template = "erasing/draw.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Draw.objects.visible_to(actor).select_related("request__tenant__business_unit", "asked_by__person")

    @column(gettext_lazy("Erasure"), ordering="request__number")
    def erasure(self, row: Draw) -> str:
        return str(row.request)

    @column(gettext_lazy("Drawn by"))
    def by(self, row: Draw) -> str:
        return row.asked_by.display_name

    def state_words(self, row: Draw) -> str:
        return str(row.get_state_display())

    def sentence(self, row: Draw, actor: Actor) -> str:
        if any(not one["leaf"] for one in row.drawn):
            return _("The list of ids is destroyed by now; asked for were the canaries of each region.")
        return _("Each id is shown by its leaf in the manifest; ids and names in answers are covered.")

    def facts(self, row: Draw, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Erasure"), str(row.request), url=f"/erasures/{row.request_id}/"),
            Fact(_("Drawn by"), row.asked_by.display_name),
            Fact(_("Begun"), row.started_at, "moment"),
            Fact(_("Answered"), row.ended_at, "moment"),
        ]
        return [Facts(_("The draw"), [one for one in rows if one.value not in ("", None)])]

    def extra(self, row: Draw, actor: Actor) -> dict[str, Any]:
        return {"drawn": row.drawn, "live": 3 if row.state == "running" else 0}

    def create(self, actor: Actor, data: dict[str, Any]) -> Draw:
        number = int(data.pop("number").removeprefix("ER-"))
        key = ErasureRequest.objects.visible_to(actor).filter(number=number).values_list("pk", flat=True).first()
        return actions.begin(key, actor=actor, **data)

    def created_message(self, obj: Any) -> str:
        return _("Every verifier is being asked.")
