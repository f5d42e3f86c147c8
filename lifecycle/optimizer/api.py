"""REST of the optimizer: findings, who answers for one, the changes asked for because of them, and scans."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
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

from . import actions, printing
from .models import Finding, FindingChange, FindingException, Scan


class FindingExceptionInputSerializer(StrictSerializer):
    """Who answers for a finding, and until when."""

    owner = serializers.CharField(max_length=150, help_text="Login name")
    expires_on = serializers.DateField()
    reason = serializers.CharField(max_length=500)


class FindingChangeInputSerializer(StrictSerializer):
    justification = serializers.CharField(max_length=1000)


class FindingExceptionSerializer(serializers.ModelSerializer[FindingException]):
    owner = serializers.CharField(source="owner.username", read_only=True)

    class Meta:
        model = FindingException
        fields = "__all__"


class OptimizerFindingSerializer(serializers.ModelSerializer[Finding]):
    class Meta:
        model = Finding
        fields = "__all__"


class FindingChangeSerializer(serializers.ModelSerializer[FindingChange]):
    requested_by = serializers.CharField(source="requested_by.username", read_only=True)

    class Meta:
        model = FindingChange
        fields = "__all__"


class OptimizerScanSerializer(serializers.ModelSerializer[Scan]):
    class Meta:
        model = Scan
        exclude = ["doubts"]


class FindingFilter(ByKey):
    class Meta:
        model = Finding
        fields = ["state", "category", "rule", "region", "resource", "environment", "tenant", "confidence", "saves"]


class Findings(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Finding]):
    """Where the account wastes money and where it stands open, the dearest first."""

    serializer_class = OptimizerFindingSerializer
    filterset_class = FindingFilter
    ordering_fields = ["monthly_inr", "rule", "resource", "first_seen", "last_seen"]
    search_fields = ["resource", "title", "rule"]
    queryset = Finding.objects.none()

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "finding.view")
        return Finding.objects.visible_to(actor_of(self.request))

    @extend_schema(request=FindingExceptionInputSerializer, responses={201: FindingExceptionSerializer})
    @action(detail=True, methods=["post"])
    def exception(self, request: Request, pk: Any = None) -> Response:
        """Let it stand until a day; its owner answers for it."""
        found = self.get_object()
        given = asked(request, FindingExceptionInputSerializer, "finding.except", found)
        made = actions.make_exception(found.pk, actor=actor_of(request), **given)
        return Response(FindingExceptionSerializer(made).data, status=201)

    @extend_schema(request=ReasonSerializer, responses=OptimizerFindingSerializer)
    @action(detail=True, methods=["post"], url_path="exception-end")
    def exception_end(self, request: Request, pk: Any = None) -> Response:
        """Open it again before that day."""
        found = self.get_object()
        given = asked(request, ReasonSerializer, "finding.except", found)
        return Response(self.get_serializer(actions.end_exception(found.pk, actor=actor_of(request), **given)).data)

    @extend_schema(request=FindingChangeInputSerializer, responses={201: FindingChangeSerializer})
    @action(detail=True, methods=["post"])
    def change(self, request: Request, pk: Any = None) -> Response:
        """Ask for the change that it proposes; it is signed as it stands."""
        found = self.get_object()
        given = asked(request, FindingChangeInputSerializer, "finding.propose", found)
        made = actions.propose(found.pk, actor=actor_of(request), **given)
        return Response(FindingChangeSerializer(made).data, status=201)


class FindingChanges(
    IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[FindingChange]
):
    """Changes that were asked for because of findings: signed, applied, and what they really save."""

    serializer_class = FindingChangeSerializer
    filterset_fields = {"state": ["exact"]}
    ordering_fields = ["created_at", "applied_at", "monthly_inr", "realised_inr"]
    queryset = FindingChange.objects.none()

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "finding.view")
        return FindingChange.objects.select_related("requested_by").order_by("-created_at")

    @extend_schema(request=ReasonSerializer, responses=FindingChangeSerializer)
    @action(detail=True, methods=["post"])
    def cancellation(self, request: Request, pk: Any = None) -> Response:
        found = self.get_object()
        given = asked(request, ReasonSerializer, "finding.propose", found)
        return Response(self.get_serializer(actions.withdraw(found.pk, actor=actor_of(request), **given)).data)


class Scans(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Scan]):
    """Scans: what each looked at, what it could not see, and the digest of its report."""

    serializer_class = OptimizerScanSerializer
    filterset_fields = {"outcome": ["exact"]}
    ordering_fields = ["at", "findings"]
    queryset = Scan.objects.none()

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "finding.view")
        return Scan.objects.order_by("-at")

    @extend_schema(request=ReasonSerializer, responses={201: OptimizerScanSerializer})
    def create(self, request: Request) -> Response:
        """Look at the configured account now."""
        given = asked(request, ReasonSerializer, "finding.scan")
        made = actions.start_scan(actor=actor_of(request), **given)
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(responses={(200, "application/pdf"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"])
    def pdf(self, request: Request, pk: Any = None) -> HttpResponse:
        """The report on paper."""
        found = self.get_object()
        name = {"Content-Disposition": f'attachment; filename="findings-{found.at:%Y-%m-%d}.pdf"'}
        return HttpResponse(printing.as_pdf(found), "application/pdf", headers=name)


routes = [
    ("findings", Findings, "finding"),
    ("finding-changes", FindingChanges, "finding-change"),
    ("optimizer-scans", Scans, "optimizer-scan"),
]
