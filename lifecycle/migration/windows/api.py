"""REST of what a tenant feels of its move: its window, and the pace of its writes."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from lifecycle.migration.models import Migration
from portal.access import policy
from portal.access.actor import actor_of
from portal.access.asking import asked
from portal.access.idempotency import IdempotentMixin
from portal.lib.api import ReasonSerializer

from . import throttles
from .models import Throttle, Window
from .queries import window_of


class WindowSerializer(serializers.ModelSerializer[Window]):
    class Meta:
        model = Window
        exclude = ["migration"]


class ThrottleSerializer(serializers.ModelSerializer[Throttle]):
    stands = serializers.ChoiceField(["asked", "in_force", "over"], read_only=True)

    class Meta:
        model = Throttle
        exclude = ["migration"]


class ServiceSerializer(serializers.Serializer[Any]):
    window = WindowSerializer(allow_null=True)
    throttles = ThrottleSerializer(many=True)


class ThrottleInputSerializer(ReasonSerializer):
    writes_per_second = serializers.IntegerField(min_value=1, max_value=1_000_000, default=100)
    minutes = serializers.IntegerField(min_value=1, max_value=1440, default=60)


class ServiceViewSet(IdempotentMixin, viewsets.GenericViewSet[Migration]):
    """What a tenant feels of its move."""

    queryset = Migration.objects.none()

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "migration.view")
        return Migration.objects.visible_to(actor_of(self.request))

    @extend_schema(responses=ServiceSerializer)
    @action(detail=True, methods=["get"])
    def service(self, request: Request, pk: Any = None) -> Response:
        """The window, and every pace that was asked for, the newest first."""
        found = self.get_object()
        shown = {"window": window_of(found), "throttles": found.throttles.all()[:50]}
        return Response(ServiceSerializer(shown).data)

    @extend_schema(request=ThrottleInputSerializer, responses={201: ThrottleSerializer})
    @action(detail=True, methods=["post"])
    def throttle(self, request: Request, pk: Any = None) -> Response:
        """Ask the tenant to write more slowly for a while. Nothing is slowed until its owner or champion agrees."""
        found = self.get_object()
        given = asked(request, ThrottleInputSerializer, "migration.throttle", found)
        made = throttles.ask_throttle(found.pk, actor=actor_of(request), **given)
        return Response(ThrottleSerializer(made).data, status=201)

    @extend_schema(request=ReasonSerializer, responses=ThrottleSerializer)
    @action(detail=True, methods=["post"], url_path="throttle-approval")
    def throttle_approval(self, request: Request, pk: Any = None) -> Response:
        """Agree, as the tenant's owner or champion. It ends by itself."""
        found = self.get_object()
        given = asked(request, ReasonSerializer, "migration.approve_throttle", found)
        return Response(ThrottleSerializer(throttles.approve_throttle(found.pk, actor=actor_of(request), **given)).data)

    @extend_schema(request=ReasonSerializer, responses=ThrottleSerializer)
    @action(detail=True, methods=["post"], url_path="throttle-lifting")
    def throttle_lifting(self, request: Request, pk: Any = None) -> Response:
        """End it before its time: the operator, or the tenant."""
        found = self.get_object()
        is_ours = policy.can(actor_of(request), "migration.throttle", found)
        verb = "migration.throttle" if is_ours else "migration.approve_throttle"
        given = asked(request, ReasonSerializer, verb, found)
        return Response(ThrottleSerializer(throttles.lift_throttle(found.pk, actor=actor_of(request), **given)).data)


routes = [("migrations", ServiceViewSet, "migration-service")]
