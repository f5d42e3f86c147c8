"""REST of the estate: what was found, what is to be done about it, and which drift is noise."""

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
from portal.access.models import User
from portal.lib.api import ByKey, ReasonSerializer
from tenants.models import Tenant

from . import actions
from .models import Decision, Finding, NoiseRule, Remedy


class EstateFindingSerializer(serializers.ModelSerializer[Finding]):
    class Meta:
        model = Finding
        fields = "__all__"


class FindingFilter(ByKey):
    class Meta:
        model = Finding
        fields = ["state", "kind", "region", "tenant_id", "resource_type"]


class Findings(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Finding]):
    """What is not as registry and state say: drift, orphans, what is missing."""

    serializer_class = EstateFindingSerializer
    filterset_class = FindingFilter
    search_fields = ["tenant_name", "address", "resource"]
    ordering_fields = ["first_seen", "last_seen", "kind", "monthly_inr"]
    queryset = Finding.objects.none()

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "estate.view")
        return Finding.objects.visible_to(actor_of(self.request)).order_by("-first_seen", "address")


class DecisionInputSerializer(ReasonSerializer):
    findings = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=500)
    remedy = serializers.ChoiceField(choices=Remedy.choices)
    until = serializers.DateField(required=False, allow_null=True, help_text="Only with ignore")
    acknowledged = serializers.BooleanField(default=False, help_text="That the data which is named is destroyed")


class EstateDecisionSerializer(serializers.ModelSerializer[Decision]):
    requested_by = serializers.CharField(source="requested_by.username", read_only=True)
    findings: Any = serializers.PrimaryKeyRelatedField(many=True, read_only=True)

    class Meta:
        model = Decision
        fields = "__all__"


class DecisionFilter(ByKey):
    class Meta:
        model = Decision
        fields = ["state", "remedy", "region", "tenant_id"]


class Decisions(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Decision]):
    """What is to be done about findings; it needs signatures of others."""

    serializer_class = EstateDecisionSerializer
    filterset_class = DecisionFilter
    ordering_fields = ["created_at", "state"]
    queryset = Decision.objects.none()

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "estate.view")
        found = Decision.objects.visible_to(actor_of(self.request)).select_related("requested_by")
        return found.prefetch_related("findings").order_by("-created_at")

    @extend_schema(request=DecisionInputSerializer, responses={201: EstateDecisionSerializer})
    def create(self, request: Request) -> Response:
        given = asked(request, DecisionInputSerializer, "estate.decide")
        made = actions.decide(given.pop("findings"), given.pop("remedy"), actor=actor_of(request), **given)
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(request=ReasonSerializer, responses=EstateDecisionSerializer)
    @action(detail=True, methods=["post"])
    def withdrawal(self, request: Request, pk: Any = None) -> Response:
        found = self.get_object()
        given = asked(request, ReasonSerializer, "estate.decide", found)
        return Response(self.get_serializer(actions.withdraw(found.pk, actor=actor_of(request), **given)).data)


class NoiseRuleInputSerializer(ReasonSerializer):
    owner = serializers.SlugRelatedField(slug_field="username", queryset=User.objects.all())
    expires_on = serializers.DateField()
    resource_type = serializers.CharField(max_length=80, required=False, default="", allow_blank=True)
    words = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    tenant = serializers.PrimaryKeyRelatedField(queryset=Tenant.objects.all(), required=False, allow_null=True)


class NoiseRuleSerializer(serializers.ModelSerializer[NoiseRule]):
    owner = serializers.CharField(source="owner.username", read_only=True)

    class Meta:
        model = NoiseRule
        fields = "__all__"


class NoiseRules(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[NoiseRule]):
    """Which drift nobody needs to hear of, until when, and who answers for that."""

    serializer_class = NoiseRuleSerializer
    ordering_fields = ["created_at", "expires_on"]
    queryset = NoiseRule.objects.none()

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "noise_rule.view")
        return NoiseRule.objects.select_related("owner").order_by("-created_at")

    @extend_schema(request=NoiseRuleInputSerializer, responses={201: NoiseRuleSerializer})
    def create(self, request: Request) -> Response:
        given = asked(request, NoiseRuleInputSerializer, "noise_rule.edit")
        return Response(self.get_serializer(actions.quiet(actor=actor_of(request), **given)).data, status=201)

    @extend_schema(request=ReasonSerializer, responses=NoiseRuleSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: Any = None) -> Response:
        found = self.get_object()
        given = asked(request, ReasonSerializer, "noise_rule.edit", found)
        return Response(self.get_serializer(actions.end_rule(found.pk, actor=actor_of(request), **given)).data)


routes = [
    ("estate-findings", Findings, "estate-finding"),
    ("estate-decisions", Decisions, "estate-decision"),
    ("noise-rules", NoiseRules, "noise-rule"),
]
