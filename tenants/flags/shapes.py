"""What flags, features and reviews look like in JSON, in both directions."""

from typing import Any

from rest_framework import serializers

from portal.lib.api import BoundOnce, StrictSerializer

from .models import KEY_PATTERN, STEPS, Feature, Flag, Kind, Relation, Review, TierRule, ValueType

VARIANT = r"^[a-z][a-z0-9_-]{0,39}$"


class TierRuleSerializer(serializers.ModelSerializer[TierRule]):
    class Meta:
        model = TierRule
        fields = ["tier", "variant", "percent", "percent_since"]


class RelationSerializer(serializers.ModelSerializer[Relation]):
    class Meta:
        model = Relation
        fields = ["other", "word"]


class FlagSerializer(BoundOnce, serializers.ModelSerializer[Flag]):
    owner = serializers.CharField(source="owner.username", read_only=True)
    is_stale = serializers.BooleanField(read_only=True)
    tiers = TierRuleSerializer(source="tier_rules", many=True, read_only=True)
    relations = RelationSerializer(many=True, read_only=True)
    variants = serializers.DictField(read_only=True)

    class Meta:
        model = Flag
        exclude = ["created_by"]


class NewFlagSerializer(StrictSerializer):
    key = serializers.RegexField(KEY_PATTERN)
    kind = serializers.ChoiceField(Kind.choices, default=Kind.RELEASE)
    type = serializers.ChoiceField(ValueType.choices, default=ValueType.BOOLEAN)
    title = serializers.CharField(max_length=120)
    purpose = serializers.CharField(max_length=500)
    consequence = serializers.CharField(max_length=500, required=False)
    owner = serializers.CharField(max_length=150, help_text="Login name of a person")
    variants = serializers.DictField(required=False, help_text='Default: {"on": true, "off": false}')
    off_variant = serializers.RegexField(VARIANT, default="off")
    default_variant = serializers.RegexField(VARIANT, required=False)
    rollout_variant = serializers.RegexField(VARIANT, required=False)
    expires_on = serializers.DateField(required=False, help_text="At most 90 days ahead, which is the default")
    reason = serializers.CharField(max_length=500)


class FlagChangeSerializer(StrictSerializer):
    title = serializers.CharField(max_length=120, required=False)
    purpose = serializers.CharField(max_length=500, required=False)
    consequence = serializers.CharField(max_length=500, required=False)
    owner = serializers.CharField(max_length=150, required=False)
    expires_on = serializers.DateField(required=False)
    reason = serializers.CharField(max_length=500)


class RolloutSerializer(StrictSerializer):
    tier = serializers.SlugField(max_length=32)
    percent = serializers.ChoiceField(STEPS)
    reason = serializers.CharField(max_length=500)


class FlagDefaultSerializer(StrictSerializer):
    tier = serializers.SlugField(max_length=32, required=False, help_text="None: everybody's default")
    variant = serializers.RegexField(VARIANT, allow_blank=True, help_text="Empty: end the tier's own default")
    reason = serializers.CharField(max_length=500)


class FlagOverrideSerializer(StrictSerializer):
    tenant_id = serializers.UUIDField()
    variant = serializers.RegexField(VARIANT)
    reason = serializers.CharField(max_length=500)


class NoOverrideSerializer(StrictSerializer):
    tenant_id = serializers.UUIDField()
    reason = serializers.CharField(max_length=500)


class RelateSerializer(StrictSerializer):
    other = serializers.RegexField(KEY_PATTERN)
    word = serializers.ChoiceField(Relation.Word.choices)
    reason = serializers.CharField(max_length=500)


class UnrelateSerializer(StrictSerializer):
    other = serializers.RegexField(KEY_PATTERN)
    reason = serializers.CharField(max_length=500)


class GivenSerializer(serializers.Serializer[Any]):
    tenant_id = serializers.UUIDField()
    tenant = serializers.CharField()
    value = serializers.JSONField()
    variant = serializers.CharField()
    reason = serializers.CharField()
    because = serializers.CharField()


class OneExposureSerializer(StrictSerializer):
    flag = serializers.RegexField(KEY_PATTERN)
    variant = serializers.RegexField(VARIANT)
    requests = serializers.IntegerField(min_value=0, max_value=10**12)
    failed = serializers.IntegerField(min_value=0, max_value=10**12)
    latency_ms = serializers.IntegerField(min_value=0, max_value=10**15, help_text="Of all requests together")


class ExposuresSerializer(StrictSerializer):
    exposures = serializers.ListField(child=OneExposureSerializer(), max_length=500)


class FeatureSerializer(BoundOnce, serializers.ModelSerializer[Feature]):
    tiers = serializers.SerializerMethodField()

    class Meta:
        model = Feature
        fields = ["code", "title", "says", "tiers"]

    def get_tiers(self, feature: Feature) -> list[str]:
        return sorted(row.tier_id for row in feature.in_tiers.all())


class FeatureWriteSerializer(StrictSerializer):
    code = serializers.SlugField(max_length=48)
    title = serializers.CharField(max_length=120)
    says = serializers.CharField(max_length=300)
    tiers = serializers.ListField(child=serializers.SlugField(max_length=32), max_length=50)
    reason = serializers.CharField(max_length=500)


class ReviewSerializer(BoundOnce, serializers.ModelSerializer[Review]):
    findings = serializers.DictField(read_only=True, child=serializers.ListField(child=serializers.CharField()))

    class Meta:
        model = Review
        fields = ["id", "month", "findings", "conclusion", "reviewed_by", "reviewed_at"]
