"""REST of legal holds: placing one, its stores' answers, its release by two, its custodians, and refused attempts."""

from typing import Any

from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import policy
from portal.access.actor import actor_of
from portal.access.asking import asked, checked
from portal.access.idempotency import IdempotentMixin
from portal.lib.api import ByKey, ReasonSerializer, StrictSerializer

from . import actions, queries
from .models import GROUND, Custodian, Hold, Kind, RefusedAttempt, StoreHold

OPEN_TO_ALL = {
    "id", "number", "reference", "tenant", "tenant_name", "state", "ground", "placed_at", "active_at", "review_on",
    "released_at", "stores",
}  # fmt: skip


class HoldInputSerializer(StrictSerializer):
    """What is to be kept. `subject` is a person's identifier, of which only a keyed pseudonym is stored."""

    tenant_id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Kind.choices)
    matter = serializers.CharField(max_length=200)
    case_ref = serializers.CharField(max_length=100, required=False, allow_blank=True)
    subject = serializers.CharField(max_length=200, required=False, allow_blank=True)
    system = serializers.CharField(max_length=40, required=False, allow_blank=True)
    category = serializers.CharField(max_length=80, required=False, allow_blank=True)
    from_on = serializers.DateField(required=False, allow_null=True)
    until_on = serializers.DateField(required=False, allow_null=True)
    review_on = serializers.DateField(required=False, allow_null=True, help_text="Brings a reminder, never an end")
    custodians = serializers.ListField(
        child=serializers.CharField(max_length=150), max_length=50, required=False, help_text="Login names"
    )
    reason = serializers.CharField(max_length=500, help_text="Kept in the ledger: do not name the matter")


class NoFieldsSerializer(StrictSerializer):
    """Nothing is asked."""


class StoreHoldSerializer(serializers.ModelSerializer[StoreHold]):
    class Meta:
        model = StoreHold
        exclude = ["id", "hold"]


class CustodianSerializer(serializers.ModelSerializer[Custodian]):
    person = serializers.CharField(source="person.username", read_only=True)

    class Meta:
        model = Custodian
        exclude = ["id", "hold"]


class HoldSerializer(serializers.ModelSerializer[Hold]):
    """What counsel may read; everybody else gets the ground alone."""

    reference = serializers.CharField(source="__str__", read_only=True)
    ground = serializers.SerializerMethodField()
    tenant_name = serializers.CharField(source="tenant.name", read_only=True)
    placed_by = serializers.CharField(source="placed_by.username", read_only=True)
    release_asked_by = serializers.CharField(
        source="release_asked_by.username", read_only=True, allow_null=True, default=None
    )
    release_confirmed_by = serializers.CharField(
        source="release_confirmed_by.username", read_only=True, allow_null=True, default=None
    )
    stores = StoreHoldSerializer(many=True, read_only=True)
    custodians = CustodianSerializer(many=True, read_only=True)

    class Meta:
        model = Hold
        exclude = ["intent", "reviewed_on"]

    def get_ground(self, hold: Hold) -> str:
        return str(GROUND)

    def to_representation(self, hold: Hold) -> dict[str, Any]:
        said = super().to_representation(hold)
        if queries.may_read(hold, actor_of(self.context["request"])):
            return said
        return {name: value for name, value in said.items() if name in OPEN_TO_ALL}


class HoldFilter(ByKey):
    class Meta:
        model = Hold
        fields = ["tenant", "state"]


class Holds(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Hold]):
    """Legal holds: what is retained under law, and what every store says of it."""

    serializer_class = HoldSerializer
    filterset_class = HoldFilter
    ordering_fields = ["number", "placed_at", "review_on", "state"]
    queryset = Hold.objects.none()

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "hold.view")
        related = ("tenant__business_unit", "placed_by", "release_asked_by", "release_confirmed_by")
        found = Hold.objects.visible_to(actor_of(self.request)).select_related(*related)
        return found.prefetch_related(
            "stores", Prefetch("custodians", Custodian.objects.select_related("person"))
        ).order_by("-number")

    @extend_schema(request=HoldInputSerializer, responses={201: HoldSerializer})
    def create(self, request: Request) -> Response:
        given = asked(request, HoldInputSerializer, "hold.place")
        made = actions.place(given.pop("tenant_id"), actor=actor_of(request), **given)
        return Response(self._shown(made), status=201)

    @extend_schema(request=ReasonSerializer, responses=HoldSerializer)
    @action(detail=True, methods=["post"], url_path="release")
    def release(self, request: Request, pk: Any = None) -> Response:
        """Ask for the release; another person confirms it."""
        return self._act(actions.ask_release, "hold.release", request)

    @extend_schema(request=ReasonSerializer, responses=HoldSerializer)
    @action(detail=True, methods=["post"], url_path="release-withdrawal")
    def release_withdrawal(self, request: Request, pk: Any = None) -> Response:
        """Keep the hold after all."""
        return self._act(actions.withdraw_release, "hold.release", request)

    @extend_schema(request=ReasonSerializer, responses=HoldSerializer)
    @action(detail=True, methods=["post"], url_path="release-confirmation")
    def release_confirmation(self, request: Request, pk: Any = None) -> Response:
        """Confirm the release that another person asked for. It takes effect once it is sealed."""
        return self._act(actions.confirm_release, "hold.release", request)

    @extend_schema(request=ReasonSerializer, responses=HoldSerializer)
    @action(detail=True, methods=["post"])
    def reminder(self, request: Request, pk: Any = None) -> Response:
        """Remind the custodians who have not acknowledged."""
        return self._act(actions.remind, "hold.remind", request)

    @extend_schema(request=NoFieldsSerializer, responses=HoldSerializer)
    @action(detail=True, methods=["post"])
    def acknowledgement(self, request: Request, pk: Any = None) -> Response:
        """Acknowledge as a custodian that one keeps what is to be kept."""
        found = self.get_object()
        checked(request, NoFieldsSerializer)
        return Response(self._shown(actions.acknowledge(found.pk, actor=actor_of(request))))

    def _act(self, act: Any, verb: str, request: Request) -> Response:
        found = self.get_object()
        given = asked(request, ReasonSerializer, verb, found)
        return Response(self._shown(act(found.pk, actor=actor_of(request), **given)))

    def _shown(self, hold: Hold) -> Any:
        return self.get_serializer(self.get_queryset().get(pk=hold.pk)).data


class RefusedAttemptSerializer(serializers.ModelSerializer[RefusedAttempt]):
    tenant_name = serializers.CharField(source="tenant.name", read_only=True, allow_null=True, default=None)

    class Meta:
        model = RefusedAttempt
        exclude = ["version", "region_ref"]


class RefusedAttemptFilter(ByKey):
    class Meta:
        model = RefusedAttempt
        fields = ["tenant", "verb", "actor"]


class RefusedAttempts(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[RefusedAttempt]):
    """Who tried to destroy what is retained, when, and who refused."""

    serializer_class = RefusedAttemptSerializer
    filterset_class = RefusedAttemptFilter
    ordering_fields = ["at", "last_at", "verb"]
    queryset = RefusedAttempt.objects.none()

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "hold.view")
        return RefusedAttempt.objects.visible_to(actor_of(self.request)).select_related("tenant").order_by("-last_at")


routes = [("holds", Holds, "hold"), ("refused-attempts", RefusedAttempts, "refused-attempt")]
