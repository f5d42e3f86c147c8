"""REST of client keys: one's own tokens' keys, and what was signed with them."""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import policy
from portal.access.actor import actor_of
from portal.access.asking import checked
from portal.access.idempotency import IdempotentMixin
from portal.lib.api import ReasonSerializer, StrictSerializer

from . import keys
from .models import ClientKey, SignedRequest


class ClientKeyInputSerializer(StrictSerializer):
    token = serializers.UUIDField(help_text="The id of the API token that signs from now on")
    public_key = serializers.CharField(max_length=400, trim_whitespace=False, help_text="Ed25519, PEM or base64")
    reason = serializers.CharField(max_length=500)


class ClientKeySerializer(serializers.ModelSerializer[ClientKey]):
    state = serializers.CharField(read_only=True)

    class Meta:
        model = ClientKey
        fields = "__all__"


class ClientKeys(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[ClientKey]):
    """Keys with which the caller's own tokens sign; administrators of access see everybody's."""

    serializer_class = ClientKeySerializer
    filterset_fields = ["token"]
    ordering_fields = ["registered_at"]
    queryset = ClientKey.objects.none()

    def get_queryset(self) -> Any:
        return visible_keys(actor_of(self.request)).order_by("-registered_at")

    @extend_schema(request=ClientKeyInputSerializer, responses={201: ClientKeySerializer})
    def create(self, request: Request) -> Response:
        keys.require_person(actor_of(request))
        made = keys.register(actor=actor_of(request), **checked(request, ClientKeyInputSerializer))
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(request=ReasonSerializer, responses=ClientKeySerializer)
    @action(detail=True, methods=["post"])
    def revocation(self, request: Request, pk: Any = None) -> Response:
        """End the key now."""
        found = self.get_object()
        with transaction.atomic():
            keys.require_own(found, actor_of(request))
        made = keys.revoke(found.pk, actor=actor_of(request), **checked(request, ReasonSerializer))
        return Response(self.get_serializer(made).data)


def visible_keys(actor: Any) -> Any:
    rows = ClientKey.objects.all()
    return rows if policy.can(actor, "access.view") else rows.filter(token__user=actor.user)


class SignedRequestSerializer(serializers.ModelSerializer[SignedRequest]):
    class Meta:
        model = SignedRequest
        fields = "__all__"


class SignedRequests(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[SignedRequest]):
    """Every signed write: what was signed and the signature, to be checked by anybody with the key."""

    serializer_class = SignedRequestSerializer
    filterset_fields = ["key", "request_id"]
    ordering_fields = ["at"]
    queryset = SignedRequest.objects.none()

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "audit.view")
        return SignedRequest.objects.order_by("-at", "-id")


routes = [("client-keys", ClientKeys, "client-key"), ("signed-requests", SignedRequests, "signed-request")]
