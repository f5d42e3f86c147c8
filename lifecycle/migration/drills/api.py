"""REST of drills: start one, read their times, and say how often they are due."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import policy
from portal.access.actor import actor_of
from portal.access.asking import asked
from portal.access.idempotency import IdempotentMixin
from portal.lib.api import ByKey, ReasonSerializer

from . import actions
from .models import Drill, DrillRule
from .queries import due_of


class DrillSerializer(serializers.ModelSerializer[Drill]):
    move = serializers.CharField(source="migration.__str__", read_only=True)
    tenant = serializers.UUIDField(source="migration.tenant_id", read_only=True)
    asked_by = serializers.CharField(source="asked_by.username", read_only=True)

    class Meta:
        model = Drill
        fields = "__all__"


class DrillInputSerializer(ReasonSerializer):
    migration_id = serializers.UUIDField(help_text="A move whose new side serves its tenant")


class DrillFilter(ByKey):
    class Meta:
        model = Drill
        fields = ["migration", "migration__tenant", "tier", "outcome"]


class DrillViewSet(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Drill]):
    """Drills of the way back, with their times."""

    serializer_class = DrillSerializer
    filterset_class = DrillFilter
    search_fields = ["migration__tenant__name"]
    ordering_fields = ["asked_at", "seconds"]
    queryset = Drill.objects.none()

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "migration_drill.view")
        rows = Drill.objects.visible_to(actor_of(self.request)).select_related("migration__tenant", "asked_by")
        return rows.order_by("-asked_at")

    @extend_schema(request=DrillInputSerializer, responses={201: DrillSerializer})
    def create(self, request: Request) -> Response:
        """Take a tenant back on purpose: the ordinary roll-back, with a clock and without a review."""
        given = asked(request, DrillInputSerializer, "migration_drill.run")
        made = actions.drill(actor=actor_of(request), **given)
        return Response(self.get_serializer(made).data, status=201)


class DrillRuleSerializer(serializers.ModelSerializer[DrillRule]):
    due_on = serializers.SerializerMethodField(help_text="The next drill of a tenant of this tier")
    is_overdue = serializers.SerializerMethodField()

    class Meta:
        model = DrillRule
        fields = "__all__"

    def get_due_on(self, rule: DrillRule) -> str:
        return str(self.context["due"][rule.pk].on)

    def get_is_overdue(self, rule: DrillRule) -> bool:
        return bool(self.context["due"][rule.pk].is_overdue)


class DrillRuleInputSerializer(ReasonSerializer):
    every_days = serializers.IntegerField(min_value=1, max_value=730)


class DrillRuleViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[DrillRule]):
    """How often the way back of each tier's tenants is drilled, and when it is due."""

    serializer_class = DrillRuleSerializer
    ordering_fields = ["tier", "every_days"]
    queryset = DrillRule.objects.none()

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "drill_rule.view")
        return DrillRule.objects.order_by("tier__rank")

    def get_serializer_context(self) -> dict[str, Any]:
        due = due_of(list(DrillRule.objects.all())) if hasattr(self, "request") and self.request else {}
        return {**super().get_serializer_context(), "due": due}

    @extend_schema(request=DrillRuleInputSerializer, responses=DrillRuleSerializer)
    def partial_update(self, request: Request, pk: Any = None) -> Response:
        found = self.get_object()
        given = asked(request, DrillRuleInputSerializer, "drill_rule.edit", found)
        rule = actions.set_drill_rule(found.pk, actor=actor_of(request), **given)
        return Response(self.get_serializer(rule).data)


routes = [
    ("rollback-drills", DrillViewSet, "rollback-drill"),
    ("drill-rules", DrillRuleViewSet, "drill-rule"),
]
