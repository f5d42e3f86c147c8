"""REST of compliance: the residency matrix, provider regions, profiles and verdicts."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import policy
from portal.access.actor import actor_of
from portal.lib.clock import now

from . import queries, report
from .models import Profile, ProviderRegion, ResidencyRule, Verdict


class ResidencyRuleSerializer(serializers.ModelSerializer[ResidencyRule]):
    class Meta:
        model = ResidencyRule
        fields = "__all__"


class ProviderRegionSerializer(serializers.ModelSerializer[ProviderRegion]):
    class Meta:
        model = ProviderRegion
        fields = "__all__"


class ProfileSerializer(serializers.ModelSerializer[Profile]):
    class Meta:
        model = Profile
        fields = "__all__"


class VerdictSerializer(serializers.ModelSerializer[Verdict]):
    class Meta:
        model = Verdict
        fields = "__all__"


class _Rules(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Any]):
    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "policy.view")
        return super().get_queryset()


class ResidencyRuleViewSet(_Rules):
    """Where data may live, by law, people, kind and path."""

    serializer_class = ResidencyRuleSerializer
    queryset = ResidencyRule.objects.order_by("rule_id", "-version")
    filterset_fields = ["rule_id", "law"]
    ordering_fields = ["rule_id"]


class ProviderRegionViewSet(_Rules):
    """Which provider offers what in which region."""

    serializer_class = ProviderRegionSerializer
    queryset = ProviderRegion.objects.order_by("region", "preference")
    filterset_fields = ["provider", "region"]
    ordering_fields = ["region"]


class ProfileViewSet(_Rules):
    """Compliance profiles and the duties they bring."""

    serializer_class = ProfileSerializer
    queryset = Profile.objects.order_by("code", "-version")
    filterset_fields = ["code", "layer"]
    ordering_fields = ["code"]


class VerdictViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Verdict]):
    """What rules said of requests and tenants."""

    serializer_class = VerdictSerializer
    queryset = Verdict.objects.none()
    filterset_fields = ["subject_type", "subject_id", "tenant_id", "outcome", "rule_id"]
    ordering_fields = ["at"]

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "request.view")
        return queries.verdicts_visible_to(actor_of(self.request)).order_by("-at")


class SignatureSerializer(serializers.Serializer[Any]):
    algorithm = serializers.CharField()
    key = serializers.CharField(help_text="Ed25519, 32 bytes, base64url")
    value = serializers.CharField(help_text="Over the canonical JSON of `report`, base64url")


class ReportSerializer(serializers.Serializer[Any]):
    report = serializers.DictField()
    signature = SignatureSerializer()


@extend_schema_serializer(many=False)
class ReportListSerializer(serializers.Serializer[Any]):
    regions = serializers.ListField(child=serializers.CharField())
    key = serializers.CharField(help_text="The key that signs reports: Ed25519, 32 bytes, base64url")


class ReportViewSet(viewsets.ViewSet):
    """Signed compliance reports, one a region, as things stand at the moment of asking."""

    lookup_field = "region"
    lookup_value_regex = "[a-z0-9-]{1,32}"

    @extend_schema(responses=ReportListSerializer, operation_id="compliance_reports_list")
    def list(self, request: Request) -> Response:
        """The regions that have a report, and the key to check them with."""
        policy.require(actor_of(request), "compliance_report.view", report.Everywhere())
        return Response({"regions": report.regions(), "key": report.public_key()})

    @extend_schema(responses=ReportSerializer, parameters=[OpenApiParameter("region", str, "path")])
    def retrieve(self, request: Request, region: str) -> Response:
        """One region's tenants, verdicts, exceptions and evidence, signed."""
        name = f"compliance-{region}-{now():%Y-%m-%d}.json"
        found = report.issue(region, actor=actor_of(request))
        return Response(found, headers={"Content-Disposition": f'inline; filename="{name}"'})


routes = [
    ("compliance-reports", ReportViewSet, "compliance-report"),
    ("residency-rules", ResidencyRuleViewSet, "residency-rule"),
    ("provider-regions", ProviderRegionViewSet, "provider-region"),
    ("compliance-profiles", ProfileViewSet, "compliance-profile"),
    ("verdicts", VerdictViewSet, "verdict"),
]
