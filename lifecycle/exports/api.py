"""REST of exports: ask for one, take it away, confirm that it was received, withdraw it."""

from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import policy
from portal.access.actor import actor_of
from portal.access.asking import asked
from portal.access.idempotency import IdempotentMixin
from portal.lib.api import ByKey, ReasonSerializer
from portal.lib.openapi import MORE

from . import actions, downloads
from .models import Export


class ExportInputSerializer(ReasonSerializer):
    tenant_id = serializers.UUIDField()


class ExportReceiptSerializer(ReasonSerializer):
    digest = serializers.RegexField(r"^[0-9a-fA-F]{64}$", help_text="The SHA-256 of manifest.json in hand")


class ExportSerializer(serializers.ModelSerializer[Export]):
    reference = serializers.CharField(source="__str__", read_only=True)
    tenant_name = serializers.CharField(source="tenant.name", read_only=True)
    requested_by = serializers.CharField(source="requested_by.username", read_only=True)
    received_by = serializers.CharField(source="received_by.username", read_only=True, allow_null=True)

    class Meta:
        model = Export
        exclude = ["places"]


class ExportFilter(ByKey):
    class Meta:
        model = Export
        fields = ["state", "tenant", "region"]


class Zip(BaseRenderer):
    """The archive as it is: the view streams it."""

    media_type, format = "application/zip", "zip"

    def render(self, data: Any, *_: Any) -> Any:
        return data


class ExportViewSet(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Export]):
    """Tenants' data handed back to them: what was made of which moment, who took it away, when it was deleted."""

    serializer_class = ExportSerializer
    filterset_class = ExportFilter
    search_fields = ["tenant__name"]
    ordering_fields = ["number", "created_at", "state", "expires_at"]
    queryset = Export.objects.none()

    def get_queryset(self) -> Any:
        actor = actor_of(self.request)
        policy.require_scope(actor, "export.view")
        rows = Export.objects.visible_to(actor).select_related("tenant", "requested_by", "received_by")
        return rows.order_by("-number")

    @extend_schema(request=ExportInputSerializer, responses={201: ExportSerializer})
    def create(self, request: Request) -> Response:
        """Have everything of a tenant written into files, checked and signed."""
        given = asked(request, ExportInputSerializer, "export.request")
        made = actions.ask(given.pop("tenant_id"), actor=actor_of(request), **given)
        return Response(self._shown(made), status=201)

    @extend_schema(responses={(200, Zip.media_type): OpenApiTypes.BINARY}, extensions={MORE: [409]})
    @action(detail=True, methods=["get"], renderer_classes=[JSONRenderer, Zip])
    def archive(self, request: Request, pk: Any = None) -> StreamingHttpResponse:
        """The whole export as one zip, streamed. Each download is an act in the ledger. 409 while there is none."""
        return downloads.answer(actions.hand_out(self.get_object().pk, actor=actor_of(request)))

    @extend_schema(request=ExportReceiptSerializer, responses=ExportSerializer)
    @action(detail=True, methods=["post"])
    def receipt(self, request: Request, pk: Any = None) -> Response:
        """Confirm that it was received, by the SHA-256 of its manifest. What lies here is then deleted."""
        return self._act(actions.confirm, request, "export.confirm", ExportReceiptSerializer)

    @extend_schema(request=ReasonSerializer, responses=ExportSerializer)
    @action(detail=True, methods=["post"])
    def withdrawal(self, request: Request, pk: Any = None) -> Response:
        """Have it deleted before anybody received it."""
        return self._act(actions.withdraw, request, "export.request", ReasonSerializer)

    def _act(self, act: Any, request: Request, verb: str, form: Any) -> Response:
        found = self.get_object()
        given = asked(request, form, verb, found)
        act(found.pk, actor=actor_of(request), **given)
        return Response(self._shown(found))

    def _shown(self, one: Export) -> Any:
        return self.get_serializer(self.get_queryset().get(pk=one.pk)).data


routes = [("exports", ExportViewSet, "export")]
