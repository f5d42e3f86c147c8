"""/api/v1/jobs/: watch jobs and their logs; cancel, resume, retry and undo them."""

from typing import Any, ClassVar

import django_filters
from django.db.models import Count, Q
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import policy
from portal.access.actor import actor_of
from portal.access.asking import asked
from portal.access.idempotency import IdempotentMixin
from portal.lib.api import ReasonSerializer
from portal.lib.errors import Invalid

from . import actions, queries
from .models import STEP_DONE, Job, JobState

LOG_PAGE = 500


class JobFilter(django_filters.FilterSet):  # type: ignore[misc]
    state = django_filters.MultipleChoiceFilter(choices=JobState.choices)
    kind = django_filters.CharFilter()
    tenant_id = django_filters.UUIDFilter()
    business_unit = django_filters.CharFilter()
    subject_type = django_filters.CharFilter()
    subject_id = django_filters.CharFilter()
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Job
        fields: ClassVar[list[str]] = []


class JobRow(serializers.ModelSerializer[Job]):
    steps_done = serializers.IntegerField(read_only=True)
    steps_total = serializers.IntegerField(read_only=True)

    class Meta:
        model = Job
        fields: ClassVar[list[str]] = [
            "id", "kind", "title", "state", "tenant_id", "business_unit", "subject_type", "subject_id",
            "resource_class", "steps_done", "steps_total", "wake_at", "wait_reason", "requested_by", "reason",
            "retries", "error", "compensates", "created_at", "started_at", "finished_at",
        ]  # fmt: skip


class StepRow(serializers.Serializer[Any]):
    seq = serializers.IntegerField()
    name = serializers.CharField()
    title = serializers.CharField()
    state = serializers.CharField()
    attempts = serializers.IntegerField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    took_seconds = serializers.IntegerField(allow_null=True)
    expected_seconds = serializers.IntegerField()
    done = serializers.IntegerField(allow_null=True)
    total = serializers.IntegerField(allow_null=True)
    rate_per_second = serializers.FloatField(allow_null=True)
    error = serializers.CharField()
    evidence = serializers.DictField()


class JobDetail(JobRow):
    """The row, its steps, when it is expected to end, and what the caller may do to it."""

    steps = StepRow(many=True, read_only=True)
    eta_seconds = serializers.IntegerField(allow_null=True, read_only=True)
    compensation = serializers.UUIDField(allow_null=True, read_only=True)
    verbs = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta(JobRow.Meta):
        fields: ClassVar[list[str]] = [*JobRow.Meta.fields, "steps", "eta_seconds", "compensation", "verbs"]

    def to_representation(self, instance: Job) -> dict[str, Any]:
        lines = queries.timeline(instance)
        undoing = Job.objects.filter(compensates=instance).values_list("pk", flat=True).first()
        row: dict[str, Any] = JobRow(instance, context=self.context).data
        return {
            **row,
            "steps": StepRow(lines, many=True).data,
            "eta_seconds": queries.eta(instance, lines),
            "compensation": str(undoing) if undoing else None,
            "verbs": queries.available_verbs(instance, actor_of(self.context["request"])),
        }


class LogRow(serializers.Serializer[Any]):
    seq = serializers.IntegerField()
    at = serializers.DateTimeField()
    step = serializers.CharField()
    level = serializers.CharField()
    text = serializers.CharField()


class LogPage(serializers.Serializer[Any]):
    """`next_offset` is what to ask for next; `is_complete` says that nothing will follow."""

    lines = LogRow(many=True)
    next_offset = serializers.IntegerField()
    is_complete = serializers.BooleanField()


class StepReason(ReasonSerializer):
    step = serializers.CharField(max_length=64)


class JobViewSet(IdempotentMixin, viewsets.ReadOnlyModelViewSet[Job]):
    """Jobs the caller's grants reach."""

    queryset = Job.objects.none()
    serializer_class = JobRow
    filterset_class = JobFilter
    ordering_fields = ("created_at", "started_at", "finished_at", "state", "kind")
    search_fields = ("title", "kind", "subject_id")

    def get_queryset(self) -> Any:
        actor = actor_of(self.request)
        policy.require(actor, "job.view")
        done = Count("steps", filter=Q(steps__state__in=STEP_DONE))
        return queries.visible_to(actor).annotate(steps_done=done, steps_total=Count("steps"))

    @extend_schema(responses=JobDetail)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._shown(request)

    @extend_schema(parameters=[OpenApiParameter("offset", int)], responses=LogPage)
    @action(detail=True, filter_backends=[], pagination_class=None)
    def log(self, request: Request, pk: str) -> Response:
        """Log lines after `offset` (0 for all), at most 500."""
        unknown = sorted(set(request.query_params) - {"offset", "format"})
        if unknown:
            raise Invalid(fields=dict.fromkeys(unknown, "not known here; known: offset"))
        job = self.get_object()
        offset = _offset(request)
        lines = queries.log_after(job, offset, LOG_PAGE)
        last = lines[-1].seq if lines else offset
        page = {"lines": lines, "next_offset": last, "is_complete": job.is_finished and last >= job.log_lines}
        return Response(LogPage(page).data)

    @extend_schema(request=ReasonSerializer, responses={202: JobDetail})
    @action(detail=True, methods=["post"], filter_backends=[])
    def cancellation(self, request: Request, pk: str) -> Response:
        """Stop the job at the next safe place, then undo what it had begun."""
        job, given = self._asked(request, ReasonSerializer)
        actions.cancel_job(job.pk, actor=actor_of(request), reason=given["reason"])
        return self._shown(request, status.HTTP_202_ACCEPTED)

    @extend_schema(request=ReasonSerializer, responses={202: JobDetail})
    @action(detail=True, methods=["post"], filter_backends=[])
    def resumption(self, request: Request, pk: str) -> Response:
        """Go on with a failed job at the step that failed."""
        job, given = self._asked(request, ReasonSerializer)
        actions.resume_job(job.pk, actor=actor_of(request), reason=given["reason"])
        return self._shown(request, status.HTTP_202_ACCEPTED)

    @extend_schema(request=StepReason, responses={202: JobDetail})
    @action(detail=True, methods=["post"], filter_backends=[])
    def retry(self, request: Request, pk: str) -> Response:
        """Try the current step again now instead of after its pause."""
        job, given = self._asked(request, StepReason)
        actions.retry_step(job.pk, given["step"], actor=actor_of(request), reason=given["reason"])
        return self._shown(request, status.HTTP_202_ACCEPTED)

    @extend_schema(request=ReasonSerializer, responses={202: JobDetail})
    @action(detail=True, methods=["post"], filter_backends=[])
    def compensation(self, request: Request, pk: str) -> Response:
        """Undo what a failed job had begun."""
        job, given = self._asked(request, ReasonSerializer)
        actions.compensate_job(job.pk, actor=actor_of(request), reason=given["reason"])
        return self._shown(request, status.HTTP_202_ACCEPTED)

    def _asked(self, request: Request, shape: type[ReasonSerializer]) -> tuple[Job, dict[str, Any]]:
        job = self.get_object()
        return job, asked(request, shape, "job.operate", job)

    def _shown(self, request: Request, code: int = status.HTTP_200_OK) -> Response:
        return Response(JobDetail(self.get_object(), context={"request": request}).data, status=code)


def _offset(request: Request) -> int:
    raw = request.query_params.get("offset", "0")
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 18):
        raise Invalid(fields={"offset": "a whole number, the last line you have"})
    return int(raw)


routes = [("jobs", JobViewSet, "job")]
