"""REST of the lifecycle: tenant requests, their estimate, validations, incidents."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import policy
from portal.access.actor import actor_of
from portal.access.asking import asked
from portal.access.idempotency import IdempotentMixin
from portal.access.models import User
from portal.access.queries import scope_filter
from portal.access.reading import ReadWithReason
from portal.lib.api import ByKey, ReasonSerializer, StrictSerializer
from portal.lib.errors import Invalid, NotAllowed
from portal.lib.money import CEILING, parse_inr
from tenants import queries as registry
from tenants.models import NAME_PATTERN, BusinessUnit, DataClass, Geography, Tier

from . import queries
from .actions import incidents, requests, validations
from .models import Incident, TenantRequest, ValidationCheck, ValidationRun


@extend_schema_field({"type": "string", "pattern": r"^\d+(\.\d{1,2})?$", "example": "1200000.00"})
class InrField(serializers.Field[Any, Any, Any, Any]):
    """Rupees as a string of digits with at most two decimals; never a float."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            return parse_inr(data)
        except Invalid as refusal:
            raise serializers.ValidationError(next(iter(refusal.fields.values()))) from refusal

    def to_representation(self, value: Any) -> str:
        return f"{value:.2f}"


def person_field() -> Any:
    """Somebody who signs in, by login name."""
    people = User.objects.filter(is_active=True, is_service=False)
    message = {"does_not_exist": "nobody signs in by this name", "invalid": "give a login name"}
    return serializers.SlugRelatedField(slug_field="username", queryset=people, error_messages=message)


class OwnUnitField(serializers.PrimaryKeyRelatedField[BusinessUnit]):
    """A business unit the caller may ask in; one that is not theirs and one that is not there answer alike."""

    def to_internal_value(self, data: Any) -> BusinessUnit:
        units = {unit.pk: unit for unit in registry.units_for(actor_of(self.context["request"]))}
        if not isinstance(data, str) or data not in units:
            raise NotAllowed("You may not ask for a tenant of this business unit, if there is one.")
        return units[data]


class EstimateInputSerializer(StrictSerializer):
    """The part of a request that decides cost, policy and signatures."""

    business_unit = OwnUnitField(queryset=BusinessUnit.objects.all())
    tier = serializers.PrimaryKeyRelatedField(queryset=Tier.objects.filter(is_offered=True))
    region = serializers.RegexField(r"^[a-z]{2}(-[a-z]+)+-\d$", max_length=32)
    geography = serializers.ChoiceField(Geography.choices)
    data_classes = serializers.ListField(child=serializers.ChoiceField(DataClass.choices), default=list, max_length=8)
    profiles = serializers.ListField(child=serializers.CharField(max_length=16), default=list, max_length=8)
    integrations = serializers.ListField(child=serializers.SlugField(max_length=40), default=list, max_length=8)
    vector_provider = serializers.ChoiceField(["pinecone", "pgvector", "weaviate", ""], default="")
    expected_users = serializers.IntegerField(min_value=1, max_value=10_000_000)
    expected_documents = serializers.IntegerField(min_value=0, max_value=1_000_000_000)
    expected_queries_per_day = serializers.IntegerField(min_value=0, max_value=1_000_000_000, default=0)
    annual_budget_inr = InrField(help_text=f"INR a year, at most {CEILING}")


class RequestInputSerializer(EstimateInputSerializer):
    name = serializers.RegexField(
        NAME_PATTERN,
        error_messages={"invalid": "3 to 32 lower-case letters, digits and hyphens, starting with a letter"},
    )
    display_name = serializers.CharField(max_length=120)
    environment = serializers.ChoiceField(["dev", "staging", "prod"], default="prod")
    cost_centre = serializers.RegexField(r"^[A-Z0-9-]{2,32}$", required=False)
    owner = person_field()
    champion = person_field()
    justification = serializers.CharField(max_length=4000)
    expires_on = serializers.DateField(required=False, allow_null=True)
    submit = serializers.BooleanField(default=True)


class RequestSerializer(ReadWithReason, serializers.ModelSerializer[TenantRequest]):
    registry = ("id", "tenant_id", "name", "display_name", "business_unit", "tier", "region", "state", "created_at")
    requested_by = serializers.CharField(source="requested_by.username", read_only=True)
    owner = serializers.CharField(source="owner.username", read_only=True)
    champion = serializers.CharField(source="champion.username", read_only=True)

    class Meta:
        model = TenantRequest
        exclude = ["accepted_by"]


class RequestFilter(ByKey):
    class Meta:
        model = TenantRequest
        fields = ["state", "business_unit", "tier", "region", "name"]


class RollBackSerializer(ReasonSerializer):
    confirmed = serializers.BooleanField(default=False, help_text="Remove real data too")


class ItemSerializer(ReasonSerializer):
    item = serializers.IntegerField(min_value=0)


class TenantRequestViewSet(
    IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[TenantRequest]
):
    """Ask for a tenant, and follow the request until it is active."""

    serializer_class = RequestSerializer
    filterset_class = RequestFilter
    search_fields = ["name", "display_name"]
    ordering_fields = ["created_at", "name", "state", "counted_inr"]
    queryset = TenantRequest.objects.none()

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "request.view")
        related = ("requested_by", "owner", "champion")
        return TenantRequest.objects.visible_to(actor_of(self.request)).select_related(*related).order_by("-created_at")

    @extend_schema(request=RequestInputSerializer, responses={201: RequestSerializer})
    def create(self, request: Request) -> Response:
        fields = asked(request, RequestInputSerializer, "request.create")
        made = requests.create(actor=actor_of(request), submit_now=fields.pop("submit"), **fields)
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(request=EstimateInputSerializer, responses={200: dict})
    @action(detail=False, methods=["post"])
    def estimate(self, request: Request) -> Response:
        """Cost, verdicts and signatures of a request that is still being typed. Stores nothing."""
        return Response(queries.preview(asked(request, EstimateInputSerializer, "request.create")))

    @extend_schema(request=None, responses=RequestSerializer)
    @action(detail=True, methods=["post"])
    def submission(self, request: Request, pk: Any = None) -> Response:
        found = requests.submit(self.get_object().pk, actor=actor_of(request))
        return Response(self.get_serializer(found).data)

    @extend_schema(request=ReasonSerializer, responses=RequestSerializer)
    @action(detail=True, methods=["post"])
    def cancellation(self, request: Request, pk: Any = None) -> Response:
        return self._act(requests.cancel, ReasonSerializer, "request.cancel", request)

    @extend_schema(request=ReasonSerializer, responses=RequestSerializer)
    @action(detail=True, methods=["post"])
    def acceptance(self, request: Request, pk: Any = None) -> Response:
        return self._act(requests.accept, ReasonSerializer, "request.accept", request)

    @extend_schema(request=RollBackSerializer, responses=RequestSerializer)
    @action(detail=True, methods=["post"], url_path="roll-back")
    def roll_back(self, request: Request, pk: Any = None) -> Response:
        return self._act(requests.roll_back, RollBackSerializer, "request.roll_back", request)

    @extend_schema(request=ItemSerializer, responses=RequestSerializer)
    @action(detail=True, methods=["post"])
    def checklist(self, request: Request, pk: Any = None) -> Response:
        found = self.get_object()
        given = asked(request, ItemSerializer, "request.manual", found)
        ticket = requests.tick_item(found.pk, given["item"], actor=actor_of(request), reason=given["reason"])
        return Response({"reference": ticket.reference, "items": ticket.items, "closed_at": ticket.closed_at})

    def _act(self, act: Any, shape: Any, verb: str, request: Request) -> Response:
        found = self.get_object()
        given = asked(request, shape, verb, found)
        return Response(self.get_serializer(act(found.pk, actor=actor_of(request), **given)).data)


class CheckSerializer(serializers.ModelSerializer[ValidationCheck]):
    class Meta:
        model = ValidationCheck
        exclude = ["run"]


class ValidationSerializer(serializers.ModelSerializer[ValidationRun]):
    checks = CheckSerializer(many=True, read_only=True)

    class Meta:
        model = ValidationRun
        fields = "__all__"


class ValidateSerializer(ReasonSerializer):
    tenant_id = serializers.UUIDField()


class StartedSerializer(serializers.Serializer[Any]):
    job_id = serializers.UUIDField()


class ValidationViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[ValidationRun]):
    """Runs of the nine checks, with evidence."""

    serializer_class = ValidationSerializer
    filterset_fields = ["tenant_id", "request", "outcome", "trigger"]
    ordering_fields = ["started_at"]
    queryset = ValidationRun.objects.none()

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "request.view")
        reach = queries.reach(actor_of(self.request), "request.view")
        return ValidationRun.objects.filter(reach).prefetch_related("checks").order_by("-started_at")

    @extend_schema(request=ValidateSerializer, responses={202: StartedSerializer})
    def create(self, request: Request) -> Response:
        """Validate an active tenant now; the run appears here when its job begins."""
        job = validations.validate_now(actor=actor_of(request), **asked(request, ValidateSerializer, "tenant.validate"))
        return Response({"job_id": job.pk}, status=202)


class IncidentSerializer(serializers.ModelSerializer[Incident]):
    class Meta:
        model = Incident
        fields = "__all__"


class IncidentViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Incident]):
    """Possible breaches, with their notification clock."""

    serializer_class = IncidentSerializer
    filterset_fields = ["tenant_id", "severity"]
    ordering_fields = ["opened_at"]
    queryset = Incident.objects.none()

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "incident.view")
        reach = scope_filter(actor_of(self.request), policy.VERBS["incident.view"], tenant="tenant_id")
        return Incident.objects.filter(reach).order_by("-opened_at")

    @extend_schema(request=ReasonSerializer, responses=IncidentSerializer)
    @action(detail=True, methods=["post"])
    def resolution(self, request: Request, pk: Any = None) -> Response:
        found = self.get_object()
        given = asked(request, ReasonSerializer, "incident.resolve", found)
        found = incidents.resolve(found.pk, actor=actor_of(request), **given)
        return Response(self.get_serializer(found).data)


routes = [
    ("tenant-requests", TenantRequestViewSet, "tenant-request"),
    ("validations", ValidationViewSet, "validation"),
    ("incidents", IncidentViewSet, "incident"),
]
