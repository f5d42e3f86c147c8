"""The form of a change of tier. It checks shape; cost, fit and permission are the action's."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from lifecycle.admin.form import CHOOSE, InrField
from portal.access.actor import Actor
from portal.access.policy import VERBS
from portal.access.queries import scope_filter
from tenants.models import Status, Tenant, Tier


def _count(label: Any, at_most: int, at_least: int = 0) -> forms.IntegerField:
    help_text = gettext_lazy("Empty: as agreed last")
    return forms.IntegerField(label=label, min_value=at_least, max_value=at_most, required=False, help_text=help_text)


def _day(label: Any, help_text: Any) -> forms.DateField:
    return forms.DateField(
        label=label, required=False, help_text=help_text, widget=forms.DateInput(attrs={"type": "date"})
    )


class EstimateForm(forms.Form):
    """What decides cost, fit and signatures."""

    tenant = forms.ModelChoiceField(label=gettext_lazy("Tenant"), queryset=Tenant.objects.none(), empty_label=CHOOSE)
    tier = forms.ModelChoiceField(
        label=gettext_lazy("New tier"), queryset=Tier.objects.filter(is_offered=True), empty_label=CHOOSE
    )
    starts_on = _day(gettext_lazy("From"), gettext_lazy("Empty: as soon as it is approved"))
    ends_on = _day(gettext_lazy("Back on"), gettext_lazy("The tenant goes back by itself; empty: for good"))
    expected_users = _count(gettext_lazy("Users expected"), 10_000_000, 1)
    expected_documents = _count(gettext_lazy("Documents expected"), 1_000_000_000)
    expected_queries_per_day = _count(gettext_lazy("Queries a day expected"), 1_000_000_000)
    budget_inr = InrField(
        label=gettext_lazy("May cost more, ₹ a year"),
        required=False,
        help_text=gettext_lazy("Needed only where there is no price"),
        widget=forms.TextInput(attrs={"inputmode": "decimal", "maxlength": 30}),
    )

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reach = scope_filter(actor, VERBS["tier_change.create"], tenant="id", business_unit="business_unit_id")
        field: Any = self.fields["tenant"]
        field.queryset = Tenant.objects.filter(reach, status__in=[Status.ACTIVE, Status.SUSPENDED]).order_by("name")


class ChangeForm(EstimateForm):
    """A whole change."""

    justification = forms.CharField(
        label=gettext_lazy("Why it is needed"),
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("The people who sign read this"),
    )
    acknowledged = forms.BooleanField(
        required=False, label=gettext_lazy("What is over the new limits may be refused; I know that")
    )
    SECTIONS = (
        (gettext_lazy("What should change"), ("tenant", "tier", "starts_on", "ends_on")),
        (
            gettext_lazy("What it is for"),
            ("expected_users", "expected_documents", "expected_queries_per_day", "budget_inr"),
        ),
        (gettext_lazy("Why"), ("justification", "acknowledged")),
    )

    def sections(self) -> list[tuple[Any, list[Any]]]:
        return [(title, [self[name] for name in names]) for title, names in self.SECTIONS]
