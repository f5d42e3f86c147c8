"""What the verbs of a flag's page ask for."""

from datetime import timedelta
from typing import Any

from django import forms
from django.core.cache import cache
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.lib.errors import Invalid
from tenants.actions import user_named
from tenants.flags.models import KEY_PATTERN, MOST_DAYS, STEPS, Kind, Relation, today
from tenants.flags.queries import living_tenants
from tenants.models import Tenant, Tier

LONG = forms.Textarea(attrs={"rows": 2})


class OwnerField(forms.CharField):
    """A login name that becomes its person."""

    def clean(self, value: Any) -> Any:
        name = super().clean(value)
        try:
            return user_named(name) if name else None
        except Invalid:
            raise forms.ValidationError(_("Nobody signs in as %(name)s.") % {"name": name}) from None


class TenantField(forms.CharField):
    """The name of a tenant that becomes its id."""

    def clean(self, value: Any) -> Any:
        name = super().clean(value)
        found: Tenant | None = living_tenants().filter(name=name).first()
        if found is None:
            raise forms.ValidationError(_("There is no tenant %(name)s.") % {"name": name})
        return found.pk


def _tiers() -> list[tuple[str, str]]:
    """Kept for a minute: a page has several forms, and each would ask again."""
    return cache.get_or_set("flags:tiers", lambda: list(Tier.objects.values_list("code", "name")), 60) or []


class WordsForm(forms.Form):
    """What every flag says of itself."""

    title = forms.CharField(label=gettext_lazy("What it is"), max_length=120)
    purpose = forms.CharField(
        label=gettext_lazy("What it is for"),
        max_length=500,
        widget=LONG,
        help_text=gettext_lazy("In words that a tenant's people understand"),
    )
    consequence = forms.CharField(
        label=gettext_lazy("What switching it off takes away"),
        max_length=500,
        required=False,
        widget=LONG,
        help_text=gettext_lazy("A kill switch must say"),
    )
    owner = OwnerField(label=gettext_lazy("Owner"), max_length=150, help_text=gettext_lazy("Login name of a person"))
    expires_on = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=gettext_lazy("At most 90 days after it was made; what stays longer is configuration"),
    )


class FlagForm(WordsForm):
    """A new flag: on or off. Other types are made through the API."""

    key = forms.RegexField(
        KEY_PATTERN,
        label=gettext_lazy("Key"),
        max_length=64,
        help_text=gettext_lazy("What programs call it: small letters, digits and hyphens. It never changes."),
    )
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=Kind.choices)
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500, help_text=gettext_lazy("Kept in the ledger"))
    field_order = ["title", "key", "purpose", "kind", "owner", "expires_on", "consequence", "reason"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["expires_on"].initial = today() + timedelta(days=MOST_DAYS)


class RolloutForm(forms.Form):
    tier = forms.ChoiceField(label=gettext_lazy("Tier"), choices=_tiers)
    percent = forms.TypedChoiceField(
        label=gettext_lazy("Share of its tenants"), choices=[(step, f"{step} %") for step in STEPS], coerce=int
    )


class DefaultForm(forms.Form):
    tier = forms.ChoiceField(
        label=gettext_lazy("Tier"), choices=lambda: [("", _("everybody")), *_tiers()], required=False
    )
    variant = forms.CharField(
        label=gettext_lazy("Variant"),
        max_length=40,
        required=False,
        help_text=gettext_lazy("Empty: the tier gets what everybody gets"),
    )


class TenantForm(forms.Form):
    tenant_id = TenantField(label=gettext_lazy("Tenant"), max_length=32, help_text=gettext_lazy("Its name"))


class OverrideForm(TenantForm):
    variant = forms.CharField(label=gettext_lazy("Variant"), max_length=40, initial="on")


class UnrelateForm(forms.Form):
    other = forms.RegexField(
        KEY_PATTERN, label=gettext_lazy("Other flag"), max_length=64, help_text=gettext_lazy("Its key")
    )


class RelateForm(UnrelateForm):
    word = forms.ChoiceField(label=gettext_lazy("It"), choices=Relation.Word.choices)
    field_order = ["word", "other"]
