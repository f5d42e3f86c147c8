"""The request form. It checks shape; what a request is worth and whether it may be is decided by the action."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance.queries import profile_choices, regions_known
from portal.access.actor import Actor
from portal.access.models import Role, User
from portal.access.queries import holders_of
from portal.lib.errors import Invalid
from portal.lib.money import parse_inr
from tenants.models import NAME_PATTERN, BusinessUnit, DataClass, Geography, Tier
from tenants.queries import region_choices, units_for

CHOOSE = gettext_lazy("Choose…")
PROVIDERS = [
    ("", gettext_lazy("Whatever the rules allow first")),
    ("pgvector", "pgvector"),
    ("pinecone", "Pinecone"),
    ("weaviate", "Weaviate"),
]
INTEGRATIONS = [("snowflake", "Snowflake")]
ENVIRONMENTS = [
    ("prod", gettext_lazy("Production")),
    ("staging", gettext_lazy("Staging")),
    ("dev", gettext_lazy("Development")),
]


class InrField(forms.Field):
    """Rupees as people write them, 12,00,000 or 1200000.00, as a Decimal."""

    widget = forms.TextInput

    def to_python(self, value: Any) -> Any:
        text = str(value or "").strip()
        if not text:
            return None
        try:
            return parse_inr(text[:40])
        except Invalid as refusal:
            raise forms.ValidationError(next(iter(refusal.fields.values()))) from refusal


def _whole(label: Any, at_most: int, help_text: Any = "", at_least: int = 0) -> forms.IntegerField:
    return forms.IntegerField(label=label, min_value=at_least, max_value=at_most, help_text=help_text)


class EstimateForm(forms.Form):
    """What decides cost, policy and signatures."""

    business_unit = forms.ModelChoiceField(
        label=gettext_lazy("Business unit"), queryset=BusinessUnit.objects.none(), empty_label=CHOOSE
    )
    tier = forms.ModelChoiceField(
        label=gettext_lazy("Tier"), queryset=Tier.objects.filter(is_offered=True), empty_label=CHOOSE
    )
    region = forms.ChoiceField(label=gettext_lazy("Region"), help_text=gettext_lazy("Where the data will live"))
    expected_users = _whole(gettext_lazy("Users expected"), 10_000_000, at_least=1)
    expected_documents = _whole(gettext_lazy("Documents expected"), 1_000_000_000)
    expected_queries_per_day = forms.IntegerField(
        label=gettext_lazy("Queries a day expected"), min_value=0, max_value=1_000_000_000, initial=0, required=False
    )
    geography = forms.ChoiceField(label=gettext_lazy("Whose data is it"), choices=Geography.choices)
    data_classes = forms.MultipleChoiceField(
        label=gettext_lazy("Protected data in it"),
        choices=DataClass.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None ticked means: none of these"),
    )
    profiles = forms.MultipleChoiceField(
        label=gettext_lazy("Further compliance profiles"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Those the law asks for are added by themselves"),
    )
    integrations = forms.MultipleChoiceField(
        label=gettext_lazy("Custom integrations"),
        choices=INTEGRATIONS,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    vector_provider = forms.ChoiceField(label=gettext_lazy("Search index"), choices=PROVIDERS, required=False)
    annual_budget_inr = InrField(
        label=gettext_lazy("Budget, ₹ a year"),
        help_text=gettext_lazy("Above ₹10,00,000.00 the CFO signs"),
        widget=forms.TextInput(attrs={"inputmode": "decimal", "maxlength": 30}),
    )

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        units = units_for(actor)
        self._choose_unit([unit.pk for unit in units])
        self.fields["region"].choices = _regions()  # type: ignore[attr-defined]
        self.fields["profiles"].choices = profile_choices()  # type: ignore[attr-defined]

    def _choose_unit(self, codes: list[str]) -> None:
        field: Any = self.fields["business_unit"]
        field.queryset = BusinessUnit.objects.filter(pk__in=codes)
        if len(codes) == 1:
            field.initial, field.empty_label = codes[0], None

    def clean_expected_queries_per_day(self) -> int:
        return self.cleaned_data["expected_queries_per_day"] or 0

    def clean_annual_budget_inr(self) -> Decimal:
        amount: Decimal = self.cleaned_data["annual_budget_inr"]
        if amount <= 0:
            raise forms.ValidationError(_("Give an amount above ₹0.00."))
        return amount


class RequestForm(EstimateForm):
    """A whole request."""

    name = forms.RegexField(
        NAME_PATTERN,
        label=gettext_lazy("Name"),
        max_length=32,
        help_text=gettext_lazy("3 to 32 lower-case letters, digits and hyphens; it cannot be changed later"),
        error_messages={
            "invalid": gettext_lazy("3 to 32 lower-case letters, digits and hyphens, starting with a letter.")
        },
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )
    display_name = forms.CharField(
        label=gettext_lazy("Title"), max_length=120, help_text=gettext_lazy("How people call it")
    )
    environment = forms.ChoiceField(label=gettext_lazy("Environment"), choices=ENVIRONMENTS, initial="prod")
    owner = forms.ModelChoiceField(label=gettext_lazy("Owner"), queryset=User.objects.none())
    champion = forms.ModelChoiceField(
        label=gettext_lazy("Champion"),
        queryset=User.objects.none(),
        help_text=gettext_lazy("Accepts the tenant before it becomes active"),
    )
    justification = forms.CharField(
        label=gettext_lazy("Why it is needed"),
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("The people who sign read this"),
    )
    expires_on = forms.DateField(
        label=gettext_lazy("Needed until"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=gettext_lazy("Empty: for good"),
    )
    SECTIONS = (
        (gettext_lazy("What it is"), ("business_unit", "name", "display_name", "environment")),
        (
            gettext_lazy("What it needs"),
            ("tier", "region", "expected_users", "expected_documents", "expected_queries_per_day", "annual_budget_inr"),
        ),
        (
            gettext_lazy("What data it holds"),
            ("geography", "data_classes", "profiles", "integrations", "vector_provider"),
        ),
        (gettext_lazy("Who and why"), ("owner", "champion", "expires_on", "justification")),
    )

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, actor=actor, **kwargs)
        people = _champions([str(pk) for pk in self.fields["business_unit"].queryset.values_list("pk", flat=True)])  # type: ignore[attr-defined]
        for name in ("owner", "champion"):
            field: Any = self.fields[name]
            field.queryset = User.objects.filter(pk__in=people).select_related("person")
            if actor.user is not None and actor.user.pk in people:
                field.initial = actor.user.pk

    def sections(self) -> list[tuple[Any, list[Any]]]:
        return [(title, [self[name] for name in names]) for title, names in self.SECTIONS]


def _champions(codes: list[str]) -> set[Any]:
    """People who administer tenants in one of the business units."""
    found: set[Any] = set()
    for code in codes:
        found |= set(holders_of([Role.TENANT_ADMIN], {"business_unit": code})[Role.TENANT_ADMIN])
    return found


def _regions() -> list[tuple[str, Any]]:
    """Connected regions first; the others are offered too, because a person can set them up."""
    here = region_choices()
    known = {name for name, _label in here}
    others = [
        (name, _("%(region)s (set up by a person)") % {"region": name}) for name in regions_known() if name not in known
    ]
    return [("", CHOOSE), *here, *others]
