"""REST of synthetic erasures: the sandboxes, and what became of each made-up person."""

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

from . import actions, queries
from .models import Sandbox, SyntheticErasure


class DesignationSerializer(StrictSerializer):
    tenant = serializers.UUIDField(help_text="Active, not production, and without anybody's data")
    reason = serializers.CharField(max_length=500)


class SandboxSerializer(serializers.ModelSerializer[Sandbox]):
    state = serializers.CharField(read_only=True)
    last_passed_at = serializers.DateTimeField(read_only=True, allow_null=True, default=None)

    class Meta:
        model = Sandbox
        exclude = ["alarmed_on"]


class SyntheticErasureSerializer(serializers.ModelSerializer[SyntheticErasure]):
    name = serializers.CharField(source="__str__", read_only=True)

    class Meta:
        model = SyntheticErasure
        fields = "__all__"


class Sandboxes(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Sandbox]):
    """One tenant of a region, without anybody's data, in which erasing is tried every month."""

    serializer_class = SandboxSerializer
    filterset_fields = {"region": ["exact"], "ended_at": ["isnull"]}
    ordering_fields = ["region", "designated_at"]
    queryset = Sandbox.objects.none()

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "system.view")
        return Sandbox.objects.annotate(last_passed_at=queries.last_passed()).order_by("region", "-designated_at")

    @extend_schema(request=DesignationSerializer, responses={201: SandboxSerializer})
    def create(self, request: Request) -> Response:
        """Name a tenant as the sandbox of its region."""
        given = asked(request, DesignationSerializer, "system.edit")
        made = actions.designate(given.pop("tenant"), actor=actor_of(request), **given)
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(request=ReasonSerializer, responses={202: SyntheticErasureSerializer})
    @action(detail=True, methods=["post"])
    def trial(self, request: Request, pk: Any = None) -> Response:
        """Have a made-up person erased there now."""
        found = self.get_object()
        given = asked(request, ReasonSerializer, "system.edit", found)
        made = actions.begin(found.pk, actor=actor_of(request), **given)
        return Response(SyntheticErasureSerializer(made).data, status=202)

    @extend_schema(request=ReasonSerializer, responses=SandboxSerializer)
    @action(detail=True, methods=["post"])
    def ending(self, request: Request, pk: Any = None) -> Response:
        """Use it no longer."""
        found = self.get_object()
        given = asked(request, ReasonSerializer, "system.edit", found)
        return Response(self.get_serializer(actions.end(found.pk, actor=actor_of(request), **given)).data)


class SyntheticErasures(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[SyntheticErasure]):
    """Every month a made-up person is erased in each sandbox, through certificate and delivery."""

    serializer_class = SyntheticErasureSerializer
    filterset_fields = ["state", "month", "sandbox"]
    ordering_fields = ["started_at", "ended_at"]
    queryset = SyntheticErasure.objects.none()

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "system.view")
        return SyntheticErasure.objects.select_related("sandbox__tenant").order_by("-started_at")


routes = [("sandboxes", Sandboxes, "sandbox"), ("synthetic-erasures", SyntheticErasures, "synthetic-erasure")]
