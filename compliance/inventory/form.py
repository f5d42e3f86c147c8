"""The forms of the inventory. They check shape; who may, and what follows, is the actions'."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from .models import Kind


def _text(label: Any, most: int, help_text: Any = "", *, required: bool = False) -> forms.CharField:
    return forms.CharField(label=label, max_length=most, required=required, help_text=help_text)


def _day(label: Any, help_text: Any = "", *, required: bool = False) -> forms.DateField:
    picker = forms.DateInput(attrs={"type": "date"})
    return forms.DateField(label=label, required=required, help_text=help_text, widget=picker)


class SystemForm(forms.Form):
    """A store of record."""

    name = _text(gettext_lazy("Name"), 60, gettext_lazy("Small letters, digits, dots and dashes"), required=True)
    title = _text(gettext_lazy("What it is"), 120, required=True)
    kind = forms.ChoiceField(label=gettext_lazy("How it is erased"), choices=Kind.choices)
    processor = _text(gettext_lazy("Processor"), 120, gettext_lazy("Who operates it"), required=True)
    region = _text(gettext_lazy("Region"), 32)
    categories = _text(gettext_lazy("Categories of data"), 300, gettext_lazy("Short words, with commas"))
    connector = _text(gettext_lazy("Connector"), 40, gettext_lazy("What erases there; of a connected system"))
    verifier = _text(gettext_lazy("Verifier"), 40, gettext_lazy("What looks there afterwards; of a connected system"))
    owner = _text(gettext_lazy("Owner"), 150, gettext_lazy("Login name of who answers for it"))
    expires_on = _day(gettext_lazy("Gone on"), gettext_lazy("Of a shared snapshot or an archive"))
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))

    def clean_categories(self) -> list[str]:
        return [one.strip() for one in self.cleaned_data["categories"].split(",") if one.strip()]


class StatementForm(forms.Form):
    """What a processor has signed."""

    signed_by = _text(gettext_lazy("Signed by"), 200, gettext_lazy("Name and role at the processor"), required=True)
    expires_on = _day(gettext_lazy("In force until"), required=True)
    statement = forms.CharField(
        label=gettext_lazy("The statement"),
        max_length=20_000,
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 5}),
    )
    digest = _text(gettext_lazy("Or the SHA-256 of the document"), 64)


class ListingForm(forms.Form):
    """To which system something belongs that was found."""

    system = _text(gettext_lazy("System"), 60, gettext_lazy("The name it is listed under"), required=True)
