"""REST of usage: platforms report deltas, people read them."""

from decimal import Decimal
from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import policy
from portal.access.actor import actor_of
from portal.access.asking import asked
from portal.access.idempotency import IdempotentMixin
from portal.lib.api import ByKey, StrictSerializer

from . import actions
from .models import Delta, Metric

LARGEST = Decimal(10) ** 13


class UsedSerializer(StrictSerializer):
    """One delta. `key` is the reporter's own: sent again with the same content it counts once."""

    tenant_id = serializers.UUIDField()
    metric = serializers.ChoiceField(Metric.choices)
    amount = serializers.DecimalField(max_digits=26, decimal_places=12, min_value=-LARGEST, max_value=LARGEST)
    day = serializers.DateField()
    key = serializers.RegexField(r"^[\x21-\x7e]{1,200}$")
    source = serializers.RegexField(r"^[\x21-\x7e]{1,64}$")
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class BatchSerializer(StrictSerializer):
    deltas = serializers.ListField(child=UsedSerializer(), min_length=1, max_length=actions.MOST)


class CountedSerializer(serializers.Serializer[Any]):
    counted = serializers.IntegerField(help_text="New to the portal")
    known = serializers.IntegerField(help_text="Counted before")


class DeltaSerializer(serializers.ModelSerializer[Delta]):
    class Meta:
        model = Delta
        fields = "__all__"


class DeltaFilter(ByKey):
    month = django_filters.DateFilter(field_name="month_id")

    class Meta:
        model = Delta
        fields = {"tenant": ["exact"], "metric": ["exact"], "day": ["exact", "gte", "lte"]}


class UsageViewSet(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Delta]):
    """Usage in deltas that are only ever added."""

    serializer_class = DeltaSerializer
    filterset_class = DeltaFilter
    ordering_fields = ["day", "recorded_at", "amount"]
    queryset = Delta.objects.none()

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "usage.view")
        return Delta.objects.visible_to(actor_of(self.request)).select_related("tenant").order_by("-id")

    @extend_schema(request=BatchSerializer, responses=CountedSerializer)
    def create(self, request: Request) -> Response:
        """Count up to 1,000 deltas, all or none. Corrections are negative and say why."""
        given = asked(request, BatchSerializer, "usage.report")
        reports = [actions.Report(**one) for one in given["deltas"]]
        return Response(actions.count(reports, actor=actor_of(request)))


routes = [("usage", UsageViewSet, "usage")]
