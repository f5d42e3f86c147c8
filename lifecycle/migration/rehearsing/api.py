"""REST of rehearsals, and of which tiers need one."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import policy
from portal.access.actor import actor_of
from portal.access.asking import asked
from portal.access.idempotency import IdempotentMixin
from portal.lib.api import ByKey, ReasonSerializer

from . import actions
from .models import Rehearsal, RehearsalDemand


class RehearsalInputSerializer(ReasonSerializer):
    tenant_id = serializers.UUIDField()
    target = serializers.RegexField(r"^[a-z]{2}(-[a-z]+)+-\d$", max_length=32)


class RehearsalSerializer(serializers.ModelSerializer[Rehearsal]):
    name = serializers.CharField(source="__str__", read_only=True)

    class Meta:
        model = Rehearsal
        exclude = ["number"]


class RehearsalFilter(ByKey):
    class Meta:
        model = Rehearsal
        fields = ["tenant", "target", "ok"]


class RehearsalViewSet(
    IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Rehearsal]
):
    """Moves of clones, before their originals are moved."""

    serializer_class = RehearsalSerializer
    filterset_class = RehearsalFilter
    search_fields = ["tenant__name"]
    ordering_fields = ["number", "created_at", "at"]
    queryset = Rehearsal.objects.none()

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "migration.view")
        return Rehearsal.objects.visible_to(actor_of(self.request)).order_by("-number")

    @extend_schema(request=RehearsalInputSerializer, responses={201: RehearsalSerializer})
    def create(self, request: Request) -> Response:
        """Ask for a clone, which holds the same data, and have its move to the target rehearsed."""
        given = asked(request, RehearsalInputSerializer, "migration.rehearse")
        made = actions.rehearse(actor=actor_of(request), **given)
        return Response(self.get_serializer(made).data, status=201)


class DemandSerializer(serializers.ModelSerializer[RehearsalDemand]):
    class Meta:
        model = RehearsalDemand
        fields = "__all__"


class DemandInputSerializer(ReasonSerializer):
    days = serializers.IntegerField(min_value=0, max_value=365)


class DemandViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[RehearsalDemand]):
    """After how many days a rehearsal counts no more, by tier; 0 asks for none."""

    serializer_class = DemandSerializer
    ordering_fields = ["tier", "days"]
    queryset = RehearsalDemand.objects.none()

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "playbook.view")
        return RehearsalDemand.objects.order_by("tier__rank")

    @extend_schema(request=DemandInputSerializer, responses=DemandSerializer)
    def partial_update(self, request: Request, pk: Any = None) -> Response:
        found = self.get_object()
        given = asked(request, DemandInputSerializer, "playbook.edit", found)
        return Response(self.get_serializer(actions.demand(found.pk, actor=actor_of(request), **given)).data)


routes = [
    ("rehearsals", RehearsalViewSet, "rehearsal"),
    ("rehearsal-demands", DemandViewSet, "rehearsal-demand"),
]
