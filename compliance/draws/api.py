"""REST of draws: five ids of an erasure at random, and every verifier's raw answer for each."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import policy
from portal.access.actor import actor_of
from portal.access.asking import asked
from portal.access.idempotency import IdempotentMixin
from portal.lib.api import StrictSerializer

from . import actions
from .models import Draw


class DrawInputSerializer(StrictSerializer):
    request_id = serializers.UUIDField(help_text="The erasure")
    reason = serializers.CharField(max_length=500)


class DrawSerializer(serializers.ModelSerializer[Draw]):
    asked_by = serializers.CharField(source="asked_by.username", read_only=True)

    class Meta:
        model = Draw
        fields = "__all__"


class Draws(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Draw]):
    """Draws from erasures that run or have run. Reading one is recorded."""

    serializer_class = DrawSerializer
    filterset_fields = ["request", "state"]
    ordering_fields = ["started_at"]
    queryset = Draw.objects.none()

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "erasure.draw")
        return Draw.objects.visible_to(actor_of(self.request)).select_related("asked_by").order_by("-started_at")

    @extend_schema(request=DrawInputSerializer, responses={202: DrawSerializer})
    def create(self, request: Request) -> Response:
        given = asked(request, DrawInputSerializer, "erasure.draw")
        return Response(self.get_serializer(actions.begin(actor=actor_of(request), **given)).data, status=202)


routes = [("erasure-draws", Draws, "erasure-draw")]
