"""REST of account scans: searches, what they found, how that was settled, who signed."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import policy
from portal.access.actor import actor_of
from portal.access.asking import asked
from portal.access.idempotency import IdempotentMixin
from portal.lib.api import ReasonSerializer, StrictSerializer

from . import actions
from .models import Scan, StoreFinding


class SettlementSerializer(StrictSerializer):
    system = serializers.CharField(max_length=60, required=False, allow_blank=True, help_text="A listed system's name")
    reason = serializers.CharField(max_length=500)


class ScanSerializer(serializers.ModelSerializer[Scan]):
    signed_by = serializers.CharField(source="signed_by.username", read_only=True, allow_null=True, default=None)
    is_overdue = serializers.BooleanField(read_only=True)

    class Meta:
        model = Scan
        exclude = ["alarmed_on"]


class Scans(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Scan]):
    """Searches of every configured account and region for stores that the inventory does not list."""

    serializer_class = ScanSerializer
    filterset_fields = ["quarter", "state"]
    ordering_fields = ["started_at", "due_on"]
    queryset = Scan.objects.none()

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "system.view")
        return Scan.objects.select_related("signed_by").order_by("-started_at")

    @extend_schema(request=ReasonSerializer, responses={202: ScanSerializer})
    def create(self, request: Request) -> Response:
        given = asked(request, ReasonSerializer, "system.edit")
        return Response(self.get_serializer(actions.begin(actor=actor_of(request), **given)).data, status=202)

    @extend_schema(request=ReasonSerializer, responses=ScanSerializer)
    @action(detail=True, methods=["post"])
    def signature(self, request: Request, pk: Any = None) -> Response:
        """Sign for the result."""
        found = self.get_object()
        given = asked(request, ReasonSerializer, "scan.sign", found)
        return Response(self.get_serializer(actions.sign(found.pk, actor=actor_of(request), **given)).data)


class StoreFindingSerializer(serializers.ModelSerializer[StoreFinding]):
    state = serializers.CharField(read_only=True)

    class Meta:
        model = StoreFinding
        fields = "__all__"


class StoreFindings(
    IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[StoreFinding]
):
    """Stores that a search found and no system knew."""

    serializer_class = StoreFindingSerializer
    filterset_fields = {
        "scan": ["exact"], "account": ["exact"], "region": ["exact"], "kind": ["exact"], "resolved_at": ["isnull"]
    }  # fmt: skip
    ordering_fields = ["found_at", "name"]
    queryset = StoreFinding.objects.none()

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "system.view")
        return StoreFinding.objects.order_by("-found_at", "name")

    @extend_schema(request=SettlementSerializer, responses=StoreFindingSerializer)
    @action(detail=True, methods=["post"])
    def settlement(self, request: Request, pk: Any = None) -> Response:
        """Say to which system it belongs or, without one, why it holds nobody's data."""
        found = self.get_object()
        given = asked(request, SettlementSerializer, "system.edit", found)
        return Response(self.get_serializer(actions.settle(found.pk, actor=actor_of(request), **given)).data)


routes = [("account-scans", Scans, "account-scan"), ("scanned-stores", StoreFindings, "scanned-store")]
