"""REST of configuration: versions of tiers and tenants, what holds for a tenant, the schema."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import policy
from portal.access.actor import actor_of
from portal.access.asking import asked, checked
from portal.access.idempotency import IdempotentMixin
from portal.access.reading import ReadWithReason, note_read
from portal.lib.api import BoundOnce, ByKey, ReasonSerializer, StrictSerializer
from portal.lib.errors import Absent, Invalid
from tenants.models import Tenant

from . import actions
from .document import SCHEMA
from .models import Version
from .queries import changes_of, effective_of, versions_of

UUID_SHAPE = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


class ChangeSerializer(serializers.Serializer[Any]):
    path = serializers.CharField()
    old = serializers.JSONField(allow_null=True)
    new = serializers.JSONField(allow_null=True)


class VersionSerializer(ReadWithReason, BoundOnce, serializers.ModelSerializer[Version]):
    registry = ("id", "tier", "tenant", "number", "created_at")
    document = serializers.DictField(read_only=True)

    class Meta:
        model = Version
        exclude = ["created_by"]


class OneVersionSerializer(serializers.ModelSerializer[Version]):
    document = serializers.DictField(read_only=True)
    changes = serializers.SerializerMethodField(help_text="Against the version before")

    class Meta:
        model = Version
        exclude = ["created_by"]

    @extend_schema(responses=ChangeSerializer(many=True))
    def get_changes(self, version: Version) -> list[dict[str, Any]]:
        return ChangeSerializer(changes_of(version), many=True).data  # type: ignore[return-value]


class NewVersionSerializer(StrictSerializer):
    """The next version of a tier's or a tenant's own part."""

    tenant_id = serializers.UUIDField(required=False)
    tier = serializers.SlugField(max_length=32, required=False)
    document = serializers.DictField(help_text="As the schema at /api/v1/configurations/schema/ says")
    base = serializers.IntegerField(min_value=0, max_value=2**31 - 1, help_text="The number it was made from")
    reason = serializers.CharField(max_length=500)


class HoldsSerializer(serializers.Serializer[Any]):
    effective = serializers.DictField(help_text="The tier's with the tenant's own over it")
    own = serializers.DictField()
    base = serializers.IntegerField(help_text="The number of the newest own version, 0 for none")


class VersionFilter(ByKey):
    class Meta:
        model = Version
        fields = ["tier", "tenant", "number"]


class Configurations(
    IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Version]
):
    """Versions of configuration, newest first. They are only added; a roll-back is a new one."""

    serializer_class = VersionSerializer
    filterset_class = VersionFilter
    queryset = Version.objects.none()
    ordering_fields = ["created_at", "number"]

    def get_queryset(self) -> QuerySet[Version]:
        policy.require(actor_of(self.request), "configuration.view")
        return Version.objects.visible_to(actor_of(self.request)).select_related("tenant").order_by("-created_at")

    @extend_schema(responses=OneVersionSerializer)
    def retrieve(self, request: Request, pk: Any = None) -> Response:
        """One version, with what it changed."""
        return Response(OneVersionSerializer(self.get_object()).data)

    @extend_schema(request=NewVersionSerializer, responses={201: OneVersionSerializer})
    def create(self, request: Request) -> Response:
        actor = actor_of(request)
        verbs = ("configuration.edit", "configuration.edit_tier")
        if not any(policy.can(actor, verb) for verb in verbs):
            policy.require(actor, verbs[0])
        given = checked(request, NewVersionSerializer)
        tenant_id, tier = given.pop("tenant_id", None), given.pop("tier", None)
        if (tenant_id is None) == (tier is None):
            raise Invalid(fields={"tenant_id": "name a tenant or a tier, and not both"})
        if tenant_id is not None:
            version = actions.save_tenant(tenant_id, actor=actor, **given)
        else:
            version = actions.save_tier(tier, actor=actor, **given)
        return Response(OneVersionSerializer(version).data, status=201)

    @extend_schema(request=ReasonSerializer, responses={201: OneVersionSerializer})
    @action(detail=True, methods=["post"])
    def rollback(self, request: Request, pk: Any = None) -> Response:
        """Make this version hold again, as a new one."""
        old = self.get_object()
        verb, about = ("configuration.edit", old) if old.tenant_id else ("configuration.edit_tier", None)
        given = asked(request, ReasonSerializer, verb, about)
        version = actions.roll_back(old.pk, actor=actor_of(request), **given)
        return Response(OneVersionSerializer(version).data, status=201)

    @extend_schema(responses=HoldsSerializer, filters=False)
    @action(detail=False, url_path=f"of/(?P<tenant_id>{UUID_SHAPE})", pagination_class=None, filter_backends=[])
    def of(self, request: Request, tenant_id: str = "") -> Response:
        """What holds for one tenant."""
        actor = actor_of(request)
        policy.require(actor, "configuration.view")
        tenant = Tenant.objects.visible_to(actor).filter(pk=tenant_id).first()
        if tenant is None or not policy.can(actor, "configuration.view", tenant):
            raise Absent("There is no such tenant.")
        note_read(actor, tenant, route=request.path)
        newest = versions_of(tenant).first()
        own = {"own": newest.document, "base": newest.number} if newest else {"own": {}, "base": 0}
        return Response(HoldsSerializer({"effective": effective_of([tenant])[tenant.pk], **own}).data)

    @extend_schema(responses={200: dict}, filters=False)
    @action(detail=False, url_path="schema", pagination_class=None, filter_backends=[])
    def json_schema(self, request: Request) -> Response:
        """The JSON Schema of the document."""
        policy.require(actor_of(request), "configuration.view")
        return Response(SCHEMA)


routes = [("configurations", Configurations, "configuration")]
