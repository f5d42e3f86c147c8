"""The forms about findings. They check shape; who may, and what follows, is the actions'."""

from django import forms
from django.utils.translation import gettext_lazy


class ExceptionForm(forms.Form):
    """Who answers for a finding, and until when."""

    owner = forms.CharField(
        label=gettext_lazy("Who answers for it"), max_length=150, help_text=gettext_lazy("Login name")
    )
    expires_on = forms.DateField(
        label=gettext_lazy("Until"),
        help_text=gettext_lazy("From that day on it is open again; at most a year ahead"),
        widget=forms.DateInput(attrs={"type": "date"}),
    )


class ScanForm(forms.Form):
    """Why a scan is wanted now."""

    reason = forms.CharField(label=gettext_lazy("Why"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))
