"""REST of reviews: read them, fill them in, close them."""

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
from portal.lib.api import ByKey, ReasonSerializer

from . import actions
from .models import Measure, Review


class MeasureSerializer(serializers.ModelSerializer[Measure]):
    owner = serializers.CharField(source="owner.username", read_only=True)

    class Meta:
        model = Measure
        exclude = ["review"]


class MoveReviewSerializer(serializers.ModelSerializer[Review]):
    move = serializers.CharField(source="migration.__str__", read_only=True)
    tenant = serializers.UUIDField(source="migration.tenant_id", read_only=True)
    target = serializers.CharField(source="migration.target", read_only=True)
    closed_by = serializers.CharField(source="closed_by.username", read_only=True, allow_null=True, default=None)
    measures = MeasureSerializer(many=True, read_only=True)

    class Meta:
        model = Review
        exclude = ["taken_back_by"]


class MoveReviewInputSerializer(ReasonSerializer):
    cause = serializers.CharField(max_length=4000, required=False)
    retry_on = serializers.DateField(required=False)


class MeasureInputSerializer(ReasonSerializer):
    text = serializers.CharField(max_length=500)
    owner = serializers.CharField(max_length=150, help_text="Login name of who does it")
    due_on = serializers.DateField()


class MeasureDoneSerializer(ReasonSerializer):
    measure = serializers.IntegerField(min_value=1, max_value=2**62)


class ReviewFilter(ByKey):
    class Meta:
        model = Review
        fields = ["migration", "migration__tenant", "migration__target"]


class ReviewViewSet(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Review]):
    """What is learnt from moves that were taken back."""

    serializer_class = MoveReviewSerializer
    filterset_class = ReviewFilter
    search_fields = ["migration__tenant__name"]
    ordering_fields = ["opened_at", "closed_at", "retry_on"]
    queryset = Review.objects.none()

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "migration_review.view")
        rows = Review.objects.visible_to(actor_of(self.request)).select_related("migration__tenant", "closed_by")
        return rows.prefetch_related("measures__owner").order_by("-opened_at")

    @extend_schema(request=MoveReviewInputSerializer, responses=MoveReviewSerializer)
    def partial_update(self, request: Request, pk: Any = None) -> Response:
        """Write down the cause, and the day from which it may be tried again."""
        return self._act(actions.describe, request, MoveReviewInputSerializer)

    @extend_schema(request=MeasureInputSerializer, responses=MoveReviewSerializer)
    @action(detail=True, methods=["post"])
    def measures(self, request: Request, pk: Any = None) -> Response:
        """Note what somebody does about it, and by when."""
        return self._act(actions.add_measure, request, MeasureInputSerializer)

    @extend_schema(request=MeasureDoneSerializer, responses=MoveReviewSerializer)
    @action(detail=True, methods=["post"], url_path="measure-completion")
    def measure_completion(self, request: Request, pk: Any = None) -> Response:
        return self._act(actions.finish_measure, request, MeasureDoneSerializer)

    @extend_schema(request=ReasonSerializer, responses=MoveReviewSerializer)
    @action(detail=True, methods=["post"])
    def closing(self, request: Request, pk: Any = None) -> Response:
        """Close it for good, as somebody who neither asked for the move nor took it back."""
        return self._act(actions.close, request, ReasonSerializer, "close")

    def _act(self, act: Any, request: Request, form: Any, word: str = "edit") -> Response:
        found = self.get_object()
        given = asked(request, form, f"migration_review.{word}", found)
        act(found.pk, actor=actor_of(request), **given)
        return Response(self.get_serializer(self.get_queryset().get(pk=found.pk)).data)


routes = [("migration-reviews", ReviewViewSet, "migration-review")]
