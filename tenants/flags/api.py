"""REST of flags: the list in words, one verb per POST, what each tenant gets, and flagd's document."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import policy
from portal.access.actor import actor_of
from portal.access.asking import asked
from portal.access.idempotency import IdempotentMixin
from portal.lib.api import ReasonSerializer
from tenants.actions import user_named
from tenants.models import Tenant

from . import actions, flagd
from .models import Feature, Flag, Review, today
from .queries import answers_for, features_visible_to, flags_visible_to, living_tenants, reviews_visible_to
from .shapes import (
    ExposuresSerializer,
    FeatureSerializer,
    FeatureWriteSerializer,
    FlagChangeSerializer,
    FlagDefaultSerializer,
    FlagOverrideSerializer,
    FlagSerializer,
    GivenSerializer,
    NewFlagSerializer,
    NoOverrideSerializer,
    RelateSerializer,
    ReviewSerializer,
    RolloutSerializer,
    UnrelateSerializer,
)

EDIT, SWITCH = "flag.edit", "flag.switch"


class FlagFilter(django_filters.FilterSet):  # type: ignore[misc]
    is_archived = django_filters.BooleanFilter("archived_at", "isnull", exclude=True)
    is_stale = django_filters.BooleanFilter(method="filter_stale")

    class Meta:
        model = Flag
        fields = ["kind", "type", "is_off"]

    def filter_stale(self, found: QuerySet[Flag], name: str, value: bool) -> QuerySet[Flag]:
        stale = Flag.objects.filter(archived_at=None, expires_on__lt=today()).values("pk")
        return found.filter(pk__in=stale) if value else found.exclude(pk__in=stale)


class Flags(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Flag]):
    """Flags: what is being tried, for whom, by whom, and until when."""

    serializer_class = FlagSerializer
    filterset_class = FlagFilter
    queryset = Flag.objects.none()
    search_fields = ["key", "title", "purpose"]
    ordering_fields = ["key", "kind", "created_on", "expires_on"]

    def get_queryset(self) -> QuerySet[Flag]:
        policy.require(actor_of(self.request), "flag.view")
        found = flags_visible_to(actor_of(self.request)).select_related("owner")
        return found.prefetch_related("tier_rules", "relations").order_by("key")

    @extend_schema(request=NewFlagSerializer, responses={201: FlagSerializer})
    def create(self, request: Request) -> Response:
        given = asked(request, NewFlagSerializer, EDIT)
        flag = actions.create(actor=actor_of(request), **{**given, "owner": user_named(given["owner"])})
        return Response(self._read(flag.pk), status=201)

    @extend_schema(request=FlagChangeSerializer, responses=FlagSerializer)
    def partial_update(self, request: Request, pk: str = "") -> Response:
        """Change words, owner or end."""
        flag = self.get_object()
        given = asked(request, FlagChangeSerializer, EDIT, flag)
        if "owner" in given:
            given["owner"] = user_named(given["owner"])
        actions.change(flag.pk, actor=actor_of(request), **given)
        return Response(self._read(flag.pk))

    @extend_schema(request=RolloutSerializer, responses=FlagSerializer)
    @action(detail=True, methods=["post"])
    def rollout(self, request: Request, pk: str = "") -> Response:
        """Bring the rollout in a tier to its next step, or back to an earlier one."""
        return self._act(request, actions.set_rollout, RolloutSerializer)

    @extend_schema(request=FlagDefaultSerializer, responses=FlagSerializer)
    @action(detail=True, methods=["post"])
    def default(self, request: Request, pk: str = "") -> Response:
        """Set what a tier, or everybody, gets without any rule."""
        return self._act(request, actions.set_default, FlagDefaultSerializer)

    @extend_schema(request=FlagOverrideSerializer, responses=FlagSerializer)
    @action(detail=True, methods=["post"])
    def override(self, request: Request, pk: str = "") -> Response:
        """Give one tenant a variant of its own."""
        return self._act(request, actions.override, FlagOverrideSerializer)

    @extend_schema(request=NoOverrideSerializer, responses=FlagSerializer)
    @action(detail=True, methods=["post"], url_path="override-removal")
    def override_removal(self, request: Request, pk: str = "") -> Response:
        """Let a tenant get what its tier gets again."""
        return self._act(request, actions.remove_override, NoOverrideSerializer)

    @extend_schema(request=RelateSerializer, responses=FlagSerializer)
    @action(detail=True, methods=["post"])
    def relation(self, request: Request, pk: str = "") -> Response:
        """Let it need, or exclude, another flag."""
        return self._act(request, actions.relate, RelateSerializer)

    @extend_schema(request=UnrelateSerializer, responses=FlagSerializer)
    @action(detail=True, methods=["post"], url_path="relation-removal")
    def relation_removal(self, request: Request, pk: str = "") -> Response:
        return self._act(request, actions.unrelate, UnrelateSerializer)

    @extend_schema(request=ReasonSerializer, responses=FlagSerializer)
    @action(detail=True, methods=["post"])
    def off(self, request: Request, pk: str = "") -> Response:
        """Switch it off for everybody."""
        return self._act(request, actions.switch_off, ReasonSerializer, SWITCH)

    @extend_schema(request=ReasonSerializer, responses=FlagSerializer)
    @action(detail=True, methods=["post"])
    def on(self, request: Request, pk: str = "") -> Response:
        """Let its rules count again."""
        return self._act(request, actions.switch_on, ReasonSerializer, SWITCH)

    @extend_schema(request=ReasonSerializer, responses=FlagSerializer)
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str = "") -> Response:
        """Write what every tenant has into the configuration of tiers and tenants."""
        return self._act(request, actions.move_to_configuration, ReasonSerializer, "configuration.edit_tier")

    @extend_schema(request=ReasonSerializer, responses=FlagSerializer)
    @action(detail=True, methods=["post"])
    def archival(self, request: Request, pk: str = "") -> Response:
        """Retire it."""
        return self._act(request, actions.archive, ReasonSerializer)

    def _act(self, request: Request, act: Any, form: type[serializers.Serializer[Any]], verb: str = EDIT) -> Response:
        flag = self.get_object()
        act(flag.pk, actor=actor_of(request), **asked(request, form, verb, flag))
        return Response(self._read(flag.pk))

    def _read(self, key: str) -> Any:
        return self.get_serializer(self.get_queryset().get(pk=key)).data

    @extend_schema(responses=GivenSerializer(many=True), filters=False)
    @action(detail=True, filter_backends=[])
    def tenants(self, request: Request, pk: str = "") -> Response:
        """What each tenant that the caller may see gets of it, and why."""
        flag = self.get_object()
        visible = Tenant.objects.visible_to(actor_of(request)).filter(pk__in=living_tenants().values("pk"))
        page = self.paginate_queryset(visible.order_by("name")) or []
        answers = answers_for(page)
        rows = [
            {"tenant_id": one.pk, "tenant": one.name, **found.public(), "because": found.because}
            for one in page
            if (found := answers[one.pk].get(flag.key))
        ]
        return self.get_paginated_response(GivenSerializer(rows, many=True).data)

    @extend_schema(responses={200: dict}, filters=False)
    @action(detail=False, pagination_class=None, filter_backends=[])
    def export(self, request: Request) -> Response:
        """Everything as flagd's own document."""
        policy.require(actor_of(request), "flag.export")
        return Response(flagd.document())

    @extend_schema(request=ExposuresSerializer, responses={200: None})
    @action(detail=False, methods=["post"])
    def exposures(self, request: Request) -> Response:
        """What a platform measured under each variant since it last said so."""
        given = asked(request, ExposuresSerializer, "flag.report")
        return Response({"taken": actions.report(given["exposures"], actor=actor_of(request))})


class Features(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Feature]):
    """What each tier includes. A POST says what a feature is and which tiers include it: exactly these."""

    serializer_class = FeatureSerializer
    queryset = Feature.objects.none()
    ordering_fields = ["code", "title"]

    def get_queryset(self) -> QuerySet[Feature]:
        policy.require(actor_of(self.request), "tier.view")
        return features_visible_to(actor_of(self.request)).prefetch_related("in_tiers").order_by("code")

    @extend_schema(request=FeatureWriteSerializer, responses={200: FeatureSerializer})
    def create(self, request: Request) -> Response:
        given = asked(request, FeatureWriteSerializer, "tier.edit")
        return Response(self.get_serializer(actions.set_feature(actor=actor_of(request), **given)).data)


class Reviews(IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Review]):
    """Monthly reviews of the flags."""

    serializer_class = ReviewSerializer
    queryset = Review.objects.none()
    ordering_fields = ["month"]

    def get_queryset(self) -> QuerySet[Review]:
        policy.require(actor_of(self.request), "flag_review.view")
        return reviews_visible_to(actor_of(self.request))

    @extend_schema(request=ReasonSerializer, responses={201: ReviewSerializer})
    def create(self, request: Request) -> Response:
        """Close this month's review with its conclusion."""
        given = asked(request, ReasonSerializer, "flag_review.edit")
        return Response(self.get_serializer(actions.review(actor=actor_of(request), **given)).data, status=201)


routes = [
    ("flags", Flags, "flag"),
    ("features", Features, "feature"),
    ("flag-reviews", Reviews, "flag-review"),
]
