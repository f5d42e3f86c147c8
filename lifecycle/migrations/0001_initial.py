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
        ("tenants", "0002_rows_stay"),
    ]

    operations = [
        migrations.CreateModel(
            name="HistoricalManualRule",
            fields=[
                ("id", models.BigIntegerField(blank=True, db_index=True)),
                ("rule_id", models.CharField(max_length=16)),
                ("version", models.PositiveIntegerField(default=1)),
                ("title", models.CharField(max_length=200)),
                (
                    "profiles",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16), blank=True, default=list, size=None
                    ),
                ),
                (
                    "integrations",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40), blank=True, default=list, size=None
                    ),
                ),
                (
                    "regions",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=32), blank=True, default=list, size=None
                    ),
                ),
                ("budget_at_least_inr", models.DecimalField(blank=True, decimal_places=2, max_digits=16, null=True)),
                (
                    "checklist",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=200), size=None),
                ),
                ("is_active", models.BooleanField(default=True)),
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
                "verbose_name": "historical manual rule",
                "verbose_name_plural": "historical manual rules",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="HistoricalTenantRequest",
            fields=[
                ("id", models.UUIDField(db_index=True, default=portal.lib.ids.new_id, editable=False)),
                ("tenant_id", models.UUIDField(db_index=True, default=portal.lib.ids.new_id, editable=False)),
                (
                    "name",
                    models.CharField(
                        max_length=32,
                        validators=[django.core.validators.RegexValidator("^[a-z][a-z0-9-]{1,30}[a-z0-9]$")],
                    ),
                ),
                ("display_name", models.CharField(max_length=120)),
                ("cost_centre", models.CharField(max_length=32)),
                (
                    "environment",
                    models.CharField(
                        choices=[("dev", "dev"), ("staging", "staging"), ("prod", "prod")],
                        default="prod",
                        max_length=16,
                    ),
                ),
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
                    "profiles",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16), blank=True, default=list, size=None
                    ),
                ),
                (
                    "integrations",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40), blank=True, default=list, size=None
                    ),
                ),
                ("vector_provider", models.CharField(blank=True, max_length=16)),
                (
                    "expected_users",
                    models.PositiveIntegerField(validators=[django.core.validators.MaxValueValidator(10000000)]),
                ),
                (
                    "expected_documents",
                    models.PositiveIntegerField(validators=[django.core.validators.MaxValueValidator(1000000000)]),
                ),
                (
                    "expected_queries_per_day",
                    models.PositiveIntegerField(
                        default=0, validators=[django.core.validators.MaxValueValidator(1000000000)]
                    ),
                ),
                ("annual_budget_inr", models.DecimalField(decimal_places=2, max_digits=16)),
                ("justification", models.TextField(max_length=4000)),
                ("expires_on", models.DateField(blank=True, null=True)),
                ("estimate", models.JSONField(blank=True, default=dict)),
                (
                    "counted_inr",
                    models.DecimalField(
                        blank=True,
                        decimal_places=2,
                        help_text="The larger of budget and own estimate, a year",
                        max_digits=16,
                        null=True,
                    ),
                ),
                ("placement", models.JSONField(blank=True, default=dict)),
                ("manual_reasons", models.JSONField(blank=True, default=list)),
                ("plan_digest", models.CharField(blank=True, max_length=64)),
                ("digest", models.CharField(blank=True, max_length=64)),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[
                            ("draft", "draft"),
                            ("submitted", "submitted"),
                            ("pending_approval", "waiting for signatures"),
                            ("approved", "approved"),
                            ("pending_manual_setup", "waiting for manual set-up"),
                            ("provisioning", "provisioning"),
                            ("validating", "validating"),
                            ("awaiting_champion", "waiting for the champion"),
                            ("active", "active"),
                            ("rejected", "rejected"),
                            ("expired", "expired"),
                            ("cancelled", "cancelled"),
                            ("failed", "failed"),
                            ("rolled_back", "rolled back"),
                            ("rollback_incomplete", "roll-back incomplete"),
                            ("approval_voided", "approval void: the plan changed"),
                        ],
                        default="draft",
                        max_length=50,
                        protected=True,
                    ),
                ),
                ("state_reason", models.CharField(blank=True, max_length=1000)),
                ("state_changed_at", models.DateTimeField(default=portal.lib.clock.now)),
                ("case_id", models.UUIDField(blank=True, null=True)),
                ("plan_job_id", models.UUIDField(blank=True, null=True)),
                ("job_id", models.UUIDField(blank=True, null=True)),
                ("rollback_job_id", models.UUIDField(blank=True, null=True)),
                ("remainder", models.JSONField(blank=True, default=list)),
                ("champion_due_at", models.DateTimeField(blank=True, null=True)),
                ("accepted_at", models.DateTimeField(blank=True, null=True)),
                ("submitted_at", models.DateTimeField(blank=True, null=True)),
                ("provisioning_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=portal.lib.clock.now, editable=False)),
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.CharField(max_length=100, null=True)),
                (
                    "history_type",
                    models.CharField(choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1),
                ),
                (
                    "accepted_by",
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
                    "requested_by",
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
                "verbose_name": "historical tenant request",
                "verbose_name_plural": "historical tenant requests",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="ManualRule",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("rule_id", models.CharField(max_length=16)),
                ("version", models.PositiveIntegerField(default=1)),
                ("title", models.CharField(max_length=200)),
                (
                    "profiles",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16), blank=True, default=list, size=None
                    ),
                ),
                (
                    "integrations",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40), blank=True, default=list, size=None
                    ),
                ),
                (
                    "regions",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=32), blank=True, default=list, size=None
                    ),
                ),
                ("budget_at_least_inr", models.DecimalField(blank=True, decimal_places=2, max_digits=16, null=True)),
                (
                    "checklist",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=200), size=None),
                ),
                ("is_active", models.BooleanField(default=True)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("rule_id", "version"), name="manual_rule_version")],
            },
        ),
        migrations.CreateModel(
            name="TenantRequest",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portal.lib.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("tenant_id", models.UUIDField(default=portal.lib.ids.new_id, editable=False, unique=True)),
                (
                    "name",
                    models.CharField(
                        max_length=32,
                        validators=[django.core.validators.RegexValidator("^[a-z][a-z0-9-]{1,30}[a-z0-9]$")],
                    ),
                ),
                ("display_name", models.CharField(max_length=120)),
                ("cost_centre", models.CharField(max_length=32)),
                (
                    "environment",
                    models.CharField(
                        choices=[("dev", "dev"), ("staging", "staging"), ("prod", "prod")],
                        default="prod",
                        max_length=16,
                    ),
                ),
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
                    "profiles",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16), blank=True, default=list, size=None
                    ),
                ),
                (
                    "integrations",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40), blank=True, default=list, size=None
                    ),
                ),
                ("vector_provider", models.CharField(blank=True, max_length=16)),
                (
                    "expected_users",
                    models.PositiveIntegerField(validators=[django.core.validators.MaxValueValidator(10000000)]),
                ),
                (
                    "expected_documents",
                    models.PositiveIntegerField(validators=[django.core.validators.MaxValueValidator(1000000000)]),
                ),
                (
                    "expected_queries_per_day",
                    models.PositiveIntegerField(
                        default=0, validators=[django.core.validators.MaxValueValidator(1000000000)]
                    ),
                ),
                ("annual_budget_inr", models.DecimalField(decimal_places=2, max_digits=16)),
                ("justification", models.TextField(max_length=4000)),
                ("expires_on", models.DateField(blank=True, null=True)),
                ("estimate", models.JSONField(blank=True, default=dict)),
                (
                    "counted_inr",
                    models.DecimalField(
                        blank=True,
                        decimal_places=2,
                        help_text="The larger of budget and own estimate, a year",
                        max_digits=16,
                        null=True,
                    ),
                ),
                ("placement", models.JSONField(blank=True, default=dict)),
                ("manual_reasons", models.JSONField(blank=True, default=list)),
                ("plan", models.JSONField(blank=True, default=dict)),
                ("plan_digest", models.CharField(blank=True, max_length=64)),
                ("digest", models.CharField(blank=True, max_length=64)),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[
                            ("draft", "draft"),
                            ("submitted", "submitted"),
                            ("pending_approval", "waiting for signatures"),
                            ("approved", "approved"),
                            ("pending_manual_setup", "waiting for manual set-up"),
                            ("provisioning", "provisioning"),
                            ("validating", "validating"),
                            ("awaiting_champion", "waiting for the champion"),
                            ("active", "active"),
                            ("rejected", "rejected"),
                            ("expired", "expired"),
                            ("cancelled", "cancelled"),
                            ("failed", "failed"),
                            ("rolled_back", "rolled back"),
                            ("rollback_incomplete", "roll-back incomplete"),
                            ("approval_voided", "approval void: the plan changed"),
                        ],
                        default="draft",
                        max_length=50,
                        protected=True,
                    ),
                ),
                ("state_reason", models.CharField(blank=True, max_length=1000)),
                ("state_changed_at", models.DateTimeField(default=portal.lib.clock.now)),
                ("case_id", models.UUIDField(blank=True, null=True)),
                ("plan_job_id", models.UUIDField(blank=True, null=True)),
                ("job_id", models.UUIDField(blank=True, null=True)),
                ("rollback_job_id", models.UUIDField(blank=True, null=True)),
                ("remainder", models.JSONField(blank=True, default=list)),
                ("champion_due_at", models.DateTimeField(blank=True, null=True)),
                ("accepted_at", models.DateTimeField(blank=True, null=True)),
                ("submitted_at", models.DateTimeField(blank=True, null=True)),
                ("provisioning_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=portal.lib.clock.now, editable=False)),
                (
                    "accepted_by",
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
                        on_delete=django.db.models.deletion.PROTECT, related_name="requests", to="tenants.businessunit"
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
                    "requested_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "tier",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tenants.tier"),
                ),
            ],
            options={
                "ordering": ["-created_at"],
                "indexes": [
                    models.Index(fields=["state", "-created_at"], name="lifecycle_t_state_d6fb6c_idx"),
                    models.Index(fields=["business_unit", "-created_at"], name="lifecycle_t_busines_c49550_idx"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    "draft",
                                    "submitted",
                                    "pending_approval",
                                    "approved",
                                    "pending_manual_setup",
                                    "provisioning",
                                    "validating",
                                    "awaiting_champion",
                                    "active",
                                    "rejected",
                                    "expired",
                                    "cancelled",
                                    "failed",
                                    "rolled_back",
                                    "rollback_incomplete",
                                    "approval_voided",
                                ],
                            )
                        ),
                        name="request_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("name__regex", "^[a-z][a-z0-9-]{1,30}[a-z0-9]$")), name="request_name_shape"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("annual_budget_inr__gte", 0)), name="request_budget_not_negative"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("accepted_by", None), ("accepted_by", models.F("champion")), _connector="OR"
                        ),
                        name="request_champion_accepts_for_others",
                    ),
                ],
            },
            bases=(django_fsm.ConcurrentTransitionMixin, models.Model),
        ),
        migrations.CreateModel(
            name="HistoricalTicket",
            fields=[
                ("id", models.UUIDField(db_index=True, default=portal.lib.ids.new_id, editable=False)),
                ("reference", models.CharField(max_length=64)),
                ("items", models.JSONField(help_text="[{text, done_by, done_at}]")),
                ("opened_at", models.DateTimeField(default=portal.lib.clock.now)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
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
                (
                    "request",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="lifecycle.tenantrequest",
                    ),
                ),
            ],
            options={
                "verbose_name": "historical ticket",
                "verbose_name_plural": "historical tickets",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="TerraformCommand",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("job_id", models.UUIDField()),
                ("region", models.CharField(max_length=32)),
                ("command", models.CharField(max_length=16)),
                ("seconds", models.FloatField(blank=True, help_text="Wall time, seconds", null=True)),
                ("exit_code", models.SmallIntegerField(blank=True, null=True)),
                ("at", models.DateTimeField(default=portal.lib.clock.now)),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("exit_code", None)), fields=["region"], name="terraform_running")
                ],
            },
        ),
        migrations.CreateModel(
            name="Ticket",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portal.lib.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("reference", models.CharField(max_length=64)),
                ("items", models.JSONField(help_text="[{text, done_by, done_at}]")),
                ("opened_at", models.DateTimeField(default=portal.lib.clock.now)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "request",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="ticket", to="lifecycle.tenantrequest"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ValidationRun",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portal.lib.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("tenant_id", models.UUIDField()),
                ("job_id", models.UUIDField(blank=True, null=True)),
                ("trigger", models.CharField(help_text="provisioning, nightly, person", max_length=16)),
                (
                    "outcome",
                    models.CharField(
                        choices=[("running", "running"), ("pass", "pass"), ("warn", "warning"), ("fail", "fail")],
                        default="running",
                        max_length=8,
                    ),
                ),
                ("started_at", models.DateTimeField(default=portal.lib.clock.now)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "request",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="validations",
                        to="lifecycle.tenantrequest",
                    ),
                ),
            ],
            options={
                "ordering": ["-started_at"],
                "indexes": [models.Index(fields=["tenant_id", "-started_at"], name="lifecycle_v_tenant__cb6c9a_idx")],
            },
        ),
        migrations.CreateModel(
            name="ValidationCheck",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portal.lib.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=40)),
                ("title", models.CharField(max_length=120)),
                (
                    "category",
                    models.CharField(
                        choices=[
                            ("security", "security"),
                            ("compliance", "compliance"),
                            ("performance", "performance"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("pass", "pass"),
                            ("warn", "warning"),
                            ("fail", "fail"),
                            ("could_not_run", "could not run"),
                        ],
                        max_length=16,
                    ),
                ),
                ("summary", models.CharField(max_length=500)),
                ("evidence", models.JSONField()),
                ("seconds", models.FloatField()),
                ("at", models.DateTimeField(default=portal.lib.clock.now)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="checks", to="lifecycle.validationrun"
                    ),
                ),
            ],
            options={
                "ordering": ["at"],
                "constraints": [models.UniqueConstraint(fields=("run", "name"), name="check_once_per_run")],
            },
        ),
        migrations.CreateModel(
            name="Incident",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portal.lib.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("severity", models.CharField(default="P0", max_length=4)),
                ("tenant_id", models.UUIDField()),
                ("affected", models.JSONField(default=list, help_text="Ids of every tenant concerned")),
                ("title", models.CharField(max_length=200)),
                ("evidence", models.JSONField()),
                ("opened_at", models.DateTimeField(default=portal.lib.clock.now)),
                ("notify_by", models.DateTimeField(help_text="72 hours after it was known (GDPR art. 33)")),
                ("resolved_at", models.DateTimeField(blank=True, null=True)),
                ("resolution", models.TextField(blank=True)),
                (
                    "run",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to="lifecycle.validationrun"
                    ),
                ),
            ],
            options={
                "ordering": ["-opened_at"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("resolved_at", None)),
                        fields=("tenant_id", "title"),
                        name="one_open_incident",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="HistoricalIncident",
            fields=[
                ("id", models.UUIDField(db_index=True, default=portal.lib.ids.new_id, editable=False)),
                ("severity", models.CharField(default="P0", max_length=4)),
                ("tenant_id", models.UUIDField()),
                ("affected", models.JSONField(default=list, help_text="Ids of every tenant concerned")),
                ("title", models.CharField(max_length=200)),
                ("evidence", models.JSONField()),
                ("opened_at", models.DateTimeField(default=portal.lib.clock.now)),
                ("notify_by", models.DateTimeField(help_text="72 hours after it was known (GDPR art. 33)")),
                ("resolved_at", models.DateTimeField(blank=True, null=True)),
                ("resolution", models.TextField(blank=True)),
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
                (
                    "run",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="lifecycle.validationrun",
                    ),
                ),
            ],
            options={
                "verbose_name": "historical incident",
                "verbose_name_plural": "historical incidents",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
    ]
