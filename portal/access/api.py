"""REST of access: people, their grants, API tokens."""

from datetime import timedelta
from typing import Any

from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.lib.api import StrictSerializer
from portal.lib.errors import NotAllowed

from . import actions, policy, reauthentication, sessions
from .actor import actor_of
from .asking import asked, checked
from .idempotency import IdempotentMixin
from .models import PLACES, AccessSession, ApiToken, Grant, Role, Scope, User


class ApiTokenSerializer(serializers.ModelSerializer[ApiToken]):
    class Meta:
        model = ApiToken
        fields = ["id", "label", "prefix", "scopes", "expires_at", "revoked_at", "last_used_at", "created_at"]


class AccessReasonSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=500)


class ProvedSerializer(AccessReasonSerializer):
    """What moves credentials: refused without a fresh proof of who asks, as in the console."""

    password = serializers.CharField(
        max_length=1024, required=False, trim_whitespace=False, write_only=True, help_text="Your own, asked every time"
    )


def proved(request: Request, given: dict[str, Any]) -> dict[str, Any]:
    """The body without its password, once that has proved the person anew; NotAllowed otherwise."""
    reauthentication.demand(request, given.pop("password", None))
    return given


class NewTokenSerializer(ProvedSerializer):
    label = serializers.CharField(max_length=100)
    scopes = serializers.ListField(child=serializers.CharField(max_length=64), min_length=1, max_length=50)
    days = serializers.IntegerField(min_value=1, max_value=366)


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
    shown_once = frozenset({"create"})
    ordering_fields = ["created_at"]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if actor_of(request).via == "token":
            raise NotAllowed("A token neither shows nor makes tokens; sign in.", code="token-by-token")

    def get_queryset(self) -> Any:
        return ApiToken.objects.filter(user=self.request.user).order_by("-created_at")

    @extend_schema(request=NewTokenSerializer, responses={201: IssuedTokenSerializer})
    def create(self, request: Request) -> Response:
        fields = proved(request, checked(request, NewTokenSerializer))
        life = timedelta(days=fields.pop("days"))
        row, credential = actions.issue_token(actor=actor_of(request), user=request.user, life=life, **fields)
        return Response({**ApiTokenSerializer(row).data, "credential": credential}, status=201)

    def destroy(self, request: Request, pk: Any = None) -> Response:
        actions.revoke_token(pk, actor=actor_of(request), reason="revoked by its owner")
        return Response(status=204)


class GrantSerializer(serializers.ModelSerializer[Grant]):
    username = serializers.CharField(source="user.username", read_only=True)

    class Meta:
        model = Grant
        fields = "__all__"


class UserSerializer(serializers.ModelSerializer[User]):
    full_name = serializers.CharField(source="display_name", read_only=True)
    grants = GrantSerializer(source="live_grants", many=True, read_only=True)

    class Meta:
        model = User
        fields = ["id", "username", "full_name", "is_active", "is_service", "created_at", "last_login", "grants"]


class NewGrantSerializer(ProvedSerializer):
    role = serializers.ChoiceField(Role.choices)
    scope_type = serializers.ChoiceField(Scope.choices, default=Scope.GLOBAL)
    scope_id = serializers.CharField(max_length=64, default="", allow_blank=True)
    valid_from = serializers.DateTimeField(required=False, help_text="Default: now")
    valid_until = serializers.DateTimeField(required=False, allow_null=True)


class UserViewSet(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[User]):
    """People who may sign in and the roles they hold now: for administrators of access, and auditors to read."""

    serializer_class = UserSerializer
    queryset = User.objects.none()
    filterset_fields = ["username", "is_active", "is_service"]
    search_fields = ["username", "person__full_name"]
    ordering_fields = ["username", "created_at", "last_login"]

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "access.view")
        live = Prefetch("grants", Grant.objects.live().select_related("user"), to_attr="live_grants")
        return User.objects.select_related("person").prefetch_related(live).order_by("username")

    @extend_schema(request=NewGrantSerializer, responses={201: GrantSerializer})
    @action(detail=True, methods=["post"])
    def grants(self, request: Request, pk: Any = None) -> Response:
        """Give a role, over everything, one business unit or one tenant, between two dates."""
        user = self.get_object()
        given = proved(request, asked(request, NewGrantSerializer, "access.edit"))
        row = actions.grant(actor=actor_of(request), user=user, **given)
        return Response(GrantSerializer(row).data, status=201)

    @extend_schema(request=ProvedSerializer, responses=UserSerializer)
    @action(detail=True, methods=["post"])
    def disabling(self, request: Request, pk: Any = None) -> Response:
        """End every session and token of the account now, and let nobody sign in by it."""
        return self._act(actions.disable, request)

    @extend_schema(request=ProvedSerializer, responses=UserSerializer)
    @action(detail=True, methods=["post"])
    def enabling(self, request: Request, pk: Any = None) -> Response:
        """Let the account sign in again."""
        return self._act(actions.enable, request)

    def _act(self, act: Any, request: Request) -> Response:
        user = self.get_object()
        given = proved(request, asked(request, ProvedSerializer, "access.edit"))
        act(user.pk, actor=actor_of(request), **given)
        return Response(self.get_serializer(self.get_object()).data)


class GrantViewSet(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Grant]):
    """Every grant there was; one that ended stays in the list."""

    serializer_class = GrantSerializer
    queryset = Grant.objects.none()
    filterset_fields = ["user", "role", "scope_type", "scope_id"]
    ordering_fields = ["created_at", "valid_from", "valid_until"]

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "access.view")
        return Grant.objects.select_related("user").order_by("-created_at")

    @extend_schema(request=ProvedSerializer, responses=GrantSerializer)
    @action(detail=True, methods=["post"])
    def revocation(self, request: Request, pk: Any = None) -> Response:
        """End the grant now."""
        row = self.get_object()
        given = proved(request, asked(request, ProvedSerializer, "access.edit"))
        return Response(GrantSerializer(actions.revoke(row.pk, actor=actor_of(request), **given)).data)


class AccessSessionSerializer(serializers.ModelSerializer[AccessSession]):
    username = serializers.CharField(source="user.username", read_only=True)
    is_live = serializers.BooleanField(read_only=True)

    class Meta:
        model = AccessSession
        fields = "__all__"


class NewAccessSessionSerializer(AccessReasonSerializer):
    scope_type = serializers.ChoiceField(PLACES)
    scope_id = serializers.CharField(max_length=64)
    minutes = serializers.IntegerField(
        min_value=1, max_value=sessions.MOST_MINUTES, required=False, help_text="Default: 60"
    )


class AccessSessionViewSet(
    IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[AccessSession]
):
    """Why those who run the platform read a tenant: one's own sessions, or all for who may see access."""

    serializer_class = AccessSessionSerializer
    queryset = AccessSession.objects.none()
    filterset_fields = ["user", "scope_type", "scope_id"]
    ordering_fields = ["opened_at", "expires_at"]

    def get_queryset(self) -> Any:
        return sessions.visible_to(actor_of(self.request)).select_related("user")

    @extend_schema(request=NewAccessSessionSerializer, responses={201: AccessSessionSerializer})
    def create(self, request: Request) -> Response:
        given = asked(request, NewAccessSessionSerializer, "access_session.open")
        session = sessions.open_session(actor=actor_of(request), **given)
        return Response(self.get_serializer(session).data, status=201)

    @extend_schema(request=AccessReasonSerializer, responses=AccessSessionSerializer)
    @action(detail=True, methods=["post"])
    def ending(self, request: Request, pk: Any = None) -> Response:
        """End the session now."""
        session = self.get_object()
        actor = actor_of(request)
        sessions.may_end(actor, session)
        ended = sessions.end_session(session.pk, actor=actor, **checked(request, AccessReasonSerializer))
        return Response(self.get_serializer(ended).data)


routes = [
    ("access-sessions", AccessSessionViewSet, "access-session"),
    ("tokens", ApiTokenViewSet, "token"),
    ("users", UserViewSet, "user"),
    ("grants", GrantViewSet, "grant"),
]
