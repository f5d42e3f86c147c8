"""REST of the record: read-only."""

from typing import Any

import django_filters
from rest_framework import mixins, serializers, viewsets

from portal.access import policy
from portal.access.actor import actor_of

from .models import Entry


class EntrySerializer(serializers.ModelSerializer[Entry]):
    class Meta:
        model = Entry
        fields = "__all__"


class EntryFilter(django_filters.FilterSet):
    since = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")

    class Meta:
        model = Entry
        fields = ["actor", "verb", "object_type", "object_id", "tenant_id", "request_id"]


class EntryViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Entry]):
    """Who did what, when and why."""

    serializer_class = EntrySerializer
    filterset_class = EntryFilter
    ordering_fields = ["at"]
    queryset = Entry.objects.none()

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "audit.view")
        return Entry.objects.order_by("-at")


routes = [("audit/entries", EntryViewSet, "audit-entry")]
