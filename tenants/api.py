"""REST of the registry: tenants, tiers, business units, prices, envelopes."""

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import jwt, policy
from portal.access.actor import actor_of
from portal.access.asking import asked
from portal.access.idempotency import IdempotentMixin
from portal.access.reading import ReadWithReason
from portal.lib.api import BoundOnce, ByKey, ReasonSerializer, StrictSerializer
from portal.lib.errors import Conflict

from . import actions, connect, queries
from .health.api import HealthSerializer
from .health.words import BANDS, WITHIN, told
from .models import BusinessUnit, DataClass, StatusChange, Tenant, Tier
from .registry import points


class TenantSerializer(ReadWithReason, BoundOnce, serializers.ModelSerializer[Tenant]):
    registry = (
        "id",
        "name",
        "display_name",
        "status",
        "tier",
        "region",
        "business_unit",
        "validation_outcome",
        "monthly_cost_inr",
        "annual_budget_inr",
    )
    limits = serializers.DictField(read_only=True, child=serializers.IntegerField())
    owner = serializers.CharField(source="owner.username", read_only=True)
    champion = serializers.CharField(source="champion.username", read_only=True)
    data_classes = serializers.ListField(child=serializers.ChoiceField(DataClass.choices), read_only=True)

    class Meta:
        model = Tenant
        exclude = ["billing_contact", "features"]


class TenantFilter(ByKey):
    name = django_filters.CharFilter(lookup_expr="icontains")
    health = django_filters.ChoiceFilter(choices=BANDS, method="within")

    def within(self, tenants: Any, _name: str, word: str) -> Any:
        return tenants.filter(WITHIN[word])

    class Meta:
        model = Tenant
        fields = ["status", "tier", "region", "business_unit", "payment_status", "geography"]


class ConnectSerializer(StrictSerializer):
    scope = serializers.ListField(child=serializers.ChoiceField(list(connect.SCOPES)), default=["read", "write"])


class NewKeySerializer(ReasonSerializer):
    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(child=serializers.ChoiceField(list(connect.SCOPES)), min_length=1, max_length=3)


class KeySerializer(serializers.Serializer[Any]):
    key = serializers.CharField()


class AccessTokenSerializer(serializers.Serializer[Any]):
    access_token = serializers.CharField()
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField()
    platform_url = serializers.CharField()


class OutcomeSerializer(serializers.Serializer[Any]):
    """`applied` and `fenced` admit the tenant no longer than the change says; `at` is since or from when."""

    point = serializers.CharField()
    word = serializers.ChoiceField(["applied", "fenced", "waiting", "not fenced"])
    at = serializers.DateTimeField(allow_null=True)


class ReceiptSerializer(serializers.ModelSerializer[StatusChange]):
    status = serializers.CharField(source="new")
    points = serializers.SerializerMethodField()

    class Meta:
        model = StatusChange
        fields = ["version", "status", "reason", "at", "points"]

    @extend_schema_field(OutcomeSerializer(many=True))
    def get_points(self, change: StatusChange) -> Any:
        return OutcomeSerializer(points.receipt(change), many=True).data


class PaymentSerializer(ReasonSerializer):
    payment_status = serializers.ChoiceField(Tenant._meta.get_field("payment_status").choices)
    billing_contact = serializers.CharField(max_length=150, required=False, help_text="A login name")


class TenantViewSet(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Tenant]):
    """Tenants the caller may see. Absent and foreign ones answer alike."""

    serializer_class = TenantSerializer
    filterset_class = TenantFilter
    search_fields = ["name", "display_name", "cost_centre"]
    ordering_fields = ["name", "status", "tier", "created_at", "annual_budget_inr", "health_score"]
    queryset = Tenant.objects.none()
    shown_once = frozenset({"access_tokens", "api_keys"})

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "tenant.view")
        related = ("tier", "owner", "champion")
        return Tenant.objects.visible_to(actor_of(self.request)).select_related(*related).order_by("name")

    @extend_schema(request=ReasonSerializer, responses=TenantSerializer)
    @action(detail=True, methods=["post"])
    def suspension(self, request: Request, pk: Any = None) -> Response:
        return self._act(actions.suspend, "tenant.suspend", request)

    @extend_schema(request=ReasonSerializer, responses=TenantSerializer)
    @action(detail=True, methods=["post"])
    def reactivation(self, request: Request, pk: Any = None) -> Response:
        return self._act(actions.reactivate, "tenant.reactivate", request)

    @extend_schema(request=PaymentSerializer, responses=TenantSerializer)
    @action(detail=True, methods=["post"])
    def payment(self, request: Request, pk: Any = None) -> Response:
        """Say whether the tenant's unit pays, and who hears when it does not."""
        tenant = self.get_object()
        given = asked(request, PaymentSerializer, "tenant.edit", tenant)
        if "billing_contact" in given:
            given["billing_contact"] = actions.user_named(given["billing_contact"], "billing_contact")
        return Response(self.get_serializer(actions.edit(tenant.pk, actor=actor_of(request), **given)).data)

    @extend_schema(request=ReasonSerializer, responses=TenantSerializer)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: Any = None) -> Response:
        """Put a suspended tenant away until its retention ends. There is no way back to `active`."""
        return self._act(actions.archive, "tenant.archive", request)

    def _act(self, act: Any, verb: str, request: Request) -> Response:
        tenant = self.get_object()
        tenant = act(tenant.pk, actor=actor_of(request), **asked(request, ReasonSerializer, verb, tenant))
        return Response(self.get_serializer(tenant).data)

    @extend_schema(responses=ReceiptSerializer)
    @action(detail=True, methods=["get"])
    def propagation(self, request: Request, pk: Any = None) -> Response:
        """Which enforcement points have applied the newest change of the tenant's status, and which are fenced."""
        return Response(ReceiptSerializer(points.newest_change(self.get_object())).data)

    @extend_schema(responses=HealthSerializer)
    @action(detail=True, methods=["get"])
    def health(self, request: Request, pk: Any = None) -> Response:
        """How the tenant is, part by part: points, and what they rest on in words."""
        return Response(HealthSerializer(told(self.get_object())).data)

    @extend_schema(request=ConnectSerializer, responses={201: AccessTokenSerializer})
    @action(detail=True, methods=["post"], url_path="access-tokens")
    def access_tokens(self, request: Request, pk: Any = None) -> Response:
        """A 15-minute token with which the tenant's application calls the platform."""
        tenant = self.get_object()
        given = asked(request, ConnectSerializer, "tenant.connect", tenant)
        token, url = connect.access_token(tenant.pk, actor=actor_of(request), scopes=given["scope"])
        life = int(jwt.MAX_LIFE.total_seconds())
        body = {"access_token": token, "token_type": "Bearer", "expires_in": life, "platform_url": url}
        return Response(body, status=201)

    @extend_schema(request=NewKeySerializer, responses={201: KeySerializer})
    @action(detail=True, methods=["post"], url_path="api-keys")
    def api_keys(self, request: Request, pk: Any = None) -> Response:
        """An API key of the platform for the tenant's application, shown this once."""
        tenant = self.get_object()
        given = asked(request, NewKeySerializer, "tenant.connect", tenant)
        return Response({"key": connect.issue_key(tenant.pk, actor=actor_of(request), **given)}, status=201)


class TierSerializer(serializers.ModelSerializer[Tier]):
    class Meta:
        model = Tier
        fields = "__all__"


class TierWriteSerializer(StrictSerializer):
    """A new tier, or changes to one, with its prices (INR a month)."""

    code = serializers.RegexField(r"^[a-z][a-z0-9-]{1,30}$")
    name = serializers.CharField(max_length=64)
    rank = serializers.IntegerField(min_value=0, max_value=1000, default=50)
    sla_percent = serializers.DecimalField(max_digits=6, decimal_places=3, min_value=1, max_value=100)
    support = serializers.CharField(max_length=64)
    p95_target_ms = serializers.IntegerField(min_value=1, max_value=600_000)
    max_users = serializers.IntegerField(min_value=1, max_value=10_000_000)
    max_documents = serializers.IntegerField(min_value=1, max_value=1_000_000_000)
    max_queries_per_day = serializers.IntegerField(min_value=1, max_value=1_000_000_000)
    max_storage_gb = serializers.IntegerField(min_value=1, max_value=10_000_000)
    requests_per_minute = serializers.IntegerField(min_value=1, max_value=10_000_000)
    needs_champion = serializers.BooleanField(default=False)
    tier_base = serializers.DecimalField(max_digits=14, decimal_places=2, min_value=0)
    user = serializers.DecimalField(max_digits=14, decimal_places=2, min_value=0)
    documents_1000 = serializers.DecimalField(max_digits=14, decimal_places=2, min_value=0)
    reason = serializers.CharField(max_length=500)


class TierViewSet(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Tier]):
    """Service levels. A new tier is a POST with its prices."""

    serializer_class = TierSerializer
    queryset = Tier.objects.all()
    filterset_fields = ["is_offered"]
    ordering_fields = ["rank", "code"]

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "tier.view")
        return super().get_queryset()

    @extend_schema(request=TierWriteSerializer, responses={201: TierSerializer})
    def create(self, request: Request) -> Response:
        fields = asked(request, TierWriteSerializer, "tier.edit")
        prices = {name: fields.pop(name) for name in ("tier_base", "user", "documents_1000")}
        if Tier.objects.filter(pk=fields["code"]).exists():
            raise Conflict(f"There is a tier {fields['code']} already.", code="tier-exists")
        tier = actions.save_tier(actor=actor_of(request), prices=prices, **fields)
        return Response(self.get_serializer(tier).data, status=201)


class BusinessUnitSerializer(serializers.ModelSerializer[BusinessUnit]):
    class Meta:
        model = BusinessUnit
        fields = ["code", "name", "cost_centre", "envelope_inr", "home_country"]


class EnvelopeSerializer(StrictSerializer):
    envelope_inr = serializers.DecimalField(max_digits=16, decimal_places=2, min_value=0)
    reason = serializers.CharField(max_length=500)


class BusinessUnitViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[BusinessUnit]):
    """Business units with their annual envelope."""

    serializer_class = BusinessUnitSerializer
    queryset = BusinessUnit.objects.all()
    ordering_fields = ["code"]

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "request.view")
        return queries.units_visible_to(actor_of(self.request))

    @extend_schema(request=EnvelopeSerializer, responses=BusinessUnitSerializer)
    @action(detail=True, methods=["post"])
    def envelope(self, request: Request, pk: Any = None) -> Response:
        unit = self.get_object()
        given = asked(request, EnvelopeSerializer, "envelope.edit", unit)
        unit = actions.set_envelope(unit.pk, given["envelope_inr"], actor=actor_of(request), reason=given["reason"])
        return Response(self.get_serializer(unit).data)


routes = [
    ("tenants", TenantViewSet, "tenant"),
    ("tiers", TierViewSet, "tier"),
    ("business-units", BusinessUnitViewSet, "business-unit"),
]
