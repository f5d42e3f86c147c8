"""How a tenant's health reads over REST."""

from typing import Any

from rest_framework import serializers

from .words import BANDS


class PartSerializer(serializers.Serializer[Any]):
    """One part of the score; its points are null where it is not known."""

    name = serializers.CharField()
    points = serializers.IntegerField(allow_null=True)
    says = serializers.CharField()


class HealthSerializer(serializers.Serializer[Any]):
    """A tenant's health as last measured; the score is null where it is not known."""

    score = serializers.IntegerField(allow_null=True)
    band = serializers.ChoiceField(BANDS)
    parts = PartSerializer(source="lines", many=True)
    measured_at = serializers.DateTimeField(source="condition.read_at", allow_null=True, default=None)
    alarmed_at = serializers.DateTimeField(source="condition.alarmed_at", allow_null=True, default=None)
