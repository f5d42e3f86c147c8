"""The list of tenants, narrowed to those that are healthy, or are not."""

from typing import Any

from django.contrib.admin import SimpleListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy

from .words import BANDS, WITHIN


class Within(SimpleListFilter):
    title = gettext_lazy("health")
    parameter_name = "health"

    def lookups(self, request: Any, model_admin: Any) -> Any:
        return BANDS

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        if chosen is None:
            return queryset
        if chosen not in WITHIN:
            raise IncorrectLookupParameters
        return queryset.filter(WITHIN[chosen])
