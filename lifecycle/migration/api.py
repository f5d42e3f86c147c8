"""REST of moves: the dry run, the request, its life, and the playbooks and red flags that bind it."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import policy
from portal.access.actor import actor_of
from portal.access.asking import asked
from portal.access.idempotency import IdempotentMixin
from portal.lib.api import ByKey, ReasonSerializer, StrictSerializer
from portal.lib.openapi import MORE
from tenants.models import Tenant

from . import actions, playbooks
from .copies.queries import way_out
from .losses.actions import accept_loss
from .losses.models import Loss
from .losses.queries import loss_of
from .models import Attempt, Capture, Migration, Passage, Playbook, RedFlag, Round, Strategy
from .reading import chart
from .reading.actions import report_problem
from .reading.models import ProblemReport, Reading
from .recording import signed_record
from .reports import report_fence
from .reviews.green import kept_of


class PlanInputSerializer(StrictSerializer):
    tenant_id = serializers.UUIDField()
    target = serializers.RegexField(r"^[a-z]{2}(-[a-z]+)+-\d$", max_length=32)
    strategy = serializers.ChoiceField([*Strategy.choices, ("", "")], default="")
    capture = serializers.ChoiceField(
        [*Capture.choices, ("", "")], default="", help_text="Who notes what changes; empty: as this portal is set"
    )
    is_rehearsal = serializers.BooleanField(default=False)
    window_starts_at = serializers.DateTimeField(required=False, help_text="Default: the end of the notice")
    downtime_inr_an_hour = serializers.DecimalField(max_digits=14, decimal_places=2, min_value=0, required=False)
    is_downtime_forbidden = serializers.BooleanField(required=False, help_text="By the tenant's contract")


class MigrationInputSerializer(PlanInputSerializer):
    reason = serializers.CharField(max_length=1000)


class PassageSerializer(serializers.ModelSerializer[Passage]):
    class Meta:
        model = Passage
        exclude = ["migration"]


class RoundSerializer(serializers.ModelSerializer[Round]):
    class Meta:
        model = Round
        exclude = ["migration"]


class AttemptSerializer(serializers.ModelSerializer[Attempt]):
    class Meta:
        model = Attempt
        exclude = ["migration"]


class ReadingSerializer(serializers.ModelSerializer[Reading]):
    """How far the reads have moved: intended and observed, and what was seen of both sides."""

    observed = serializers.SerializerMethodField(help_text="Reads of this step's callers, by who answered")

    class Meta:
        model = Reading
        exclude = ["migration", "counters"]

    def get_observed(self, reading: Reading) -> dict[str, int]:
        blue, green = chart.observed(reading.points, reading.percent)
        return {"blue": blue, "green": green}


class ProblemReportSerializer(serializers.ModelSerializer[ProblemReport]):
    class Meta:
        model = ProblemReport
        exclude = ["migration"]


class MigrationSerializer(serializers.ModelSerializer[Migration]):
    name = serializers.CharField(source="__str__", read_only=True)
    requested_by = serializers.CharField(source="requested_by.username", read_only=True)

    class Meta:
        model = Migration
        exclude = ["number"]


class KeptGreenSerializer(serializers.Serializer[Any]):
    """Closed, with its logs and metrics, until somebody releases it. An amount that is not known is null."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField(help_text="Somebody is asked about it from here on")
    released_at = serializers.DateTimeField(allow_null=True)
    a_day_inr = serializers.DecimalField(max_digits=16, decimal_places=2, allow_null=True)
    so_far_inr = serializers.DecimalField(max_digits=16, decimal_places=2, allow_null=True)


class LossSerializer(serializers.ModelSerializer[Loss]):
    """What is, or would be, lost with a green that does not answer. A number that is not known is null."""

    accepted_by = serializers.CharField(source="accepted_by.username", read_only=True, allow_null=True, default=None)
    words = serializers.CharField(read_only=True)

    class Meta:
        model = Loss
        exclude = ["migration"]


class LossAcceptanceSerializer(ReasonSerializer):
    writes = serializers.CharField(max_length=20, help_text="The number that was shown, or `unknown`")


class MigrationDetailSerializer(MigrationSerializer):
    passages = PassageSerializer(many=True, read_only=True)
    attempts = AttemptSerializer(many=True, read_only=True)
    reading = ReadingSerializer(read_only=True, allow_null=True, default=None)
    kept_green = serializers.SerializerMethodField(help_text="What a roll-back left in the target, and its cost")
    way_out = serializers.SerializerMethodField(help_text="The copy to restore from, once a roll-back cannot finish")

    loss = serializers.SerializerMethodField(help_text="Once green does not answer")

    @extend_schema_field(LossSerializer(allow_null=True))
    def get_loss(self, migration: Migration) -> Any:
        found = loss_of(migration)
        return LossSerializer(found).data if found else None

    @extend_schema_field(KeptGreenSerializer(allow_null=True))
    def get_kept_green(self, migration: Migration) -> Any:
        kept = kept_of(migration)
        return KeptGreenSerializer(kept).data if kept else None

    def get_way_out(self, migration: Migration) -> dict[str, Any] | None:
        found = way_out(migration)
        return found.as_json() if found else None


class SignedRecordSerializer(serializers.Serializer[Any]):
    record = serializers.DictField(help_text="What was moved, and what was found equal")
    entry = serializers.CharField(help_text="The ledger's entry that says so, as it was sealed")
    receipt = serializers.CharField(help_text="The entry's `.tlog-proof`")


class MigrationFilter(ByKey):
    class Meta:
        model = Migration
        fields = ["state", "tenant", "source", "target", "strategy", "is_rehearsal"]


class MigrationViewSet(
    IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Migration]
):
    """Moves of live tenants."""

    filterset_class = MigrationFilter
    search_fields = ["tenant__name"]
    ordering_fields = ["number", "state", "created_at", "state_changed_at"]
    queryset = Migration.objects.none()

    def get_serializer_class(self) -> Any:
        return MigrationSerializer if self.action == "list" else MigrationDetailSerializer

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "migration.view")
        rows = Migration.objects.visible_to(actor_of(self.request)).select_related("requested_by", "tenant")
        if self.action != "list":
            rows = rows.select_related("reading").prefetch_related("passages", "attempts")
        return rows.order_by("-number")

    @extend_schema(request=MigrationInputSerializer, responses={201: MigrationDetailSerializer})
    def create(self, request: Request) -> Response:
        """Ask for a move: its plan is kept, and the signatures are asked for over exactly that."""
        given = asked(request, MigrationInputSerializer, "migration.request")
        made = actions.request(actor=actor_of(request), **given)
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(request=PlanInputSerializer, responses={200: dict})
    @action(detail=False, methods=["post"], url_path="plan")
    def dry_run(self, request: Request) -> Response:
        """What a move would meet, take and cost. Stores nothing."""
        given = asked(request, PlanInputSerializer, "migration.request")
        return Response(actions.plan_migration(actor=actor_of(request), **given).as_json())

    @extend_schema(request=ReasonSerializer, responses=MigrationDetailSerializer)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: Any = None) -> Response:
        return self._act(actions.start, request)

    @extend_schema(request=ReasonSerializer, responses=MigrationDetailSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: Any = None) -> Response:
        return self._act(actions.pause, request)

    @extend_schema(request=ReasonSerializer, responses=MigrationDetailSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: Any = None) -> Response:
        return self._act(actions.resume, request)

    @extend_schema(request=ReasonSerializer, responses=MigrationDetailSerializer)
    @action(detail=True, methods=["post"])
    def rollback(self, request: Request, pk: Any = None) -> Response:
        return self._act(actions.roll_back, request)

    @extend_schema(request=ReasonSerializer, responses=MigrationDetailSerializer)
    @action(detail=True, methods=["post"])
    def cancellation(self, request: Request, pk: Any = None) -> Response:
        return self._act(actions.cancel, request)

    @extend_schema(request=ReasonSerializer, responses=MigrationDetailSerializer)
    @action(detail=True, methods=["post"], url_path="green-release")
    def green_release(self, request: Request, pk: Any = None) -> Response:
        return self._act(actions.release_green, request)

    @extend_schema(request=LossAcceptanceSerializer, responses=MigrationDetailSerializer)
    @action(detail=True, methods=["post"], url_path="loss-acceptance")
    def loss_acceptance(self, request: Request, pk: Any = None) -> Response:
        """Go back to blue without what a silent green still has. Not by who asked for the move."""
        found = self.get_object()
        given = asked(request, LossAcceptanceSerializer, "migration.accept_loss", found)
        accept_loss(found.pk, actor=actor_of(request), **given)
        return Response(self.get_serializer(self.get_queryset().get(pk=found.pk)).data)

    @extend_schema(request=ReasonSerializer, responses={201: ProblemReportSerializer})
    @action(detail=True, methods=["post"])
    def problems(self, request: Request, pk: Any = None) -> Response:
        """Report that something is wrong with a tenant since its reads, or itself, moved. Once a person."""
        found = self.get_object()
        given = asked(request, ReasonSerializer, "migration.report", found)
        made = report_problem(found.pk, actor=actor_of(request), **given)
        return Response(ProblemReportSerializer(made).data, status=201)

    @extend_schema(responses=RoundSerializer(many=True))
    @action(detail=True, methods=["get"])
    def rounds(self, request: Request, pk: Any = None) -> Response:
        """The rounds, the newest first."""
        rows: Any = Round.objects.filter(migration=self.get_object()).order_by("-id")
        found: Any = self.paginate_queryset(rows)
        return self.get_paginated_response(RoundSerializer(found, many=True).data)

    @extend_schema(responses=SignedRecordSerializer, extensions={MORE: [409]})
    @action(detail=True, methods=["get"])
    def record(self, request: Request, pk: Any = None) -> HttpResponse:
        """The signed record, as `bailiwick-verify migration` reads it. 409 until the switch is done and anchored."""
        found = self.get_object()
        name = f'attachment; filename="{found}.json"'
        return HttpResponse(signed_record(found), "application/json", headers={"Content-Disposition": name})

    def _act(self, act: Any, request: Request) -> Response:
        found = self.get_object()
        given = asked(request, ReasonSerializer, "migration.operate", found)
        act(found.pk, actor=actor_of(request), **given)
        return Response(self.get_serializer(self.get_queryset().get(pk=found.pk)).data)


class PlaybookSerializer(serializers.ModelSerializer[Playbook]):
    class Meta:
        model = Playbook
        fields = "__all__"


class PlaybookInputSerializer(ReasonSerializer):
    strategy = serializers.ChoiceField(Strategy.choices, required=False)
    window_min_minutes = serializers.IntegerField(min_value=0, max_value=10_080, required=False)
    window_max_minutes = serializers.IntegerField(min_value=0, max_value=10_080, required=False)
    stability_hours = serializers.IntegerField(min_value=0, max_value=720, required=False)
    notice_days = serializers.IntegerField(min_value=0, max_value=90, required=False)
    engineer_hours = serializers.DecimalField(max_digits=6, decimal_places=1, min_value=0, required=False)
    engineer_inr_an_hour = serializers.DecimalField(
        max_digits=12, decimal_places=2, min_value=0, required=False, allow_null=True
    )
    transfer_inr_a_gb = serializers.DecimalField(
        max_digits=12, decimal_places=2, min_value=0, required=False, allow_null=True
    )


class PlaybookViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Playbook]):
    """How tenants of each tier are moved."""

    serializer_class = PlaybookSerializer
    filterset_fields = ["strategy"]
    ordering_fields = ["tier", "strategy"]
    queryset = Playbook.objects.none()

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "playbook.view")
        return Playbook.objects.order_by("tier__rank")

    @extend_schema(request=PlaybookInputSerializer, responses=PlaybookSerializer)
    def partial_update(self, request: Request, pk: Any = None) -> Response:
        found = self.get_object()
        given = asked(request, PlaybookInputSerializer, "playbook.edit", found)
        return Response(self.get_serializer(playbooks.edit_playbook(found.pk, actor=actor_of(request), **given)).data)


class RedFlagSerializer(serializers.ModelSerializer[RedFlag]):
    class Meta:
        model = RedFlag
        fields = "__all__"


class RedFlagInputSerializer(ReasonSerializer):
    kind = serializers.ChoiceField(RedFlag.Kind.choices)
    title = serializers.CharField(max_length=120)
    tenant_id = serializers.UUIDField(required=False, allow_null=True)
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()


class RedFlagViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[RedFlag]):
    """Times in which nothing is moved."""

    serializer_class = RedFlagSerializer
    filterset_fields = ["kind", "tenant"]
    ordering_fields = ["starts_at", "ends_at"]
    queryset = RedFlag.objects.none()

    def get_queryset(self) -> Any:
        actor = actor_of(self.request)
        policy.require(actor, "red_flag.view")
        return RedFlag.objects.order_by("-starts_at")

    @extend_schema(request=RedFlagInputSerializer, responses={201: RedFlagSerializer})
    def create(self, request: Request) -> Response:
        given = asked(request, RedFlagInputSerializer, "playbook.edit")
        return Response(self.get_serializer(playbooks.raise_flag(actor=actor_of(request), **given)).data, status=201)

    @extend_schema(request=ReasonSerializer, responses=RedFlagSerializer)
    @action(detail=True, methods=["post"])
    def lifting(self, request: Request, pk: Any = None) -> Response:
        found = self.get_object()
        given = asked(request, ReasonSerializer, "playbook.edit", found)
        return Response(self.get_serializer(playbooks.lift_flag(found.pk, actor=actor_of(request), **given)).data)


class FenceReportSerializer(StrictSerializer):
    """What a router sends: the epoch by which it routes, and how long its writers have waited."""

    epoch = serializers.IntegerField(min_value=0, max_value=2**62)
    seconds = serializers.FloatField(min_value=0, max_value=86_400)


class FenceKnownSerializer(serializers.Serializer[Any]):
    """Where the tenant is placed, so that whoever is behind can catch up."""

    noted = serializers.BooleanField(help_text="False: known already, or not of the epoch in force")
    region = serializers.CharField()
    routing_epoch = serializers.IntegerField()
    operation = serializers.CharField(allow_blank=True)


class FenceReportViewSet(IdempotentMixin, viewsets.GenericViewSet[Tenant]):
    """Fences that stay shut, as routers see them."""

    queryset = Tenant.objects.none()

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "fence.report")
        return Tenant.objects.visible_to(actor_of(self.request))

    @extend_schema(request=FenceReportSerializer, responses={202: FenceKnownSerializer})
    @action(detail=True, methods=["post"], url_path="fence-reports")
    def fence_reports(self, request: Request, pk: Any = None) -> Response:
        """Say that writers wait. Changes nothing: the portal's watchdog looks for itself, and only it may abort."""
        found = self.get_object()
        given = asked(request, FenceReportSerializer, "fence.report", found)
        return Response(report_fence(found.pk, actor=actor_of(request), **given), status=202)


routes = [
    ("migrations", MigrationViewSet, "migration"),
    ("tenants", FenceReportViewSet, "fence-report"),
    ("playbooks", PlaybookViewSet, "playbook"),
    ("red-flags", RedFlagViewSet, "red-flag"),
]
