"""What every API list and write shares: strict JSON, paging, refusal of unknown fields and filters."""

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import QuerySet
from django_filters.rest_framework import CharFilter, DjangoFilterBackend, FilterSet, UUIDFilter
from django_filters.utils import translate_validation
from rest_framework import parsers, serializers
from rest_framework.exceptions import ParseError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request

from .errors import Invalid, TooLarge

if TYPE_CHECKING:  # rest_framework.views reads its settings, which name this module
    from rest_framework.views import APIView

MAX_BODY = 262_144


class StrictJSONParser(parsers.JSONParser):
    """JSON without NaN, duplicate keys, NUL characters, half surrogate pairs or bodies over 256 KB."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        raw = stream.read(MAX_BODY + 1)
        if len(raw) > MAX_BODY:
            raise TooLarge(f"The body is over {MAX_BODY // 1024} KB.")
        if b"\\u0000" in raw or b"\x00" in raw:
            raise ParseError("NUL characters are not accepted.")
        try:
            found = json.loads(
                raw.decode("utf-8"),
                object_pairs_hook=_no_duplicates,
                parse_constant=_no_constant,
                parse_float=_finite,
            )
            if b"\\u" in raw:  # half of an escaped pair is no text: no answer could name it and no table keep it
                json.dumps(found, ensure_ascii=False).encode()
            return found
        except (ValueError, RecursionError) as error:
            raise ParseError(f"Not valid JSON: {error}") from error


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key appears twice")
    return dict(pairs)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"{digits[:20]} is beyond all numbers")
    return value


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer that names unknown fields instead of ignoring them."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = sorted(set(data) - set(self.fields))
            if unknown:
                raise serializers.ValidationError({name: ["This field is not known here."] for name in unknown})
        return super().to_internal_value(data)


class ReasonSerializer(StrictSerializer):
    """Body of every verb that needs to say why."""

    reason = serializers.CharField(max_length=1000)


class Pages(PageNumberPagination):
    page_size_query_param = "page_size"
    max_page_size = 200


class ByKey(FilterSet):  # type: ignore[misc]
    """Filters by what another row is called without looking that row up: one of somebody else and none answer alike."""

    @classmethod
    def filter_for_lookup(cls, field: Any, lookup_type: str) -> Any:
        if isinstance(field, models.ForeignKey) and lookup_type == "exact":
            is_uuid = isinstance(field.target_field, models.UUIDField)
            return (UUIDFilter if is_uuid else CharFilter), {}
        return super().filter_for_lookup(field, lookup_type)


class KnownFilters(DjangoFilterBackend):  # type: ignore[misc]  # it ships no types
    """Filters a list; a parameter nobody declared is an error instead of a silently unfiltered list."""

    filterset_base = ByKey
    ALWAYS = frozenset({"page", "page_size", "ordering", "search", "format"})

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: "APIView") -> QuerySet[Any]:
        if not request.query_params:  # building the form is a fifth of what a plain GET takes
            return queryset
        filterset: Any = self.get_filterset(request, queryset, view)
        declared = set(filterset.form.fields) if filterset else set()
        unknown = sorted(set(request.query_params) - declared - self.ALWAYS)
        if unknown:
            known = ", ".join(sorted(declared | self.ALWAYS - {"format"}))
            raise Invalid(fields=dict.fromkeys(unknown, f"not a filter of this list; known: {known}"))
        return queryset if filterset is None else _filtered(filterset)


def _filtered(filterset: Any) -> QuerySet[Any]:
    """Apply it with instants in UTC: Python reads offsets of almost a day, PostgreSQL none of 16 hours or more."""
    if not filterset.is_valid():
        raise translate_validation(filterset.errors)
    given = filterset.form.cleaned_data
    for name, value in given.items():
        if isinstance(value, datetime):
            try:
                given[name] = value.astimezone(UTC)
            except OverflowError:
                raise Invalid(fields={name: "an instant between the years 1 and 9999"}) from None
    found: QuerySet[Any] = filterset.qs
    return found


class BoundOnce(serializers.Serializer[Any]):
    """Reads through fields that are made and bound once per class: making forty takes longer than reading them.

    For serializers whose fields do not look at the request. Writing binds its own, as always.
    """

    @property
    def _readable_fields(self) -> list[serializers.Field[Any, Any, Any, Any]]:
        kept: list[Any] | None = type(self).__dict__.get("_bound")
        if kept is None:
            kept = [field for field in type(self)().fields.values() if not field.write_only]
            type(self)._bound = kept  # type: ignore[attr-defined]
        return kept
