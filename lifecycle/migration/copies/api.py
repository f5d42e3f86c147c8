"""REST of copies: the list, one of them, and the request for a new one."""

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
from portal.lib.api import ByKey, ReasonSerializer

from . import actions
from .models import TenantCopy


class CopyInputSerializer(ReasonSerializer):
    tenant_id = serializers.UUIDField()
    region = serializers.RegexField(r"^[a-z]{2}(-[a-z]+)+-\d$", max_length=32)


class CopySerializer(serializers.ModelSerializer[TenantCopy]):
    class Meta:
        model = TenantCopy
        fields = "__all__"


class CopyFilter(ByKey):
    class Meta:
        model = TenantCopy
        fields = ["state", "tenant", "source", "region"]


class CopyViewSet(
    IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[TenantCopy]
):
    """Verified copies of tenants, which moves are restored from."""

    serializer_class = CopySerializer
    filterset_class = CopyFilter
    search_fields = ["tenant__name"]
    ordering_fields = ["created_at", "verified_at", "state"]
    queryset = TenantCopy.objects.none()

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "migration.view")
        return TenantCopy.objects.visible_to(actor_of(self.request)).order_by("-created_at")

    @extend_schema(request=CopyInputSerializer, responses={201: CopySerializer})
    def create(self, request: Request) -> Response:
        """Have the tenant copied into a region and verified there. It replaces the copy that lies there."""
        given = asked(request, CopyInputSerializer, "migration.make_copy")
        made = actions.make_copy(actor=actor_of(request), **given)
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(request=ReasonSerializer, responses={200: CopySerializer})
    @action(detail=True, methods=["post"], url_path="release")
    def release(self, request: Request, pk: Any = None) -> Response:
        """Let go of the copy, which is then erased with evidence."""
        given = asked(request, ReasonSerializer, "migration.make_copy")
        copy = actions.release(self.get_object().pk, actor=actor_of(request), **given)
        return Response(self.get_serializer(copy).data)


routes = [("tenant-copies", CopyViewSet, "tenant-copy")]
