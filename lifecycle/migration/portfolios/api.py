"""REST of portfolios: the dry run of all of it, the request, and its life. Each move is at `/migrations/`, too."""

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
from portal.lib.api import ByKey, ReasonSerializer, StrictSerializer

from . import actions
from .models import Member, Portfolio
from .planning import MOST_TENANTS, MOST_WAVES, plan_portfolio

BUDGET: dict[str, Any] = {"max_digits": 16, "decimal_places": 2, "min_value": 1, "help_text": "Whole rupees, once"}


class PortfolioPlanInputSerializer(StrictSerializer):
    target = serializers.RegexField(r"^[a-z]{2}(-[a-z]+)+-\d$", max_length=32)
    budget_inr = serializers.DecimalField(**BUDGET)
    waves = serializers.ListField(
        child=serializers.ListField(child=serializers.UUIDField(), max_length=MOST_TENANTS),
        max_length=MOST_WAVES,
        help_text="Tenants' ids, wave by wave",
    )
    is_rehearsal = serializers.BooleanField(default=False)


class PortfolioInputSerializer(PortfolioPlanInputSerializer):
    title = serializers.CharField(max_length=120)
    reason = serializers.CharField(max_length=1000)


class BudgetSerializer(ReasonSerializer):
    budget_inr = serializers.DecimalField(**BUDGET)


class MemberSerializer(serializers.ModelSerializer[Member]):
    name = serializers.CharField(source="tenant.name", read_only=True)
    move = serializers.CharField(source="migration.__str__", read_only=True)
    state = serializers.CharField(source="migration.state", read_only=True)
    case_id = serializers.UUIDField(source="migration.case_id", read_only=True, allow_null=True)

    class Meta:
        model = Member
        exclude = ["id", "portfolio"]


class PortfolioSerializer(serializers.ModelSerializer[Portfolio]):
    name = serializers.CharField(source="__str__", read_only=True)
    requested_by = serializers.CharField(source="requested_by.username", read_only=True)

    class Meta:
        model = Portfolio
        exclude = ["number"]


class PortfolioDetailSerializer(PortfolioSerializer):
    members = MemberSerializer(many=True, read_only=True)


class PortfolioFilter(ByKey):
    class Meta:
        model = Portfolio
        fields = ["state", "target", "is_rehearsal"]


class PortfolioViewSet(
    IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Portfolio]
):
    """Several tenants moved to one region, in waves and within a budget."""

    filterset_class = PortfolioFilter
    search_fields = ["title"]
    ordering_fields = ["number", "state", "created_at", "budget_inr"]
    queryset = Portfolio.objects.none()

    def get_serializer_class(self) -> Any:
        return PortfolioSerializer if self.action == "list" else PortfolioDetailSerializer

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "portfolio.view")
        rows = Portfolio.objects.select_related("requested_by").order_by("-number")
        return rows if self.action == "list" else rows.prefetch_related("members__tenant", "members__migration")

    @extend_schema(request=PortfolioInputSerializer, responses={201: PortfolioDetailSerializer})
    def create(self, request: Request) -> Response:
        """Ask for all of its moves at once, each with its own approval."""
        given = asked(request, PortfolioInputSerializer, "portfolio.edit")
        made = actions.request(actor=actor_of(request), **given)
        return Response(self.get_serializer(self.get_queryset().get(pk=made.pk)).data, status=201)

    @extend_schema(request=PortfolioPlanInputSerializer, responses={200: dict})
    @action(detail=False, methods=["post"], url_path="plan")
    def dry_run(self, request: Request) -> Response:
        """Rows, time and ₹ of all of it, and who is refused. Stores nothing."""
        given = asked(request, PortfolioPlanInputSerializer, "portfolio.edit")
        return Response(plan_portfolio(actor=actor_of(request), **given).as_json())

    @extend_schema(request=ReasonSerializer, responses=PortfolioDetailSerializer)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: Any = None) -> Response:
        return self._act(actions.start, request)

    @extend_schema(request=ReasonSerializer, responses=PortfolioDetailSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: Any = None) -> Response:
        return self._act(actions.stop, request)

    @extend_schema(request=ReasonSerializer, responses=PortfolioDetailSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: Any = None) -> Response:
        """Go on, without the members that were taken back."""
        return self._act(actions.resume, request)

    @extend_schema(request=ReasonSerializer, responses=PortfolioDetailSerializer)
    @action(detail=True, methods=["post"])
    def cancellation(self, request: Request, pk: Any = None) -> Response:
        """Withdraw what has not begun."""
        return self._act(actions.cancel, request)

    @extend_schema(request=BudgetSerializer, responses=PortfolioDetailSerializer)
    @action(detail=True, methods=["post"])
    def budget(self, request: Request, pk: Any = None) -> Response:
        return self._act(actions.set_budget, request, BudgetSerializer)

    def _act(self, act: Any, request: Request, form: Any = ReasonSerializer) -> Response:
        found = self.get_object()
        given = asked(request, form, "portfolio.edit", found)
        act(found.pk, actor=actor_of(request), **given)
        return Response(self.get_serializer(self.get_queryset().get(pk=found.pk)).data)


routes = [("portfolios", PortfolioViewSet, "portfolio")]
