"""REST of compliance: the residency matrix, provider regions, profiles and verdicts."""

from typing import Any

from rest_framework import mixins, serializers, viewsets

from portal.access import policy
from portal.access.actor import actor_of
from portal.access.queries import scope_filter

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
        reach = scope_filter(actor_of(self.request), policy.VERBS["request.view"], tenant="tenant_id")
        return Verdict.objects.filter(reach).order_by("-at")


routes = [
    ("residency-rules", ResidencyRuleViewSet, "residency-rule"),
    ("provider-regions", ProviderRegionViewSet, "provider-region"),
    ("compliance-profiles", ProfileViewSet, "compliance-profile"),
    ("verdicts", VerdictViewSet, "verdict"),
]
