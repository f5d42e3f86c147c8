"""What must be kept, by which statute and for how long: data that compliance edits."""

from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.lib.clock import now
from tenants.models import DataClass, Geography

NO_ADDRESS = RegexValidator(r"^[^@\x00-\x1f\x7f]+$", _("names nobody: no @ and no control characters"))


class RetentionRule(models.Model):
    """A category of data that outlives an erasure, where: in one system, or wherever the inventory names the category.

    Empty `geography` and `data_class`: of every tenant. With `part` only that of the system, and the rest of it goes
    (parts.py).
    """

    code = models.CharField(primary_key=True, max_length=16, validators=[RegexValidator(r"^[A-Z][A-Z0-9-]{1,15}$")])
    title = models.CharField(max_length=120)
    statute = models.CharField(max_length=120)
    category = models.CharField(max_length=80, validators=[RegexValidator(r"^[a-z][a-z0-9_]*$")])
    system = models.CharField(max_length=40, blank=True, help_text=_("Empty: every system that holds the category"))
    part = models.CharField(
        max_length=200, blank=True, validators=[NO_ADDRESS],
        help_text=_("Only this of the system, such as query_history of postgres; empty: all of it"),
    )  # fmt: skip
    geography = models.CharField(max_length=8, choices=Geography.choices, blank=True)
    data_class = models.CharField(max_length=16, choices=DataClass.choices, blank=True)
    days = models.PositiveIntegerField(validators=[MinValueValidator(1), MaxValueValidator(36_600)])
    ground = models.CharField(max_length=300, validators=[NO_ADDRESS], help_text=_("As the certificate prints it"))
    review_on = models.DateField(help_text=_("Brings a reminder, never an end"))
    reviewed_on = models.DateField(null=True, blank=True, help_text=_("The day for which a review was asked last"))
    is_active = models.BooleanField(default=True)
    changed_at = models.DateTimeField(default=now)

    class Meta:
        verbose_name, verbose_name_plural = _("retention rule"), _("retention rules")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(name="retention_rule_keeps", condition=Q(days__gte=1)),
            models.CheckConstraint(name="retention_rule_part_of_one", condition=Q(part="") | ~Q(system="")),
        ]

    def __str__(self) -> str:
        return self.code

    def access_scope(self) -> dict[str, Any]:
        return {}
