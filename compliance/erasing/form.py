"""The forms of erasures. They check shape; who may, and what follows, is the action's."""

import re
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.access.policy import VERBS
from portal.access.queries import scope_filter
from tenants.models import DataClass, Geography, Tenant

from .intake import HAS_DATA, MOST_DOCUMENTS, half_erased
from .models import Basis, Identity, Kind


def of_people(words: type[Basis] | type[Identity]) -> list[tuple[str, Any]]:
    """What a person may choose: nobody asks for the erasure of somebody made up."""
    return [one for one in words.choices if one[0] != words.SYNTHETIC]


class RequestForm(forms.Form):
    """A whole request. What names a person is looked up and forgotten."""

    tenant = forms.ModelChoiceField(
        label=gettext_lazy("Tenant"), queryset=Tenant.objects.none(), empty_label=gettext_lazy("choose")
    )
    kind = forms.ChoiceField(label=gettext_lazy("What is to be erased"), choices=Kind.choices, initial=Kind.PERSON)
    legal_basis = forms.ChoiceField(label=gettext_lazy("By which right"), choices=of_people(Basis))
    identity = forms.ChoiceField(label=gettext_lazy("How it was checked who asks"), choices=of_people(Identity))
    email = forms.EmailField(
        label=gettext_lazy("The person's e-mail address"),
        required=False,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("For one person: looked up in the tenant and kept nowhere"),
    )
    user_id = forms.UUIDField(
        label=gettext_lazy("Or the platform's user id"), required=False, help_text=gettext_lazy("For one person")
    )
    documents = forms.CharField(
        label=gettext_lazy("Documents"),
        required=False,
        max_length=40 * MOST_DOCUMENTS,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("For documents: their ids, one to a line"),
    )
    reason = forms.CharField(
        label=gettext_lazy("Why"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Kept for good and read by auditors: name nobody"),
    )

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reach = scope_filter(actor, VERBS["erasure.request"], tenant="id", business_unit="business_unit_id")
        field: Any = self.fields["tenant"]
        field.queryset = Tenant.objects.filter(reach, Q(status__in=HAS_DATA) | half_erased()).order_by("name")

    def clean_documents(self) -> list[UUID]:
        words = [one for one in re.split(r"[\s,;]+", self.cleaned_data["documents"]) if one]
        try:
            return [UUID(one) for one in words]
        except ValueError:
            raise forms.ValidationError(_("ids as the platform writes them, one to a line")) from None


class AgainForm(forms.Form):
    """Whom a finished erasure was about: its key is destroyed."""

    user_id = forms.UUIDField(label=gettext_lazy("The platform's user id"), required=False)
    documents = forms.CharField(
        label=gettext_lazy("Documents"), required=False, widget=forms.Textarea(attrs={"rows": 2})
    )

    clean_documents = RequestForm.clean_documents


class RecipientForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Who was told"), max_length=120, help_text=gettext_lazy("A company, not an address")
    )
    how = forms.CharField(label=gettext_lazy("How"), max_length=300)


class ProofForm(forms.Form):
    """An id that the person has, and where it was."""

    system = forms.CharField(
        label=gettext_lazy("System"), max_length=72, help_text=gettext_lazy("As the certificate names it")
    )
    record_id = forms.CharField(label=gettext_lazy("Id"), max_length=2000)


class RuleForm(forms.Form):
    """What a retention rule says."""

    title = forms.CharField(label=gettext_lazy("Title"), max_length=120)
    statute = forms.CharField(label=gettext_lazy("Statute"), max_length=120)
    category = forms.RegexField(
        r"^[a-z][a-z0-9_]*$", label=gettext_lazy("Category of data"), max_length=80,
        help_text=gettext_lazy("As the inventory calls it, such as financial_records"),
    )  # fmt: skip
    system = forms.CharField(
        label=gettext_lazy("System"), max_length=40, required=False, help_text=gettext_lazy("Empty: wherever it lies")
    )
    part = forms.CharField(
        label=gettext_lazy("Only this part"), max_length=200, required=False,
        help_text=gettext_lazy(
            "A table of postgres, a prefix of objects (users/*/invoices/), a group (/audit) or streams (audit/) of logs"
        ),
    )  # fmt: skip
    geography = forms.ChoiceField(
        label=gettext_lazy("Whose data"), required=False, choices=[("", gettext_lazy("anybody's")), *Geography.choices]
    )
    data_class = forms.ChoiceField(
        label=gettext_lazy("Only tenants with"), required=False,
        choices=[("", gettext_lazy("any data")), *DataClass.choices],
    )  # fmt: skip
    days = forms.IntegerField(label=gettext_lazy("Kept, days"), min_value=1, max_value=36_600)
    ground = forms.CharField(
        label=gettext_lazy("Ground"), max_length=300, help_text=gettext_lazy("As the certificate prints it")
    )
    review_on = forms.DateField(
        label=gettext_lazy("Review on"), widget=forms.DateInput(attrs={"type": "date"}),
        help_text=gettext_lazy("Brings a reminder. The rule never ends by itself"),
    )  # fmt: skip
    is_active = forms.BooleanField(label=gettext_lazy("In force"), required=False, initial=True)


class NewRuleForm(RuleForm):
    code = forms.RegexField(r"^[A-Z][A-Z0-9-]{1,15}$", label=gettext_lazy("Code"), max_length=16)
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 2}))

    field_order = ("code",)
