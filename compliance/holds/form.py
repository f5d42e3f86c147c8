"""The form that places a hold. It checks shape; who may, and what follows, is the action's."""

from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.access.policy import VERBS
from portal.access.queries import scope_filter
from tenants.models import Status, Tenant

from .models import Kind
from .queries import kept_in_part


def _text(label: Any, most: int, help_text: Any = "", *, required: bool = False) -> forms.CharField:
    return forms.CharField(label=label, max_length=most, required=required, help_text=help_text)


def _day(label: Any, help_text: Any = "") -> forms.DateField:
    picker = forms.DateInput(attrs={"type": "date"})
    return forms.DateField(label=label, required=False, help_text=help_text, widget=picker)


class PlaceForm(forms.Form):
    """A whole hold."""

    tenant = forms.ModelChoiceField(
        label=gettext_lazy("Tenant"), queryset=Tenant.objects.none(), empty_label=gettext_lazy("choose")
    )
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=Kind.choices)
    matter = _text(gettext_lazy("Matter"), 200, gettext_lazy("Seen by legal and compliance only"), required=True)
    case_ref = _text(gettext_lazy("Case"), 100)
    subject = _text(gettext_lazy("A person's identifier"), 200, gettext_lazy("Only a keyed pseudonym of it is kept"))
    system = _text(gettext_lazy("System"), 40)
    category = _text(gettext_lazy("Category of data"), 80)
    from_on = _day(gettext_lazy("Data from"))
    until_on = _day(gettext_lazy("Data until"))
    review_on = _day(gettext_lazy("Review on"), gettext_lazy("Brings a reminder. The hold never ends by itself"))
    custodians = _text(gettext_lazy("Custodians"), 500, gettext_lazy("Who must keep it: login names, with commas"))
    reason = forms.CharField(
        label=gettext_lazy("Why"),
        max_length=500,
        help_text=gettext_lazy("Kept in the ledger, which auditors read: do not name the matter"),
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reach = scope_filter(actor, VERBS["hold.place"], tenant="id", business_unit="business_unit_id")
        field: Any = self.fields["tenant"]
        field.queryset = Tenant.objects.filter(
            reach, ~Q(status=Status.DELETED) | Q(pk__in=kept_in_part().values("request__tenant"))
        ).order_by("name")

    def clean_custodians(self) -> list[str]:
        return [name.strip() for name in self.cleaned_data["custodians"].split(",") if name.strip()]
