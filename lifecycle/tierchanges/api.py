"""REST of changes of tier: what one would cost, asking for it, and following it until it goes back."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from lifecycle.api import InrField
from portal.access import policy
from portal.access.actor import actor_of
from portal.access.asking import asked
from portal.access.idempotency import IdempotentMixin
from portal.lib.api import ByKey, ReasonSerializer, StrictSerializer
from tenants.models import Tier

from . import actions, queries
from .models import TierChange

USE = ("users", "documents", "queries_per_day")


class TierChangeEstimateSerializer(StrictSerializer):
    """What decides cost, fit and signatures."""

    tenant_id = serializers.UUIDField()
    tier = serializers.PrimaryKeyRelatedField(queryset=Tier.objects.all())
    starts_on = serializers.DateField(required=False, allow_null=True, help_text="Empty: once it is approved")
    ends_on = serializers.DateField(required=False, allow_null=True, help_text="The day of the return; empty: never")
    expected_users = serializers.IntegerField(min_value=1, max_value=10_000_000, required=False)
    expected_documents = serializers.IntegerField(min_value=0, max_value=1_000_000_000, required=False)
    expected_queries_per_day = serializers.IntegerField(min_value=0, max_value=1_000_000_000, required=False)
    budget_inr = InrField(required=False, help_text="What it may cost more a year; needed where there is no price")


class TierChangeInputSerializer(TierChangeEstimateSerializer):
    justification = serializers.CharField(max_length=4000)
    acknowledged = serializers.BooleanField(default=False, help_text="That what is over the new limits is refused")


class TierChangeSerializer(serializers.ModelSerializer[TierChange]):
    tenant_name = serializers.CharField(source="tenant.name", read_only=True)
    requested_by = serializers.CharField(source="requested_by.username", read_only=True)

    class Meta:
        model = TierChange
        fields = "__all__"


class TierChangeFilter(ByKey):
    class Meta:
        model = TierChange
        fields = ["tenant", "state", "from_tier", "to_tier"]


class TierChanges(
    IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[TierChange]
):
    """Changes of tier: with their cost, their signatures, and the day on which they end."""

    serializer_class = TierChangeSerializer
    filterset_class = TierChangeFilter
    ordering_fields = ["created_at", "starts_on", "ends_on", "state", "yearly_inr"]
    queryset = TierChange.objects.none()

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "tier_change.view")
        found = TierChange.objects.visible_to(actor_of(self.request)).select_related("tenant", "requested_by")
        return found.order_by("-created_at")

    @extend_schema(request=TierChangeInputSerializer, responses={201: TierChangeSerializer})
    def create(self, request: Request) -> Response:
        given = _given(asked(request, TierChangeInputSerializer, "tier_change.create"))
        made = actions.ask(given.pop("tenant_id"), given.pop("tier"), actor=actor_of(request), **given)
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(request=TierChangeEstimateSerializer, responses={200: dict})
    @action(detail=False, methods=["post"])
    def estimate(self, request: Request) -> Response:
        """What it would cost and change, whether it fits, and who signs. Stores nothing."""
        given = _given(asked(request, TierChangeEstimateSerializer, "tier_change.create"))
        tenant = actions.asked_about(given.pop("tenant_id"), actor_of(request))
        return Response(queries.preview(tenant, given.pop("tier"), **given))

    @extend_schema(request=ReasonSerializer, responses=TierChangeSerializer)
    @action(detail=True, methods=["post"])
    def cancellation(self, request: Request, pk: Any = None) -> Response:
        return self._act(actions.cancel, "tier_change.cancel", request)

    @extend_schema(request=ReasonSerializer, responses=TierChangeSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: Any = None) -> Response:
        """Go back now, before the day that was asked for."""
        return self._act(actions.end, "tier_change.end", request)

    @extend_schema(request=ReasonSerializer, responses=TierChangeSerializer)
    @action(detail=True, methods=["post"])
    def keep(self, request: Request, pk: Any = None) -> Response:
        """Leave the tenant under the tier it has, where the way back met another change."""
        return self._act(actions.keep, "tier_change.end", request)

    def _act(self, act: Any, verb: str, request: Request) -> Response:
        found = self.get_object()
        given = asked(request, ReasonSerializer, verb, found)
        return Response(self.get_serializer(act(found.pk, actor=actor_of(request), **given)).data)


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    """Gather what is expected into one argument."""
    expected = {f"expected_{name}": fields.pop(f"expected_{name}", None) for name in USE}
    return {**fields, "expected": {name: value for name, value in expected.items() if value is not None}}


routes = [("tier-changes", TierChanges, "tier-change")]
