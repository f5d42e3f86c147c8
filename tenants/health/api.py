"""How a tenant's health reads over REST, and the scale that it is measured by."""

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
from portal.lib.api import StrictSerializer

from . import actions
from .models import Scale
from .words import BANDS


class PartSerializer(serializers.Serializer[Any]):
    """One part of the score; its points are null where it is not known."""

    name = serializers.CharField()
    points = serializers.IntegerField(allow_null=True)
    says = serializers.CharField()


class HealthSerializer(serializers.Serializer[Any]):
    """A tenant's health as last measured; the score is null where it is not known."""

    score = serializers.IntegerField(allow_null=True)
    band = serializers.ChoiceField(BANDS)
    parts = PartSerializer(source="lines", many=True)
    measured_at = serializers.DateTimeField(source="condition.read_at", allow_null=True, default=None)
    alarmed_at = serializers.DateTimeField(source="condition.alarmed_at", allow_null=True, default=None)


class ScaleSerializer(serializers.ModelSerializer[Scale]):
    class Meta:
        model = Scale
        fields = "__all__"


class ScaleChangeSerializer(StrictSerializer):
    """What is to change; the weights make 100 afterwards, all four together."""

    uptime_weight = serializers.IntegerField(min_value=0, max_value=100, required=False)
    errors_weight = serializers.IntegerField(min_value=0, max_value=100, required=False)
    latency_weight = serializers.IntegerField(min_value=0, max_value=100, required=False)
    storage_weight = serializers.IntegerField(min_value=0, max_value=100, required=False)
    uptime_slack = serializers.FloatField(min_value=0, max_value=100, required=False)
    errors_full = serializers.FloatField(min_value=0, max_value=100, required=False)
    errors_none = serializers.FloatField(min_value=0, max_value=100, required=False)
    latency_none = serializers.FloatField(min_value=1, max_value=1000, required=False)
    storage_full = serializers.FloatField(min_value=0, max_value=100, required=False)
    half_life_minutes = serializers.IntegerField(min_value=1, max_value=10_080, required=False)
    least_requests = serializers.IntegerField(min_value=1, max_value=10_000, required=False)
    quiet_minutes = serializers.IntegerField(min_value=0, max_value=1440, required=False)
    matters_by = serializers.IntegerField(min_value=1, max_value=100, required=False)
    reason = serializers.CharField(max_length=500)


class Scales(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Scale]):
    """The one scale by which the health of every tenant is measured."""

    serializer_class = ScaleSerializer
    queryset = Scale.objects.none()
    ordering_fields = ["id"]

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "health_scale.view")
        return Scale.objects.order_by("pk")

    @extend_schema(request=ScaleChangeSerializer, responses=ScaleSerializer)
    @action(detail=True, methods=["post"])
    def change(self, request: Request, pk: Any = None) -> Response:
        """Change the scale for every tenant, from the next look on."""
        self.get_object()
        given = asked(request, ScaleChangeSerializer, "health_scale.edit")
        return Response(self.get_serializer(actions.set_scale(actor=actor_of(request), **given)).data)


routes = [("health-scale", Scales, "health-scale")]
