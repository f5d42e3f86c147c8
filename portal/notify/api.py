"""REST of notices: one's own `notifications`, and the `webhooks` (with chat and paging channels) of administrators."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import policy
from portal.access.actor import Actor, actor_of
from portal.access.asking import asked
from portal.lib.api import StrictSerializer
from portal.lib.errors import Absent, NotAllowed

from . import actions, queries
from .models import Channel, Delivery, Notice, Route, Severity


class NoticeSerializer(serializers.ModelSerializer[Notice]):
    asked_by_name = serializers.CharField(source="asked_by.display_name", read_only=True, default="")

    class Meta:
        model = Notice
        fields = (
            "id",
            "event",
            "severity",
            "title",
            "body",
            "url",
            "tenant_id",
            "asked_by_name",
            "details",
            "created_at",
            "read_at",
        )
        read_only_fields = fields


class NoticeFilter(django_filters.FilterSet):  # type: ignore[misc]
    unread = django_filters.BooleanFilter(field_name="read_at", lookup_expr="isnull")
    severity = django_filters.ChoiceFilter(choices=Severity.choices)
    event = django_filters.CharFilter()

    class Meta:
        model = Notice
        fields = ("unread", "severity", "event")


def _reader(request: Request) -> Actor:
    actor = actor_of(request)
    if actor.via == "token":
        raise NotAllowed("An inbox is a person's own; a token cannot open it.", code="not-a-person")
    return actor


class Notifications(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Notice]):
    """One's own inbox."""

    queryset = Notice.objects.none()
    serializer_class = NoticeSerializer
    filterset_class = NoticeFilter
    ordering_fields = ("created_at", "severity")

    def get_queryset(self) -> QuerySet[Notice]:
        return queries.inbox(_reader(self.request))

    @extend_schema(request=None, responses=NoticeSerializer)
    @action(detail=True, methods=["post"])
    def read(self, request: Request, pk: str = "") -> Response:
        """Mark one as read."""
        return Response(NoticeSerializer(actions.mark_read(self.get_object().pk, actor=_reader(request))).data)

    @extend_schema(request=None, responses={200: dict[str, int]})
    @action(detail=False, methods=["post"], url_path="read-all")
    def read_all(self, request: Request) -> Response:
        """Mark everything as read."""
        return Response({"marked": actions.mark_all_read(actor=_reader(request))})


class RouteSerializer(serializers.ModelSerializer[Route]):
    class Meta:
        model = Route
        fields = ("id", "event", "min_severity", "tenant_id", "escalate_to")
        read_only_fields = fields


class ChannelSerializer(serializers.ModelSerializer[Channel]):
    routes = serializers.SerializerMethodField()

    class Meta:
        model = Channel
        fields = (
            "id",
            "name",
            "kind",
            "tenant_id",
            "shown_target",
            "is_active",
            "stopped_reason",
            "created_at",
            "routes",
        )
        read_only_fields = fields

    @extend_schema(responses=RouteSerializer(many=True))
    def get_routes(self, channel: Channel) -> Any:
        active = [route for route in channel.routes.all() if route.is_active]
        return RouteSerializer(active, many=True).data


class WithSecretSerializer(ChannelSerializer):
    """A channel together with its signing secret, which is shown this once."""

    secret = serializers.SerializerMethodField()

    class Meta(ChannelSerializer.Meta):
        fields = (*ChannelSerializer.Meta.fields, "secret")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]

    def get_secret(self, channel: Channel) -> str:
        return str(self.context.get("secret", ""))


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    class Meta:
        model = Delivery
        fields = (
            "id",
            "event",
            "severity",
            "title",
            "state",
            "attempts",
            "next_attempt_at",
            "last_status",
            "last_error",
            "link",
            "escalated_at",
            "created_at",
            "delivered_at",
        )
        read_only_fields = fields


TARGET = ("url", "secret", "routing_key", "email", "token", "project", "issue_type")
OUTWARD = [choice for choice in Channel.Kind.choices if choice[0] != Channel.Kind.MAIL]


class NewChannelSerializer(StrictSerializer):
    name = serializers.CharField(max_length=100)
    kind = serializers.ChoiceField(OUTWARD, default=Channel.Kind.WEBHOOK)
    url = serializers.CharField(max_length=2000, required=False, help_text="https only")
    secret = serializers.CharField(max_length=200, required=False, help_text="Webhooks: made for you if left out")
    routing_key = serializers.CharField(max_length=64, required=False, help_text="PagerDuty's integration key")
    email = serializers.EmailField(required=False, help_text="Jira Cloud: whose API token it is")
    token = serializers.CharField(max_length=1000, required=False, help_text="Jira: an API token, or a personal one")
    project = serializers.CharField(max_length=50, required=False, help_text="Jira: the project's key")
    issue_type = serializers.CharField(max_length=60, required=False, help_text="Jira: Task if left out")
    tenant_id = serializers.UUIDField(required=False, allow_null=True)
    events = serializers.ListField(child=serializers.CharField(max_length=64), default=list, max_length=50)
    min_severity = serializers.ChoiceField(Severity.choices, default=Severity.INFO)
    escalate_to = serializers.PrimaryKeyRelatedField(queryset=Channel.objects.all(), required=False, allow_null=True)
    reason = serializers.CharField(max_length=1000)


class RouteNewSerializer(StrictSerializer):
    event = serializers.CharField(max_length=64)
    min_severity = serializers.ChoiceField(Severity.choices, default=Severity.INFO)
    tenant_id = serializers.UUIDField(required=False, allow_null=True)
    escalate_to = serializers.PrimaryKeyRelatedField(queryset=Channel.objects.all(), required=False, allow_null=True)
    reason = serializers.CharField(max_length=1000)


class ChannelReasonSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=1000)


class ChannelSecretSerializer(ChannelReasonSerializer):
    token = serializers.CharField(max_length=1000, required=False, help_text="Jira: the new token")


class Webhooks(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Channel]):
    """Channels that leave the house. Answers never contain an address or, after its creation, a secret.

    No Idempotency-Key here: a kept answer would keep the secret with it.
    """

    queryset = Channel.objects.none()
    serializer_class = ChannelSerializer
    filterset_fields = ("kind", "is_active", "tenant_id")
    ordering_fields = ("name", "created_at")

    def get_queryset(self) -> QuerySet[Channel]:
        policy.require(actor_of(self.request), "webhook.view")
        return Channel.objects.prefetch_related("routes")

    @extend_schema(request=NewChannelSerializer, responses={201: WithSecretSerializer})
    def create(self, request: Request) -> Response:
        """Add a channel and its routes. A webhook's signing secret is in this answer and nowhere else."""
        given, actor = asked(request, NewChannelSerializer, "webhook.edit"), actor_of(request)
        target: dict[str, str] = {name: given.pop(name) for name in TARGET if name in given}
        channel, secret = actions.create_channel(
            actor=actor,
            name=given["name"],
            kind=given["kind"],
            target=target,
            tenant_id=given.get("tenant_id"),
            events=given["events"],
            min_severity=given["min_severity"],
            escalate_to=given.get("escalate_to"),
            reason=given["reason"],
        )
        return Response(WithSecretSerializer(channel, context={"secret": secret}).data, status=201)

    @extend_schema(request=ChannelSecretSerializer, responses={201: WithSecretSerializer})
    @action(detail=True, methods=["post"])
    def secret(self, request: Request, pk: str = "") -> Response:
        """Replace the signing secret, or Jira's token by the one given; the old one is used no more."""
        channel, given = self._asked(request, ChannelSecretSerializer)
        channel, secret = actions.new_channel_secret(channel.pk, actor=actor_of(request), **given)
        return Response(WithSecretSerializer(channel, context={"secret": secret}).data, status=201)

    @extend_schema(request=None, responses={202: DeliverySerializer})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str = "") -> Response:
        """Send a test message; how it went is on the delivery a few seconds later."""
        delivery = actions.send_test(self.get_object().pk, actor=actor_of(request))
        return Response(DeliverySerializer(delivery).data, status=202)

    @extend_schema(request=ChannelReasonSerializer, responses={201: ChannelSerializer})
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str = "") -> Response:
        """Send nothing more through it."""
        channel, given = self._asked(request)
        channel = actions.stop_channel(channel.pk, actor=actor_of(request), **given)
        return Response(ChannelSerializer(channel).data, status=201)

    @extend_schema(request=RouteNewSerializer, responses={201: RouteSerializer})
    @action(detail=True, methods=["post"])
    def routes(self, request: Request, pk: str = "") -> Response:
        """Send an event, a family or everything through it."""
        channel, given = self._asked(request, RouteNewSerializer)
        route = actions.add_route(channel=channel, actor=actor_of(request), **given)
        return Response(RouteSerializer(route).data, status=201)

    @extend_schema(request=ChannelReasonSerializer, responses={201: RouteSerializer})
    @action(detail=True, methods=["post"], url_path="routes/(?P<route>[0-9a-f-]+)/removal")
    def removal(self, request: Request, pk: str = "", route: str = "") -> Response:
        """Stop sending along a route."""
        found = next((row for row in self.get_object().routes.all() if str(row.pk) == route), None)
        if found is None:
            raise Absent("There is no such route.")
        given = asked(request, ChannelReasonSerializer, "webhook.edit")
        row = actions.remove_route(found.pk, actor=actor_of(request), **given)
        return Response(RouteSerializer(row).data, status=201)

    def _asked(self, request: Request, form: type[Any] = ChannelReasonSerializer) -> tuple[Channel, dict[str, Any]]:
        channel = self.get_object()
        return channel, asked(request, form, "webhook.edit", channel)

    @extend_schema(responses=DeliverySerializer(many=True), filters=False)
    @action(detail=True, pagination_class=None, filter_backends=[])
    def deliveries(self, request: Request, pk: str = "") -> Response:
        """The newest hundred messages through it, with their attempts."""
        newest = self.get_object().deliveries.order_by("-created_at")[:100]
        return Response(DeliverySerializer(newest, many=True).data)


routes = [
    ("notifications", Notifications, "notification"),
    ("webhooks", Webhooks, "webhook"),
]
