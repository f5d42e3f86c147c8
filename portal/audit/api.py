"""REST of the record, read-only: entries and their receipts, checkpoints, proofs, findings, and the whole to take."""

from typing import Any

import django_filters
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.utils.functional import cached_property
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from portal.access import policy
from portal.access.actor import actor_of
from portal.lib.api import Pages

from .evidence import receipt_of
from .models import Entry
from .queries import entries_visible_to

COUNTED = 10_000


class Capped(Paginator):  # type: ignore[type-arg]
    """Counts to 10,001 and no further: a million entries are not counted for a page of fifty."""

    @cached_property
    def count(self) -> int:
        return int(self.object_list[: COUNTED + 1].count())  # type: ignore[call-arg]


class CappedPages(Pages):
    django_paginator_class = Capped


class Bytes(BaseRenderer):
    """For answers that are no JSON: lets a caller ask for them by their type. Refusals stay JSON."""

    media_type = "application/octet-stream"
    format = "bytes"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> Any:
        return JSONRenderer().render(data)


class EntrySerializer(serializers.ModelSerializer[Entry]):
    class Meta:
        model = Entry
        fields = "__all__"


class EntryFilter(django_filters.FilterSet):  # type: ignore[misc]
    """`before` is an entry's id: what is older than it, for walking on past the 10,000 that are counted."""

    family = django_filters.CharFilter(method="in_family", help_text="What was done, such as `tenant`")
    since = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")
    before = django_filters.NumberFilter(field_name="id", lookup_expr="lt", decimal_places=0)

    class Meta:
        model = Entry
        fields = ["actor", "verb", "op", "object_type", "object_id", "tenant_id", "request_id", "xid"]

    def in_family(self, found: Any, name: str, value: str) -> Any:
        return found.filter(verb__startswith=f"{value}.")


class Entries(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Entry]):
    """Who did what, when and why: acts, and the row changes beside them. `count` stops at 10,001."""

    serializer_class = EntrySerializer
    filterset_class = EntryFilter
    pagination_class = CappedPages
    ordering_fields = ["id"]
    queryset = Entry.objects.none()

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "audit.view")
        return entries_visible_to(actor_of(self.request)).order_by("-id")

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @action(detail=True, renderer_classes=[JSONRenderer, Bytes])
    def receipt(self, request: Request, pk: str = "") -> HttpResponse:
        """The `.tlog-proof` of an entry, its bytes included. 409 until the entry is anchored."""
        return receipt_answer(self.get_object())


def receipt_answer(entry: Entry) -> HttpResponse:
    """A receipt as a download."""
    name = f'attachment; filename="entry-{entry.pk}.tlog-proof"'
    return HttpResponse(receipt_of(entry), "application/octet-stream", headers={"Content-Disposition": name})


routes = [("audit/entries", Entries, "audit-entry")]
