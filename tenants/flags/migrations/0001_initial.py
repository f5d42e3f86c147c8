"""Flags, their rules, relations, exposures and reviews; what tiers include."""

import django.core.validators
import django.db.models.deletion
import portal.lib.clock
import portal.lib.ids
import tenants.flags.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("tenants", "0003_governed"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Feature",
            fields=[
                ("code", models.SlugField(max_length=48, primary_key=True, serialize=False)),
                ("title", models.CharField(max_length=120)),
                ("says", models.CharField(help_text="What a tenant can do with it", max_length=300)),
            ],
            options={
                "ordering": ["title"],
            },
        ),
        migrations.CreateModel(
            name="Flag",
            fields=[
                (
                    "key",
                    models.CharField(
                        max_length=64,
                        primary_key=True,
                        serialize=False,
                        validators=[django.core.validators.RegexValidator("^[a-z][a-z0-9_-]{1,62}[a-z0-9]$")],
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("release", "Release"), ("experiment", "Experiment"), ("kill_switch", "Kill switch")],
                        default="release",
                        max_length=16,
                    ),
                ),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("boolean", "on or off"),
                            ("string", "a word"),
                            ("number", "a number"),
                            ("object", "a structure"),
                        ],
                        default="boolean",
                        max_length=8,
                    ),
                ),
                ("title", models.CharField(max_length=120)),
                (
                    "purpose",
                    models.CharField(help_text="What it is for, in words a tenant's people understand", max_length=500),
                ),
                (
                    "consequence",
                    models.CharField(
                        blank=True,
                        help_text="What switching it off takes away, in words; a kill switch must say",
                        max_length=500,
                    ),
                ),
                ("variants", models.JSONField(help_text="Name of each variant and its value")),
                ("off_variant", models.CharField(help_text="What everybody gets when the flag is off", max_length=40)),
                ("default_variant", models.CharField(help_text="What a tenant gets without any rule", max_length=40)),
                (
                    "rollout_variant",
                    models.CharField(blank=True, help_text="What a rollout brings, step by step", max_length=40),
                ),
                ("created_on", models.DateField(default=tenants.flags.models.today, editable=False)),
                (
                    "expires_on",
                    models.DateField(blank=True, help_text="Its last day; a kill switch has none", null=True),
                ),
                ("is_off", models.BooleanField(default=False)),
                ("off_reason", models.CharField(blank=True, max_length=500)),
                (
                    "stale_since",
                    models.DateTimeField(blank=True, editable=False, help_text="When its end was told", null=True),
                ),
                (
                    "moved_at",
                    models.DateTimeField(blank=True, editable=False, help_text="Moved to configuration", null=True),
                ),
                ("archived_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("created_by", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(default=portal.lib.clock.now, editable=False)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "ordering": ["key"],
            },
        ),
        migrations.CreateModel(
            name="Exposure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("variant", models.CharField(max_length=40)),
                ("on", models.DateField(default=tenants.flags.models.today)),
                (
                    "last_at",
                    models.DateTimeField(default=portal.lib.clock.now, help_text="Evaluated last, to the minute"),
                ),
                ("requests", models.PositiveBigIntegerField(default=0)),
                ("errors", models.PositiveBigIntegerField(default=0)),
                ("latency_ms", models.PositiveBigIntegerField(default=0, help_text="Of all requests together")),
                (
                    "flag",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="exposures", to="flags.flag"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Override",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portal.lib.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("variant", models.CharField(max_length=40)),
                ("reason", models.CharField(max_length=500)),
                ("set_at", models.DateTimeField(default=portal.lib.clock.now)),
                (
                    "flag",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="overrides", to="flags.flag"
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="flag_overrides", to="tenants.tenant"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Relation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "word",
                    models.CharField(
                        choices=[("needs", "needs"), ("excludes", "is not on together with")], max_length=8
                    ),
                ),
                (
                    "flag",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="relations", to="flags.flag"
                    ),
                ),
                (
                    "other",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="related_from", to="flags.flag"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Review",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portal.lib.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("month", models.DateField(help_text="Its first day", unique=True)),
                ("findings", models.JSONField(default=dict)),
                ("conclusion", models.CharField(max_length=500)),
                ("reviewed_at", models.DateTimeField(default=portal.lib.clock.now, editable=False)),
                (
                    "reviewed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "ordering": ["-month"],
            },
        ),
        migrations.CreateModel(
            name="TierFeature",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "feature",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="in_tiers", to="flags.feature"
                    ),
                ),
                (
                    "tier",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="included", to="tenants.tier"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="TierRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("variant", models.CharField(blank=True, help_text="Empty: the flag's default", max_length=40)),
                ("percent", models.PositiveSmallIntegerField(default=0)),
                ("percent_since", models.DateTimeField(default=portal.lib.clock.now)),
                (
                    "flag",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="tier_rules", to="flags.flag"
                    ),
                ),
                (
                    "tier",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tenants.tier"),
                ),
            ],
            options={
                "ordering": ["tier__rank", "tier_id"],
            },
        ),
        migrations.AddIndex(
            model_name="flag",
            index=models.Index(fields=["archived_at", "expires_on"], name="flags_flag_archive_e6df44_idx"),
        ),
        migrations.AddConstraint(
            model_name="flag",
            constraint=models.CheckConstraint(
                condition=models.Q(("key__regex", "^[a-z][a-z0-9_-]{1,62}[a-z0-9]$")), name="flag_key_shape"
            ),
        ),
        migrations.AddConstraint(
            model_name="flag",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["release", "experiment", "kill_switch"])), name="flag_kind_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="flag",
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(("purpose", ""), _negated=True), models.Q(("title", ""), _negated=True)),
                name="flag_says_what_for",
            ),
        ),
        migrations.AddConstraint(
            model_name="flag",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "kill_switch"), _negated=True),
                    models.Q(("consequence", ""), _negated=True),
                    _connector="OR",
                ),
                name="kill_switch_says_consequence",
            ),
        ),
        migrations.AddConstraint(
            model_name="flag",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("expires_on", None), ("kind", "kill_switch")),
                    models.Q(
                        models.Q(("kind", "kill_switch"), _negated=True),
                        ("expires_on__isnull", False),
                        ("expires_on__gte", models.F("created_on")),
                    ),
                    _connector="OR",
                ),
                name="flag_ends_unless_kill_switch",
            ),
        ),
        migrations.AddConstraint(
            model_name="exposure",
            constraint=models.UniqueConstraint(
                fields=("flag", "variant", "on"), name="one_exposure_per_variant_and_day"
            ),
        ),
        migrations.AddConstraint(
            model_name="exposure",
            constraint=models.CheckConstraint(
                condition=models.Q(("errors__lte", models.F("requests"))), name="no_more_errors_than_requests"
            ),
        ),
        migrations.AddConstraint(
            model_name="override",
            constraint=models.UniqueConstraint(fields=("flag", "tenant"), name="one_override_per_flag_and_tenant"),
        ),
        migrations.AddConstraint(
            model_name="relation",
            constraint=models.UniqueConstraint(fields=("flag", "other"), name="one_relation_between_two_flags"),
        ),
        migrations.AddConstraint(
            model_name="relation",
            constraint=models.CheckConstraint(
                condition=models.Q(("flag", models.F("other")), _negated=True), name="no_flag_relates_to_itself"
            ),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.CheckConstraint(condition=models.Q(("month__day", 1)), name="review_of_a_whole_month"),
        ),
        migrations.AddConstraint(
            model_name="tierfeature",
            constraint=models.UniqueConstraint(fields=("tier", "feature"), name="a_tier_includes_a_feature_once"),
        ),
        migrations.AddConstraint(
            model_name="tierrule",
            constraint=models.UniqueConstraint(fields=("flag", "tier"), name="one_rule_per_flag_and_tier"),
        ),
        migrations.AddConstraint(
            model_name="tierrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("percent__in", (0, 10, 50, 100))), name="rollout_goes_by_steps"
            ),
        ),
    ]
