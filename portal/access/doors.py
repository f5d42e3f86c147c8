"""Doors of access: the public key set and the exchange of a password for an access token."""

from typing import Any

from django.http import HttpRequest, JsonResponse
from drf_spectacular.utils import extend_schema
from rest_framework import permissions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.lib.api import StrictSerializer

from . import jwt
from .actions import sign_in
from .actor import actor_of
from .queries import grants_of


def jwks(request: HttpRequest) -> JsonResponse:
    """The verification keys (RFC 7517)."""
    return JsonResponse({"keys": [jwt.public_jwk()]})


class SignInSerializer(StrictSerializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1024, trim_whitespace=False)


class TokenSerializer(serializers.Serializer[Any]):
    access_token = serializers.CharField()
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField()


class SignIn(APIView):
    """`POST /api/v1/auth/token`: a 15-minute access token for a name and a password."""

    permission_classes = [permissions.AllowAny]
    authentication_classes: list[Any] = []

    @extend_schema(request=SignInSerializer, responses=TokenSerializer)
    def post(self, request: Request) -> Response:
        form = SignInSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = sign_in(address=request.META.get("REMOTE_ADDR", ""), **form.validated_data)
        token = jwt.mint(str(user.pk), epoch=user.credential_epoch)
        return Response(
            {"access_token": token, "token_type": "Bearer", "expires_in": int(jwt.MAX_LIFE.total_seconds())}
        )


class OwnGrantSerializer(serializers.Serializer[Any]):
    role = serializers.CharField()
    scope_type = serializers.CharField()
    scope_id = serializers.CharField()
    valid_until = serializers.DateTimeField(allow_null=True)


class MeSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    username = serializers.CharField()
    display_name = serializers.CharField()
    grants = OwnGrantSerializer(many=True)


class Me(APIView):
    """`GET /api/v1/me`: who the credential speaks for, and with which grants."""

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request) -> Response:
        actor = actor_of(request)
        grants = OwnGrantSerializer(grants_of(actor), many=True).data
        user = request.user
        return Response(
            {"id": str(user.pk), "username": user.username, "display_name": user.display_name, "grants": grants}
        )
