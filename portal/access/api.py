"""REST of access: API tokens."""

from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from portal.lib.api import StrictSerializer

from . import actions
from .actor import actor_of
from .idempotency import IdempotentMixin
from .models import ApiToken


class ApiTokenSerializer(serializers.ModelSerializer[ApiToken]):
    class Meta:
        model = ApiToken
        fields = ["id", "label", "prefix", "scopes", "expires_at", "revoked_at", "last_used_at", "created_at"]


class NewTokenSerializer(StrictSerializer):
    label = serializers.CharField(max_length=100)
    scopes = serializers.ListField(child=serializers.CharField(max_length=64), min_length=1, max_length=50)
    days = serializers.IntegerField(min_value=1, max_value=366)
    reason = serializers.CharField(max_length=500)


class IssuedTokenSerializer(ApiTokenSerializer):
    credential = serializers.CharField()

    class Meta(ApiTokenSerializer.Meta):
        fields = [*ApiTokenSerializer.Meta.fields, "credential"]


class ApiTokenViewSet(
    IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[ApiToken]
):
    """The caller's own API tokens; the credential is shown once, when issued."""

    serializer_class = ApiTokenSerializer
    queryset = ApiToken.objects.none()
    ordering_fields = ["created_at"]

    def get_queryset(self) -> Any:
        return ApiToken.objects.filter(user=self.request.user).order_by("-created_at")

    @extend_schema(request=NewTokenSerializer, responses={201: IssuedTokenSerializer})
    def create(self, request: Request) -> Response:
        form = NewTokenSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        fields: dict[str, Any] = dict(form.validated_data)
        life = timedelta(days=fields.pop("days"))
        row, credential = actions.issue_token(actor=actor_of(request), user=request.user, life=life, **fields)
        return Response({**ApiTokenSerializer(row).data, "credential": credential}, status=201)

    def destroy(self, request: Request, pk: Any = None) -> Response:
        actions.revoke_token(pk, actor=actor_of(request), reason="revoked by its owner")
        return Response(status=204)


routes = [("tokens", ApiTokenViewSet, "token")]
