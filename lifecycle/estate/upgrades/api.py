"""REST of module upgrades: ask for one, follow it wave by wave, stop it, go on."""

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
from .models import Member, Upgrade


class UpgradeMemberSerializer(serializers.ModelSerializer[Member]):
    tenant_name = serializers.CharField(source="tenant.name", read_only=True)

    class Meta:
        model = Member
        fields = ["tenant", "tenant_name", "wave", "was", "state", "job_id", "error", "done_at"]


class UpgradeSerializer(serializers.ModelSerializer[Upgrade]):
    requested_by = serializers.CharField(source="requested_by.username", read_only=True)
    members = UpgradeMemberSerializer(many=True, read_only=True)

    class Meta:
        model = Upgrade
        fields = "__all__"


class UpgradeInputSerializer(ReasonSerializer):
    version = serializers.RegexField(r"^[0-9a-f]{64}$", required=False, help_text="Empty: what is installed here")


class ResumptionSerializer(ReasonSerializer):
    leave_out_failed = serializers.BooleanField(default=False, help_text="Else they are tried again")


class UpgradeFilter(ByKey):
    class Meta:
        model = Upgrade
        fields = ["state"]


class Upgrades(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Upgrade]):
    """Tenants brought to the modules installed here: one, 5 %, 25 %, all, each validated before the next begins."""

    serializer_class = UpgradeSerializer
    filterset_class = UpgradeFilter
    ordering_fields = ["created_at", "state"]
    queryset = Upgrade.objects.none()

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "upgrade.view")
        found = Upgrade.objects.select_related("requested_by").prefetch_related("members__tenant")
        return found.order_by("-created_at")

    @extend_schema(request=UpgradeInputSerializer, responses={201: UpgradeSerializer})
    def create(self, request: Request) -> Response:
        given = asked(request, UpgradeInputSerializer, "upgrade.edit")
        return Response(self.get_serializer(actions.request(actor=actor_of(request), **given)).data, status=201)

    @extend_schema(request=ReasonSerializer, responses=UpgradeSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: Any = None) -> Response:
        return self._act(actions.stop, request, ReasonSerializer)

    @extend_schema(request=ResumptionSerializer, responses=UpgradeSerializer)
    @action(detail=True, methods=["post"])
    def resumption(self, request: Request, pk: Any = None) -> Response:
        return self._act(actions.resume, request, ResumptionSerializer)

    @extend_schema(request=ReasonSerializer, responses=UpgradeSerializer)
    @action(detail=True, methods=["post"])
    def cancellation(self, request: Request, pk: Any = None) -> Response:
        return self._act(actions.cancel, request, ReasonSerializer)

    def _act(self, act: Any, request: Request, body: Any) -> Response:
        found = self.get_object()
        given = asked(request, body, "upgrade.edit", found)
        return Response(self.get_serializer(act(found.pk, actor=actor_of(request), **given)).data)


routes = [("module-upgrades", Upgrades, "module-upgrade")]
