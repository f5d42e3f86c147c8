"""REST of retired stores: what was erased where, with its evidence."""

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
from .models import Retirement


class RetirementSerializer(serializers.ModelSerializer[Retirement]):
    class Meta:
        model = Retirement
        exclude = ["key"]


class RetirementFilter(ByKey):
    class Meta:
        model = Retirement
        fields = ["state", "occasion", "tenant", "region", "subject"]


class RetirementViewSet(
    IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Retirement]
):
    """Stores that a tenant has left, and how each was erased."""

    serializer_class = RetirementSerializer
    filterset_class = RetirementFilter
    search_fields = ["tenant__name"]
    ordering_fields = ["created_at", "ended_at", "state"]
    queryset = Retirement.objects.none()

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "retirement.view")
        return Retirement.objects.visible_to(actor_of(self.request)).order_by("-created_at")

    @extend_schema(request=ReasonSerializer, responses={200: RetirementSerializer})
    @action(detail=True, methods=["post"], url_path="retry")
    def retry(self, request: Request, pk: Any = None) -> Response:
        """Have one whose work has failed looked at again, with what has come since."""
        given = asked(request, ReasonSerializer, "retirement.operate")
        row = actions.look_again(self.get_object().pk, actor=actor_of(request), **given)
        return Response(self.get_serializer(row).data)


routes = [("retired-stores", RetirementViewSet, "retired-store")]
