"""The scale of health as a page: what each part weighs, and where its points begin and end."""

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.admin.governed import GovernedAdmin
from portal.admin.listing import column
from portal.admin.verbs import Fact, Facts, Verb

from . import actions
from .models import Scale
from .words import NAMES

# Shape only: that the weights make a hundred is said by the action and held by the database.
ScaleForm: type[forms.Form] = type("ScaleForm", (forms.Form,), dict(forms.fields_for_model(Scale, exclude=["id"])))


@admin.register(Scale)
class ScaleAdmin(GovernedAdmin):
    family = "health_scale"
    mount = "health-scale"
    floor, order = "registry", 60
    title = gettext_lazy("Health scale")
    explain = gettext_lazy("What a tenant's health is made of. One scale holds for every tenant.")
    list_display = ("name", "uptime_weight", "errors_weight", "latency_weight", "storage_weight")
    ordering = ("pk",)

    @column(gettext_lazy("Scale"))
    def name(self, scale: Scale) -> str:
        return _("The scale in force")

    def heading(self, scale: Scale) -> str:
        return _("Health scale")

    def sentence(self, scale: Scale, actor: Actor) -> str:
        return _("Four parts earn up to 100 points each; the score is their mean by weight. 80 and more is healthy.")

    def facts(self, scale: Scale, actor: Actor) -> list[Facts]:
        weights = [Fact(NAMES[name], weight, "percent") for name, weight in scale.weights().items()]
        named = [field for field in Scale._meta.fields if not field.primary_key and "weight" not in field.name]
        spans = [Fact(_label(field), getattr(scale, field.name), "number") for field in named]
        return [
            Facts(_("What each part weighs"), weights, _("Together they make 100.")),
            Facts(_("Where points begin and end"), spans),
        ]

    def verbs(self, scale: Scale, actor: Actor) -> list[Verb]:
        if not self.may(actor, "edit"):
            return []
        initial = {field.name: getattr(scale, field.name) for field in Scale._meta.fields if not field.primary_key}
        says = _("Holds from the next minute on, for every tenant. What was measured before stays as it was.")
        done = _("Changed. Scores follow within a minute.")
        return [Verb("change", _("Change the scale"), _change, says=says, form=ScaleForm, initial=initial, done=done)]


def _label(field: Any) -> str:
    words = str(field.verbose_name).capitalize()
    return f"{words} ({field.help_text})" if field.help_text else words


def _change(scale: Scale, *, actor: Actor, reason: str, **fields: Any) -> None:
    actions.set_scale(actor=actor, reason=reason, **fields)
