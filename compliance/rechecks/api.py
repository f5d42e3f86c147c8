"""REST of re-verifications: what each look found, and one more where an officer asks for it."""

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
from .models import Recheck


class RecheckInputSerializer(StrictSerializer):
    certificate_id = serializers.UUIDField()
    reason = serializers.CharField(max_length=500)


class RecheckSerializer(serializers.ModelSerializer[Recheck]):
    certificate_name = serializers.CharField(source="certificate.__str__", read_only=True)

    class Meta:
        model = Recheck
        fields = "__all__"


class Rechecks(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Recheck]):
    """Looks into certificates that stand."""

    serializer_class = RecheckSerializer
    filterset_fields = ["certificate", "state", "cause"]
    ordering_fields = ["started_at", "ended_at"]
    queryset = Recheck.objects.none()

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "certificate.view")
        return Recheck.objects.visible_to(actor_of(self.request)).select_related("certificate").order_by("-started_at")

    @extend_schema(request=RecheckInputSerializer, responses={202: RecheckSerializer})
    def create(self, request: Request) -> Response:
        given = asked(request, RecheckInputSerializer, "certificate.recheck")
        made = actions.begin(actor=actor_of(request), **given)
        return Response(self.get_serializer(made).data, status=202)


routes = [("certificate-rechecks", Rechecks, "certificate-recheck")]
