"""REST of cost: statements, cost centres, rates of exchange, and what automation returns."""

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_serializer
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import policy
from portal.access.actor import actor_of
from portal.access.asking import asked
from portal.access.idempotency import IdempotentMixin
from portal.lib.api import ByKey, StrictSerializer

from . import actions, queries
from .models import Adjustment, Arrears, CentreMonth, Rate, Statement, Terms
from .roi import Inputs, returns


class ShownSerializer(serializers.Serializer[Any]):
    """A total in the currency asked for, with the rate that made it."""

    currency = serializers.CharField()
    total = serializers.DecimalField(max_digits=20, decimal_places=2, allow_null=True)
    inr_per_unit = serializers.DecimalField(max_digits=18, decimal_places=6)
    effective_on = serializers.DateField()
    source = serializers.CharField()


class InCurrency(serializers.Serializer[Any]):
    """Adds `shown` where `?currency=` asks for it."""

    shown = serializers.SerializerMethodField()

    @extend_schema_field(ShownSerializer(allow_null=True))
    def get_shown(self, row: Any) -> Any:
        currency = self.context["request"].query_params.get("currency", "")
        if not currency:
            return None
        shown = queries.shown_in(currency, row)
        fields = {"inr_per_unit": shown.inr_per_unit, "effective_on": shown.effective_on, "source": shown.source}
        return ShownSerializer({"currency": shown.currency, "total": shown.of(row.total_inr), **fields}).data


class StatementSerializer(InCurrency, serializers.ModelSerializer[Statement]):
    lines = serializers.ListField(child=serializers.DictField(), read_only=True)
    service = serializers.DictField(read_only=True)

    class Meta:
        model = Statement
        fields = "__all__"


class CentreMonthSerializer(InCurrency, serializers.ModelSerializer[CentreMonth]):
    class Meta:
        model = CentreMonth
        fields = "__all__"


class Monthly(ByKey):
    month = django_filters.DateFilter(field_name="month_id")
    currency = django_filters.CharFilter(method="as_it_is", help_text="Show totals in it, at the rate of the month")

    def as_it_is(self, rows: Any, name: str, value: str) -> Any:
        return rows


class StatementFilter(Monthly):
    class Meta:
        model = Statement
        fields = ["tenant", "business_unit", "cost_centre", "state", "is_over"]


class CentreFilter(Monthly):
    class Meta:
        model = CentreMonth
        fields = ["cost_centre", "state", "is_over", "is_escalated"]


class AdjustmentSerializer(serializers.ModelSerializer[Adjustment]):
    class Meta:
        model = Adjustment
        fields = "__all__"


class AdjustSerializer(StrictSerializer):
    amount_inr = serializers.DecimalField(max_digits=16, decimal_places=2, help_text="Negative gives back")
    reason = serializers.CharField(max_length=500)


ORDERS = ["month", "variance_percent", "known_inr", "cost_centre"]


class StatementViewSet(
    IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Statement]
):
    """Monthly statements of tenants: so far while a month is open, frozen when it is closed."""

    serializer_class = StatementSerializer
    filterset_class = StatementFilter
    ordering_fields = ORDERS
    queryset = Statement.objects.none()

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "cost.view")
        return Statement.objects.visible_to(actor_of(self.request)).order_by("-month_id", "cost_centre", "pk")

    @extend_schema(request=AdjustSerializer, responses={201: AdjustmentSerializer})
    @action(detail=True, methods=["post"])
    def adjustments(self, request: Request, pk: Any = None) -> Response:
        """Correct a closed statement by a line in the first open month."""
        statement = self.get_object()
        given = asked(request, AdjustSerializer, "cost.adjust", statement)
        row = actions.adjust(statement.pk, actor=actor_of(request), **given)
        return Response(AdjustmentSerializer(row).data, status=201)


class CentreViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[CentreMonth]):
    """Months of cost centres, the furthest over budget first."""

    serializer_class = CentreMonthSerializer
    filterset_class = CentreFilter
    ordering_fields = ORDERS
    queryset = CentreMonth.objects.none()

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "cost.oversee")
        return CentreMonth.objects.all()


class RateSerializer(serializers.ModelSerializer[Rate]):
    class Meta:
        model = Rate
        fields = "__all__"


class NewRateSerializer(StrictSerializer):
    currency = serializers.RegexField(r"^[A-Z]{3}$")
    inr_per_unit = serializers.DecimalField(max_digits=18, decimal_places=6, min_value=0)
    effective_on = serializers.DateField()
    source = serializers.CharField(max_length=200)
    reason = serializers.CharField(max_length=500)


class RateViewSet(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Rate]):
    """Rates of exchange, dated and with their source."""

    serializer_class = RateSerializer
    queryset = Rate.objects.none()
    filterset_fields = ["currency", "effective_on"]
    ordering_fields = ["effective_on", "currency"]

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "rate.view")
        return Rate.objects.order_by("-effective_on", "currency")

    @extend_schema(request=NewRateSerializer, responses={201: RateSerializer})
    def create(self, request: Request) -> Response:
        given = asked(request, NewRateSerializer, "rate.edit")
        return Response(RateSerializer(actions.publish_rate(actor=actor_of(request), **given)).data, status=201)


class TermsSerializer(serializers.ModelSerializer[Terms]):
    class Meta:
        model = Terms
        fields = "__all__"


class CreditSerializer(StrictSerializer):
    """Below this percentage of the month, this percentage of the baseline is given back."""

    below = serializers.DecimalField(max_digits=7, decimal_places=4, min_value=0, max_value=100)
    percent = serializers.DecimalField(max_digits=5, decimal_places=2, min_value=0, max_value=100)


class NewTermsSerializer(StrictSerializer):
    tier = serializers.SlugField(max_length=32)
    effective_on = serializers.DateField()
    notice_days = serializers.IntegerField(min_value=0, max_value=365)
    grace_days = serializers.IntegerField(min_value=1, max_value=365)
    credits = serializers.ListField(child=CreditSerializer(), max_length=10, default=list)
    source = serializers.CharField(max_length=200)
    reason = serializers.CharField(max_length=500)


class TermsViewSet(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Terms]):
    """Terms of tiers, dated: dunning and service credits."""

    serializer_class = TermsSerializer
    queryset = Terms.objects.none()
    filterset_fields = ["tier", "effective_on"]
    ordering_fields = ["effective_on"]

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "terms.view")
        return Terms.objects.order_by("-effective_on", "tier_id")

    @extend_schema(request=NewTermsSerializer, responses={201: TermsSerializer})
    def create(self, request: Request) -> Response:
        given = asked(request, NewTermsSerializer, "terms.edit")
        credits = [(f"{one['below'].normalize():f}", f"{one['percent'].normalize():f}") for one in given.pop("credits")]
        terms = actions.publish_terms(given.pop("tier"), credits=credits, actor=actor_of(request), **given)
        return Response(TermsSerializer(terms).data, status=201)


class ArrearsSerializer(serializers.ModelSerializer[Arrears]):
    class Meta:
        model = Arrears
        fields = "__all__"


class ArrearsViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Arrears]):
    """Tenants whose payment is or was overdue."""

    serializer_class = ArrearsSerializer
    queryset = Arrears.objects.none()
    filterset_fields = ["tenant", "since", "suspends_on"]
    ordering_fields = ["since", "suspends_on"]

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "cost.view")
        return Arrears.objects.visible_to(actor_of(self.request)).select_related("tenant").order_by("-since", "pk")


class ReturnsQuery(StrictSerializer):
    """What is compared; what is left out keeps its usual value."""

    tenants = serializers.IntegerField(min_value=1, max_value=100_000, required=False)
    months = serializers.IntegerField(min_value=1, max_value=240, required=False)
    manual_inr = serializers.DecimalField(max_digits=14, decimal_places=2, min_value=0, required=False)
    automated_inr = serializers.DecimalField(max_digits=14, decimal_places=2, min_value=0, required=False)
    overhead_inr = serializers.DecimalField(max_digits=14, decimal_places=2, min_value=0, required=False)
    build_inr = serializers.DecimalField(max_digits=14, decimal_places=2, min_value=0, required=False)


class ReturnsSerializer(serializers.Serializer[Any]):
    by_hand_inr = serializers.DecimalField(max_digits=24, decimal_places=2)
    automated_inr = serializers.DecimalField(max_digits=24, decimal_places=2)
    saved_inr = serializers.DecimalField(max_digits=24, decimal_places=2)
    saved_percent = serializers.DecimalField(max_digits=24, decimal_places=1, allow_null=True)
    saved_after_build_inr = serializers.DecimalField(max_digits=24, decimal_places=2)
    break_even = serializers.DecimalField(max_digits=24, decimal_places=1, allow_null=True)
    break_even_after_build = serializers.IntegerField(allow_null=True)


@extend_schema_serializer(many=False)
class OneReturnsSerializer(ReturnsSerializer):
    """The comparison is one document, not a list."""


class ReturnsViewSet(viewsets.ViewSet):
    """What automation returns, beside setting tenants up by hand."""

    lookup_field = "pk"  # the router asks, though there is none

    @extend_schema(parameters=[ReturnsQuery], responses=OneReturnsSerializer)
    def list(self, request: Request) -> Response:
        policy.require(actor_of(request), "cost.oversee")
        given = ReturnsQuery(data=request.query_params.dict())
        given.is_valid(raise_exception=True)
        return Response(ReturnsSerializer(returns(Inputs(**given.validated_data))).data)


routes = [
    ("roi", ReturnsViewSet, "roi"),
    ("costs", StatementViewSet, "cost"),
    ("cost-centres", CentreViewSet, "cost-centre"),
    ("rates", RateViewSet, "rate"),
    ("terms", TermsViewSet, "terms"),
    ("arrears", ArrearsViewSet, "arrears"),
]
