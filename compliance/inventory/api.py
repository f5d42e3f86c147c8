"""REST of the inventory: stores of record, their removal by two, processors' statements, and what was found beside."""

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
from portal.lib.api import ReasonSerializer, StrictSerializer

from . import actions
from .models import Attestation, Finding, Kind, System


class SystemInputSerializer(StrictSerializer):
    """A store of record. A connected one names its region, connector and verifier; an expiring one its day."""

    name = serializers.CharField(max_length=60)
    title = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(choices=Kind.choices)
    processor = serializers.CharField(max_length=120)
    region = serializers.CharField(max_length=32, required=False, allow_blank=True)
    categories = serializers.ListField(child=serializers.CharField(max_length=40), max_length=40, required=False)
    connector = serializers.CharField(max_length=40, required=False, allow_blank=True)
    verifier = serializers.CharField(max_length=40, required=False, allow_blank=True)
    owner = serializers.CharField(max_length=150, required=False, allow_blank=True, help_text="Login name")
    expires_on = serializers.DateField(required=False, allow_null=True)
    containers = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField(max_length=300), max_length=500), required=False
    )
    reason = serializers.CharField(max_length=500)


class ProcessorStatementSerializer(StrictSerializer):
    """What a processor has signed: its text, or the SHA-256 of the document."""

    signed_by = serializers.CharField(max_length=200)
    expires_on = serializers.DateField()
    statement = serializers.CharField(max_length=20_000, required=False, allow_blank=True, trim_whitespace=False)
    digest = serializers.RegexField(r"^[0-9a-f]{64}\Z", required=False)
    reason = serializers.CharField(max_length=500)


class FindingListingSerializer(StrictSerializer):
    system = serializers.CharField(max_length=60, help_text="The name of the system it belongs to")
    reason = serializers.CharField(max_length=500)


class AttestationSerializer(serializers.ModelSerializer[Attestation]):
    added_by = serializers.CharField(source="added_by.username", read_only=True)

    class Meta:
        model = Attestation
        exclude = ["id", "system", "statement", "reminded_at"]


class SystemSerializer(serializers.ModelSerializer[System]):
    owner = serializers.CharField(source="owner.username", read_only=True, allow_null=True, default=None)
    removal_asked_by = serializers.CharField(
        source="removal_asked_by.username", read_only=True, allow_null=True, default=None
    )
    removal_confirmed_by = serializers.CharField(
        source="removal_confirmed_by.username", read_only=True, allow_null=True, default=None
    )
    attestations = AttestationSerializer(many=True, read_only=True)

    class Meta:
        model = System
        fields = "__all__"


class Systems(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[System]):
    """Stores of record: who processes what where, who erases it, and who looks afterwards."""

    serializer_class = SystemSerializer
    filterset_fields = ["name", "kind", "region", "state", "processor"]
    ordering_fields = ["name", "kind", "region", "added_at"]
    queryset = System.objects.none()

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "system.view")
        people = ("owner", "removal_asked_by", "removal_confirmed_by")
        found = System.objects.select_related(*people).prefetch_related("attestations__added_by")
        return found.order_by("name")

    @extend_schema(request=SystemInputSerializer, responses={201: SystemSerializer})
    def create(self, request: Request) -> Response:
        given = asked(request, SystemInputSerializer, "system.edit")
        return Response(self._shown(actions.add(actor=actor_of(request), **given).pk), status=201)

    @extend_schema(request=ReasonSerializer, responses=SystemSerializer)
    @action(detail=True, methods=["post"])
    def removal(self, request: Request, pk: Any = None) -> Response:
        """Ask for the removal; another person confirms it."""
        return self._act(actions.ask_removal, request)

    @extend_schema(request=ReasonSerializer, responses=SystemSerializer)
    @action(detail=True, methods=["post"], url_path="removal-withdrawal")
    def removal_withdrawal(self, request: Request, pk: Any = None) -> Response:
        """Keep the system listed after all."""
        return self._act(actions.withdraw_removal, request)

    @extend_schema(request=ReasonSerializer, responses=SystemSerializer)
    @action(detail=True, methods=["post"], url_path="removal-confirmation")
    def removal_confirmation(self, request: Request, pk: Any = None) -> Response:
        """Confirm the removal that another person asked for."""
        return self._act(actions.confirm_removal, request)

    @extend_schema(request=ProcessorStatementSerializer, responses={201: SystemSerializer})
    @action(detail=True, methods=["post"])
    def attestations(self, request: Request, pk: Any = None) -> Response:
        """Keep what the processor has signed."""
        return self._act(actions.attest, request, ProcessorStatementSerializer, status=201)

    def _act(self, act: Any, request: Request, form: Any = ReasonSerializer, status: int = 200) -> Response:
        found = self.get_object()
        given = asked(request, form, "system.edit", found)
        act(found.pk, actor=actor_of(request), **given)
        return Response(self._shown(found.pk), status=status)

    def _shown(self, key: Any) -> Any:
        return self.get_serializer(self.get_queryset().get(pk=key)).data


class SystemFindingSerializer(serializers.ModelSerializer[Finding]):
    state = serializers.CharField(read_only=True)

    class Meta:
        model = Finding
        fields = "__all__"


class Findings(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Finding]):
    """What exists and no system lists, and what could not be searched. Open ones stop every certificate."""

    serializer_class = SystemFindingSerializer
    filterset_fields = {"region": ["exact"], "kind": ["exact"], "resolved_at": ["isnull"]}
    ordering_fields = ["first_seen", "last_seen", "region", "kind"]
    queryset = Finding.objects.none()

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "system.view")
        return Finding.objects.order_by("-first_seen", "what")

    @extend_schema(request=FindingListingSerializer, responses=SystemFindingSerializer)
    @action(detail=True, methods=["post"])
    def listing(self, request: Request, pk: Any = None) -> Response:
        """Say to which listed system it belongs."""
        found = self.get_object()
        given = asked(request, FindingListingSerializer, "system.edit", found)
        made = actions.list_finding(found.pk, actor=actor_of(request), **given)
        return Response(self.get_serializer(made).data)


routes = [("systems", Systems, "system"), ("system-findings", Findings, "system-finding")]
