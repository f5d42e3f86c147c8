"""REST of the record, read-only: entries and their receipts, checkpoints, proofs, findings, and the whole to take."""

from typing import Any

import django_filters
from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import policy
from portal.access.actor import actor_of
from portal.lib.api import Pages, StrictSerializer
from portal.lib.errors import Absent
from portal.lib.openapi import MORE

from .counting import Capped
from .evidence import Consistency, consistency, packed_export
from .models import Checkpoint, Entry, LedgerFinding
from .queries import entries_visible_to
from .receipts import BYTES, Bytes, receipt_answer
from .sealing.settings import policy as trusted


class CappedPages(Pages):
    django_paginator_class = Capped


class Text(Bytes):
    media_type = "text/plain"
    format = "txt"


class Packed(Bytes):
    media_type = "application/gzip"
    format = "gz"


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

    @extend_schema(responses={(200, BYTES): OpenApiTypes.BINARY}, extensions={MORE: [409]})
    @action(detail=True, renderer_classes=[JSONRenderer, Bytes])
    def receipt(self, request: Request, pk: str = "") -> HttpResponse:
        """The `.tlog-proof` of an entry, its bytes included. 409 until the entry is anchored."""
        return receipt_answer(self.get_object())


class CheckpointSerializer(serializers.ModelSerializer[Checkpoint]):
    """`note` is signed by the log; `cosignature` is the same note with the witness's signature."""

    root = serializers.SerializerMethodField(help_text="SHA-256, hex")

    class Meta:
        model = Checkpoint
        fields = ("size", "root", "sealed_at", "anchored_at", "place", "version", "note", "cosignature")

    def get_root(self, one: Checkpoint) -> str:
        return bytes(one.root).hex()


class Checkpoints(viewsets.ReadOnlyModelViewSet[Checkpoint]):
    """Signed statements of the ledger's size and root, and where each is anchored."""

    serializer_class = CheckpointSerializer
    pagination_class = CappedPages
    ordering_fields = ["size"]
    queryset = Checkpoint.objects.none()
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "audit.view")
        return Checkpoint.objects.order_by("-size")

    @extend_schema(responses={(200, "text/plain"): OpenApiTypes.STR}, filters=False)
    @action(detail=False, pagination_class=None, filter_backends=[], renderer_classes=[JSONRenderer, Text])
    def latest(self, request: Request) -> HttpResponse:
        """The newest anchored checkpoint as the signed note itself, cosigned by the witness."""
        newest = self.get_queryset().exclude(anchored_at=None).first()
        if newest is None:
            raise Absent("Nothing is sealed and anchored yet.")
        return HttpResponse(newest.cosignature, "text/plain; charset=utf-8")


class FindingSerializer(serializers.ModelSerializer[LedgerFinding]):
    class Meta:
        model = LedgerFinding
        fields = ("id", "kind", "at", "ok", "checked", "details")


class Findings(viewsets.ReadOnlyModelViewSet[LedgerFinding]):
    """What the sealer found when it looked: replays, leaves, copies, truth."""

    serializer_class = FindingSerializer
    pagination_class = CappedPages
    filterset_fields = ("kind", "ok")
    ordering_fields = ["id"]
    queryset = LedgerFinding.objects.none()

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "audit.view")
        return LedgerFinding.objects.order_by("-id")


@extend_schema_serializer(many=False)
class ConsistencySerializer(serializers.Serializer[Any]):
    to = serializers.IntegerField(source="new")
    from_root = serializers.SerializerMethodField(help_text="SHA-256, hex")
    to_root = serializers.SerializerMethodField(help_text="SHA-256, hex")
    proof = serializers.SerializerMethodField(help_text="Hashes, hex, as RFC 9162 2.1.4 orders them")

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.IntegerField(source="old"), **super().get_fields()}

    def get_from_root(self, one: Consistency) -> str:
        return one.old_root.hex()

    def get_to_root(self, one: Consistency) -> str:
        return one.new_root.hex()

    def get_proof(self, one: Consistency) -> list[str]:
        return [hash_.hex() for hash_ in one.proof]


class SizesSerializer(StrictSerializer):
    to = serializers.IntegerField(min_value=0, max_value=2**62, required=False)

    def get_fields(self) -> dict[str, Any]:
        more = {"from": serializers.IntegerField(min_value=0, max_value=2**62, required=False)}
        return {**more, **super().get_fields()}


class Consistencies(viewsets.GenericViewSet[Checkpoint]):
    """That a smaller ledger is the beginning of a larger one: nothing before was changed."""

    serializer_class = ConsistencySerializer
    queryset = Checkpoint.objects.none()
    pagination_class = None
    filter_backends = ()

    @extend_schema(
        parameters=[OpenApiParameter("from", int, default=0), OpenApiParameter("to", int)],
        responses=ConsistencySerializer,
    )
    def list(self, request: Request) -> Response:
        """By default from nothing to the newest checkpoint."""
        policy.require(actor_of(request), "audit.view")
        asked = SizesSerializer(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        found = consistency(asked.validated_data.get("from"), asked.validated_data.get("to"))
        return Response(ConsistencySerializer(found).data)


class PolicyView(viewsets.GenericViewSet[Checkpoint]):
    """policy.json: whom a verifier trusts. Compare it with one from somebody who does not run the database."""

    queryset = Checkpoint.objects.none()
    pagination_class = None
    filter_backends = ()

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def list(self, request: Request) -> HttpResponse:
        """The keys of the log and of its witness, as `bailiwick-verify --policy` reads them."""
        policy.require(actor_of(request), "audit.view")
        return HttpResponse(trusted(), "application/json")


class ExportView(viewsets.GenericViewSet[Checkpoint]):
    """The ledger to take away, as `bailiwick-verify ledger` reads it once it is unpacked."""

    queryset = Checkpoint.objects.none()
    pagination_class = None
    filter_backends = ()
    renderer_classes = (JSONRenderer, Packed)

    @extend_schema(responses={(200, Packed.media_type): OpenApiTypes.BINARY})
    def list(self, request: Request) -> StreamingHttpResponse:
        """A .tar.gz that grows while it is sent."""
        policy.require(actor_of(request), "audit.view")
        name = 'attachment; filename="ledger.tar.gz"'
        return StreamingHttpResponse(packed_export(), Packed.media_type, headers={"Content-Disposition": name})


routes = [
    ("audit/entries", Entries, "audit-entry"),
    ("audit/checkpoints", Checkpoints, "audit-checkpoint"),
    ("audit/consistency", Consistencies, "audit-consistency"),
    ("audit/policy", PolicyView, "audit-policy"),
    ("audit/findings", Findings, "audit-finding"),
    ("audit/export", ExportView, "audit-export"),
]
