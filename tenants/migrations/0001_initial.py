import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django_fsm
import portal.lib.clock
import portal.lib.ids
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("access", "__first__"),
    ]

    operations = [
        migrations.CreateModel(
            name="PriceBook",
            fields=[
                (
                    "version",
                    models.CharField(
                        help_text="For example 2026-11 v3", max_length=32, primary_key=True, serialize=False
                    ),
                ),
                ("effective_from", models.DateTimeField()),
                ("source", models.CharField(max_length=200)),
                ("low_factor", models.DecimalField(decimal_places=2, default="0.90", max_digits=4)),
                ("high_factor", models.DecimalField(decimal_places=2, default="1.12", max_digits=4)),
                ("created_at", models.DateTimeField(default=portal.lib.clock.now, editable=False)),
            ],
            options={
                "ordering": ["-effective_from"],
            },
        ),
        migrations.CreateModel(
            name="BusinessUnit",
            fields=[
                (
                    "code",
                    models.CharField(
                        max_length=16,
                        primary_key=True,
                        serialize=False,
                        validators=[django.core.validators.RegexValidator("^[A-Z][A-Z0-9-]{0,15}$")],
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                ("cost_centre", models.CharField(max_length=32)),
                (
                    "envelope_inr",
                    models.DecimalField(
                        decimal_places=2,
                        help_text="Annual budget, INR",
                        max_digits=16,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                (
                    "home_country",
                    models.CharField(
                        choices=[
                            ("IN", "India"),
                            ("EU", "European Union"),
                            ("US", "United States"),
                            ("SG", "Singapore"),
                            ("GLOBAL", "several countries"),
                        ],
                        default="IN",
                        max_length=8,
                    ),
                ),
                ("created_at", models.DateTimeField(default=portal.lib.clock.now, editable=False)),
            ],
            options={
                "ordering": ["code"],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("envelope_inr__gte", 0)), name="envelope_not_negative")
                ],
            },
        ),
        migrations.CreateModel(
            name="HistoricalBusinessUnit",
            fields=[
                (
                    "code",
                    models.CharField(
                        db_index=True,
                        max_length=16,
                        validators=[django.core.validators.RegexValidator("^[A-Z][A-Z0-9-]{0,15}$")],
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                ("cost_centre", models.CharField(max_length=32)),
                (
                    "envelope_inr",
                    models.DecimalField(
                        decimal_places=2,
                        help_text="Annual budget, INR",
                        max_digits=16,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                (
                    "home_country",
                    models.CharField(
                        choices=[
                            ("IN", "India"),
                            ("EU", "European Union"),
                            ("US", "United States"),
                            ("SG", "Singapore"),
                            ("GLOBAL", "several countries"),
                        ],
                        default="IN",
                        max_length=8,
                    ),
                ),
                ("created_at", models.DateTimeField(default=portal.lib.clock.now, editable=False)),
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.CharField(max_length=100, null=True)),
                (
                    "history_type",
                    models.CharField(choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1),
                ),
                (
                    "history_user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "historical business unit",
                "verbose_name_plural": "historical business units",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="HistoricalTier",
            fields=[
                ("code", models.SlugField(max_length=32)),
                ("name", models.CharField(max_length=64)),
                (
                    "rank",
                    models.PositiveSmallIntegerField(default=50, help_text="Order in lists, highest service first"),
                ),
                ("sla_percent", models.DecimalField(decimal_places=3, max_digits=6)),
                ("support", models.CharField(max_length=64)),
                ("p95_target_ms", models.PositiveIntegerField()),
                ("validated_concurrency", models.PositiveSmallIntegerField(default=4)),
                ("max_users", models.PositiveIntegerField()),
                ("max_documents", models.PositiveIntegerField()),
                ("max_queries_per_day", models.PositiveIntegerField()),
                ("max_storage_gb", models.PositiveIntegerField()),
                ("requests_per_minute", models.PositiveIntegerField()),
                (
                    "needs_champion",
                    models.BooleanField(default=False, help_text="The champion accepts before activation"),
                ),
                ("champion_hours", models.PositiveSmallIntegerField(default=48)),
                ("lease_seconds", models.DecimalField(decimal_places=1, default=2, max_digits=5)),
                (
                    "on_outage",
                    models.CharField(
                        choices=[("refuse", "refuse"), ("go_on", "go on")], default="refuse", max_length=8
                    ),
                ),
                ("suspension_grace_days", models.PositiveSmallIntegerField(default=30)),
                ("archive_retention_days", models.PositiveSmallIntegerField(default=90)),
                ("backup_retention_days", models.PositiveSmallIntegerField(default=14)),
                ("log_retention_days", models.PositiveSmallIntegerField(default=90)),
                ("is_offered", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(default=portal.lib.clock.now, editable=False)),
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.CharField(max_length=100, null=True)),
                (
                    "history_type",
                    models.CharField(choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1),
                ),
                (
                    "history_user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "historical tier",
                "verbose_name_plural": "historical tiers",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="StatusVersion",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("value", models.PositiveBigIntegerField(default=0)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="status_version_single_row")
                ],
            },
        ),
        migrations.CreateModel(
            name="Tenant",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portal.lib.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "name",
                    models.CharField(
                        max_length=32,
                        validators=[django.core.validators.RegexValidator("^[a-z][a-z0-9-]{1,30}[a-z0-9]$")],
                    ),
                ),
                ("display_name", models.CharField(max_length=120)),
                ("cost_centre", models.CharField(max_length=32)),
                ("environment", models.CharField(default="prod", max_length=16)),
                ("max_users", models.PositiveIntegerField()),
                ("max_documents", models.PositiveIntegerField()),
                ("max_queries_per_day", models.PositiveIntegerField()),
                ("max_storage_gb", models.PositiveIntegerField()),
                ("requests_per_minute", models.PositiveIntegerField()),
                ("features", models.JSONField(blank=True, default=dict)),
                ("region", models.CharField(max_length=32)),
                (
                    "geography",
                    models.CharField(
                        choices=[
                            ("IN", "India"),
                            ("EU", "European Union"),
                            ("US", "United States"),
                            ("SG", "Singapore"),
                            ("GLOBAL", "several countries"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "data_classes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("pii", "Personal data"),
                                ("phi", "Health data"),
                                ("financial", "Financial records"),
                                ("privileged", "Legally privileged"),
                            ],
                            max_length=16,
                        ),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                (
                    "compliance_profiles",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16), blank=True, default=list, size=None
                    ),
                ),
                ("vector_provider", models.CharField(max_length=16)),
                ("routing_epoch", models.PositiveBigIntegerField(default=1)),
                (
                    "operation",
                    models.CharField(blank=True, help_text="A long operation beside the status", max_length=16),
                ),
                ("module_version", models.CharField(blank=True, max_length=64)),
                ("annual_budget_inr", models.DecimalField(decimal_places=2, max_digits=16)),
                ("monthly_cost_inr", models.DecimalField(blank=True, decimal_places=2, max_digits=16, null=True)),
                (
                    "payment_status",
                    models.CharField(
                        choices=[("current", "current"), ("overdue", "overdue"), ("disputed", "disputed")],
                        default="current",
                        max_length=12,
                    ),
                ),
                (
                    "status",
                    django_fsm.FSMField(
                        choices=[
                            ("requested", "requested"),
                            ("provisioning", "provisioning"),
                            ("active", "active"),
                            ("suspended", "suspended"),
                            ("archived", "archived"),
                            ("erasing", "erasing"),
                            ("deleted", "deleted"),
                            ("failed", "failed"),
                        ],
                        default="requested",
                        max_length=50,
                        protected=True,
                    ),
                ),
                ("status_reason", models.CharField(blank=True, max_length=500)),
                ("status_changed_at", models.DateTimeField(default=portal.lib.clock.now)),
                (
                    "is_restricted",
                    models.BooleanField(default=False, help_text="Access restricted by an open incident"),
                ),
                ("activated_at", models.DateTimeField(blank=True, null=True)),
                ("suspended_at", models.DateTimeField(blank=True, null=True)),
                ("archived_at", models.DateTimeField(blank=True, null=True)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                ("expires_on", models.DateField(blank=True, null=True)),
                ("watched_until", models.DateTimeField(blank=True, null=True)),
                ("health_score", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("validated_at", models.DateTimeField(blank=True, null=True)),
                ("validation_outcome", models.CharField(blank=True, max_length=12)),
                ("config_version", models.PositiveBigIntegerField(default=1)),
                ("created_by", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(default=portal.lib.clock.now, editable=False)),
                ("updated_at", models.DateTimeField(default=portal.lib.clock.now)),
                (
                    "billing_contact",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "business_unit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="tenants", to="tenants.businessunit"
                    ),
                ),
                (
                    "champion",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "price_book",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.pricebook",
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
                "indexes": [
                    models.Index(fields=["status", "name"], name="tenants_ten_status_56a997_idx"),
                    models.Index(fields=["business_unit", "status"], name="tenants_ten_busines_a6cc2e_idx"),
                    models.Index(fields=["payment_status"], name="tenants_ten_payment_62e38b_idx"),
                    models.Index(fields=["health_score"], name="tenants_ten_health__e6ee4e_idx"),
                    models.Index(fields=["region"], name="tenants_ten_region_1df438_idx"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status__in", ["failed", "deleted"]), _negated=True),
                        fields=("name",),
                        name="tenant_name_live",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "requested",
                                    "provisioning",
                                    "active",
                                    "suspended",
                                    "archived",
                                    "erasing",
                                    "deleted",
                                    "failed",
                                ],
                            )
                        ),
                        name="tenant_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("annual_budget_inr__gte", 0)), name="tenant_budget_not_negative"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status__in", ["active", "suspended"]), _negated=True),
                            ("activated_at__isnull", False),
                            _connector="OR",
                        ),
                        name="tenant_active_was_activated",
                    ),
                ],
            },
            bases=(django_fsm.ConcurrentTransitionMixin, models.Model),
        ),
        migrations.CreateModel(
            name="StatusChange",
            fields=[
                ("version", models.PositiveBigIntegerField(primary_key=True, serialize=False)),
                ("old", models.CharField(blank=True, max_length=16)),
                ("new", models.CharField(max_length=16)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("actor", models.CharField(max_length=64)),
                ("at", models.DateTimeField(default=portal.lib.clock.now)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="status_changes", to="tenants.tenant"
                    ),
                ),
            ],
            options={
                "ordering": ["-version"],
            },
        ),
        migrations.CreateModel(
            name="TenantName",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "name",
                    models.CharField(
                        max_length=32,
                        validators=[django.core.validators.RegexValidator("^[a-z][a-z0-9-]{1,30}[a-z0-9]$")],
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("reserved_at", models.DateTimeField(default=portal.lib.clock.now)),
                ("released_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("released_at", None)), fields=("name",), name="tenant_name_held_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("name__regex", "^[a-z][a-z0-9-]{1,30}[a-z0-9]$")), name="tenant_name_shape"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Tier",
            fields=[
                ("code", models.SlugField(max_length=32, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=64)),
                (
                    "rank",
                    models.PositiveSmallIntegerField(default=50, help_text="Order in lists, highest service first"),
                ),
                ("sla_percent", models.DecimalField(decimal_places=3, max_digits=6)),
                ("support", models.CharField(max_length=64)),
                ("p95_target_ms", models.PositiveIntegerField()),
                ("validated_concurrency", models.PositiveSmallIntegerField(default=4)),
                ("max_users", models.PositiveIntegerField()),
                ("max_documents", models.PositiveIntegerField()),
                ("max_queries_per_day", models.PositiveIntegerField()),
                ("max_storage_gb", models.PositiveIntegerField()),
                ("requests_per_minute", models.PositiveIntegerField()),
                (
                    "needs_champion",
                    models.BooleanField(default=False, help_text="The champion accepts before activation"),
                ),
                ("champion_hours", models.PositiveSmallIntegerField(default=48)),
                ("lease_seconds", models.DecimalField(decimal_places=1, default=2, max_digits=5)),
                (
                    "on_outage",
                    models.CharField(
                        choices=[("refuse", "refuse"), ("go_on", "go on")], default="refuse", max_length=8
                    ),
                ),
                ("suspension_grace_days", models.PositiveSmallIntegerField(default=30)),
                ("archive_retention_days", models.PositiveSmallIntegerField(default=90)),
                ("backup_retention_days", models.PositiveSmallIntegerField(default=14)),
                ("log_retention_days", models.PositiveSmallIntegerField(default=90)),
                ("is_offered", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(default=portal.lib.clock.now, editable=False)),
            ],
            options={
                "ordering": ["rank", "code"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("sla_percent__gt", 0), ("sla_percent__lte", 100)), name="tier_sla_in_range"
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="tenant",
            name="tier",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="tenants", to="tenants.tier"
            ),
        ),
        migrations.CreateModel(
            name="HistoricalTenant",
            fields=[
                ("id", models.UUIDField(db_index=True, default=portal.lib.ids.new_id, editable=False)),
                (
                    "name",
                    models.CharField(
                        max_length=32,
                        validators=[django.core.validators.RegexValidator("^[a-z][a-z0-9-]{1,30}[a-z0-9]$")],
                    ),
                ),
                ("display_name", models.CharField(max_length=120)),
                ("cost_centre", models.CharField(max_length=32)),
                ("environment", models.CharField(default="prod", max_length=16)),
                ("max_users", models.PositiveIntegerField()),
                ("max_documents", models.PositiveIntegerField()),
                ("max_queries_per_day", models.PositiveIntegerField()),
                ("max_storage_gb", models.PositiveIntegerField()),
                ("requests_per_minute", models.PositiveIntegerField()),
                ("features", models.JSONField(blank=True, default=dict)),
                ("region", models.CharField(max_length=32)),
                (
                    "geography",
                    models.CharField(
                        choices=[
                            ("IN", "India"),
                            ("EU", "European Union"),
                            ("US", "United States"),
                            ("SG", "Singapore"),
                            ("GLOBAL", "several countries"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "data_classes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("pii", "Personal data"),
                                ("phi", "Health data"),
                                ("financial", "Financial records"),
                                ("privileged", "Legally privileged"),
                            ],
                            max_length=16,
                        ),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                (
                    "compliance_profiles",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16), blank=True, default=list, size=None
                    ),
                ),
                ("vector_provider", models.CharField(max_length=16)),
                ("routing_epoch", models.PositiveBigIntegerField(default=1)),
                (
                    "operation",
                    models.CharField(blank=True, help_text="A long operation beside the status", max_length=16),
                ),
                ("module_version", models.CharField(blank=True, max_length=64)),
                ("annual_budget_inr", models.DecimalField(decimal_places=2, max_digits=16)),
                ("monthly_cost_inr", models.DecimalField(blank=True, decimal_places=2, max_digits=16, null=True)),
                (
                    "payment_status",
                    models.CharField(
                        choices=[("current", "current"), ("overdue", "overdue"), ("disputed", "disputed")],
                        default="current",
                        max_length=12,
                    ),
                ),
                (
                    "status",
                    django_fsm.FSMField(
                        choices=[
                            ("requested", "requested"),
                            ("provisioning", "provisioning"),
                            ("active", "active"),
                            ("suspended", "suspended"),
                            ("archived", "archived"),
                            ("erasing", "erasing"),
                            ("deleted", "deleted"),
                            ("failed", "failed"),
                        ],
                        default="requested",
                        max_length=50,
                        protected=True,
                    ),
                ),
                ("status_reason", models.CharField(blank=True, max_length=500)),
                ("status_changed_at", models.DateTimeField(default=portal.lib.clock.now)),
                (
                    "is_restricted",
                    models.BooleanField(default=False, help_text="Access restricted by an open incident"),
                ),
                ("activated_at", models.DateTimeField(blank=True, null=True)),
                ("suspended_at", models.DateTimeField(blank=True, null=True)),
                ("archived_at", models.DateTimeField(blank=True, null=True)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                ("expires_on", models.DateField(blank=True, null=True)),
                ("watched_until", models.DateTimeField(blank=True, null=True)),
                ("health_score", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("validated_at", models.DateTimeField(blank=True, null=True)),
                ("validation_outcome", models.CharField(blank=True, max_length=12)),
                ("config_version", models.PositiveBigIntegerField(default=1)),
                ("created_by", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(default=portal.lib.clock.now, editable=False)),
                ("updated_at", models.DateTimeField(default=portal.lib.clock.now)),
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.CharField(max_length=100, null=True)),
                (
                    "history_type",
                    models.CharField(choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1),
                ),
                (
                    "billing_contact",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "business_unit",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenants.businessunit",
                    ),
                ),
                (
                    "champion",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "history_user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "price_book",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenants.pricebook",
                    ),
                ),
                (
                    "tier",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenants.tier",
                    ),
                ),
            ],
            options={
                "verbose_name": "historical tenant",
                "verbose_name_plural": "historical tenants",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="Price",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("tier_base", "Platform, a month"),
                            ("user", "User, a month"),
                            ("documents_1000", "1,000 documents, a month"),
                            ("region_multiplier", "Region multiplier"),
                            ("query", "Query"),
                            ("gb_month", "GB, a month"),
                            ("compute_hour", "Compute hour"),
                        ],
                        max_length=20,
                    ),
                ),
                ("key", models.CharField(blank=True, max_length=32)),
                (
                    "amount",
                    models.DecimalField(
                        decimal_places=4, max_digits=14, validators=[django.core.validators.MinValueValidator(0)]
                    ),
                ),
                (
                    "book",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="prices", to="tenants.pricebook"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("book", "kind", "key"), name="one_price_per_line"),
                    models.CheckConstraint(condition=models.Q(("amount__gte", 0)), name="price_not_negative"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Reservation",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portal.lib.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("holder_id", models.UUIDField(help_text="The request that reserved it", unique=True)),
                ("tenant_id", models.UUIDField()),
                ("amount_inr", models.DecimalField(decimal_places=2, max_digits=16)),
                (
                    "state",
                    models.CharField(
                        choices=[("reserved", "reserved"), ("committed", "committed"), ("released", "released")],
                        default="reserved",
                        max_length=12,
                    ),
                ),
                ("created_at", models.DateTimeField(default=portal.lib.clock.now, editable=False)),
                ("changed_at", models.DateTimeField(default=portal.lib.clock.now)),
                (
                    "business_unit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reservations",
                        to="tenants.businessunit",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("amount_inr__gt", 0)), name="reservation_positive")
                ],
            },
        ),
        migrations.AddIndex(
            model_name="tenant",
            index=models.Index(fields=["tier", "status"], name="tenants_ten_tier_id_bbdb5f_idx"),
        ),
    ]
