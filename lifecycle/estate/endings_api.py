"""REST of last days: how long tenants live, and those whose day is near."""

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
from tenants.models import Tier

from . import lifetimes
from .models import Ending, Environment, Lifetime


class DaysInputSerializer(ReasonSerializer):
    days = serializers.IntegerField(min_value=1, max_value=lifetimes.LONGEST_DAYS)


class LifetimeInputSerializer(DaysInputSerializer):
    tier = serializers.PrimaryKeyRelatedField(queryset=Tier.objects.all())
    environment = serializers.ChoiceField(choices=Environment.choices)


class LifetimeSerializer(serializers.ModelSerializer[Lifetime]):
    class Meta:
        model = Lifetime
        fields = "__all__"


class LifetimeFilter(ByKey):
    class Meta:
        model = Lifetime
        fields = ["tier", "environment"]


class Lifetimes(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Lifetime]):
    """How many days a tenant lives where nobody said a last day. What is not listed has no end."""

    serializer_class = LifetimeSerializer
    filterset_class = LifetimeFilter
    ordering_fields = ["tier", "environment", "days"]
    queryset = Lifetime.objects.none()

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "lifetime.view")
        return Lifetime.objects.order_by("tier", "environment")

    @extend_schema(request=LifetimeInputSerializer, responses={201: LifetimeSerializer})
    def create(self, request: Request) -> Response:
        given = asked(request, LifetimeInputSerializer, "lifetime.edit")
        return Response(self.get_serializer(lifetimes.add(actor=actor_of(request), **given)).data, status=201)

    @extend_schema(request=DaysInputSerializer, responses=LifetimeSerializer)
    @action(detail=True, methods=["post"])
    def change(self, request: Request, pk: Any = None) -> Response:
        found = self.get_object()
        given = asked(request, DaysInputSerializer, "lifetime.edit", found)
        return Response(self.get_serializer(lifetimes.change(found.pk, actor=actor_of(request), **given)).data)

    @extend_schema(request=ReasonSerializer, responses={204: None})
    @action(detail=True, methods=["post"])
    def removal(self, request: Request, pk: Any = None) -> Response:
        found = self.get_object()
        given = asked(request, ReasonSerializer, "lifetime.edit", found)
        lifetimes.remove(found.pk, actor=actor_of(request), **given)
        return Response(status=204)


class EndingSerializer(serializers.ModelSerializer[Ending]):
    class Meta:
        model = Ending
        fields = "__all__"


class EndingFilter(ByKey):
    class Meta:
        model = Ending
        fields = ["state", "region", "tenant_id"]


class Endings(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Ending]):
    """Tenants whose last day is near or over: who was reminded, and what was signed."""

    serializer_class = EndingSerializer
    filterset_class = EndingFilter
    search_fields = ["tenant_name"]
    ordering_fields = ["ends_at", "state"]
    queryset = Ending.objects.none()

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "estate.view")
        return Ending.objects.visible_to(actor_of(self.request)).order_by("ends_at")


routes = [
    ("lifetimes", Lifetimes, "lifetime"),
    ("endings", Endings, "ending"),
]
