import django.db.models.deletion
import django_fsm
import portal.lib.clock
import portal.lib.ids
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="ScheduleRun",
            fields=[
                ("entry", models.CharField(max_length=200, primary_key=True, serialize=False)),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("holder", models.CharField(blank=True, max_length=128)),
                ("held_until", models.DateTimeField(null=True)),
                ("error", models.TextField(blank=True)),
            ],
        ),
        migrations.CreateModel(
            name="EpochCounter",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("tenant_id", models.UUIDField()),
                ("resource_class", models.CharField(max_length=64)),
                ("value", models.BigIntegerField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("tenant_id", "resource_class"), name="epoch_once")],
            },
        ),
        migrations.CreateModel(
            name="Job",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portal.lib.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("kind", models.CharField(max_length=64)),
                ("title", models.CharField(max_length=200)),
                ("tenant_id", models.UUIDField(blank=True, null=True)),
                ("business_unit", models.CharField(blank=True, max_length=64)),
                ("subject_type", models.CharField(blank=True, max_length=64)),
                ("subject_id", models.CharField(blank=True, max_length=64)),
                ("resource_class", models.CharField(blank=True, max_length=64)),
                ("params", models.JSONField(default=dict)),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[
                            ("queued", "queued"),
                            ("running", "running"),
                            ("waiting", "waiting"),
                            ("cancelling", "cancelling"),
                            ("succeeded", "succeeded"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                        ],
                        default="queued",
                        max_length=50,
                        protected=True,
                    ),
                ),
                ("job_epoch", models.BigIntegerField(default=0)),
                ("lease_holder", models.CharField(blank=True, max_length=128)),
                ("lease_until", models.DateTimeField(null=True)),
                ("wake_at", models.DateTimeField(null=True)),
                ("wait_reason", models.CharField(blank=True, max_length=500)),
                ("driven_at", models.DateTimeField(null=True)),
                ("requested_by", models.CharField(max_length=64)),
                ("reason", models.TextField(blank=True)),
                ("retries", models.PositiveIntegerField(default=0)),
                ("log_lines", models.PositiveBigIntegerField(default=0)),
                ("error", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(default=portal.lib.clock.now, editable=False)),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "compensates",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="compensation",
                        to="jobs.job",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["queued", "waiting"])),
                        fields=["wake_at", "created_at"],
                        name="job_idle",
                    ),
                    models.Index(
                        condition=models.Q(("state__in", ["cancelling", "running"])),
                        fields=["lease_until"],
                        name="job_worked_on",
                    ),
                    models.Index(fields=["tenant_id", "-created_at"], name="job_of_tenant"),
                    models.Index(fields=["subject_type", "subject_id", "-created_at"], name="job_of_subject"),
                    models.Index(fields=["kind", "state", "-finished_at"], name="job_of_kind"),
                    models.Index(fields=["-created_at"], name="job_newest"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                ["cancelled", "cancelling", "failed", "queued", "running", "succeeded", "waiting"],
                            )
                        ),
                        name="job_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("state__in", ["cancelled", "failed", "succeeded"]), ("finished_at__isnull", False)
                            ),
                            models.Q(
                                models.Q(("state__in", ["cancelled", "failed", "succeeded"]), _negated=True),
                                ("finished_at__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="job_finished_has_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state__in", ["cancelling", "running"]), _negated=True),
                            models.Q(("lease_until__isnull", False), models.Q(("lease_holder", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="job_worked_on_has_a_lease",
                    ),
                ],
            },
            bases=(django_fsm.ConcurrentTransitionMixin, models.Model),
        ),
        migrations.CreateModel(
            name="LeaseRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("first", models.CharField(max_length=64)),
                ("second", models.CharField(max_length=64)),
                ("is_compatible", models.BooleanField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("first", "second"), name="leaserule_once"),
                    models.CheckConstraint(
                        condition=models.Q(("first__lt", models.F("second"))), name="leaserule_in_order"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LogLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("seq", models.PositiveBigIntegerField()),
                ("at", models.DateTimeField()),
                ("step", models.CharField(blank=True, max_length=64)),
                ("level", models.CharField(default="info", max_length=8)),
                ("text", models.TextField()),
                (
                    "job",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="log", to="jobs.job"),
                ),
            ],
            options={
                "ordering": ["job", "seq"],
                "constraints": [models.UniqueConstraint(fields=("job", "seq"), name="logline_seq_once")],
            },
        ),
        migrations.CreateModel(
            name="OutboxEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event", models.CharField(max_length=64)),
                ("payload", models.JSONField(default=dict)),
                ("at", models.DateTimeField(default=portal.lib.clock.now)),
            ],
            options={
                "indexes": [models.Index(fields=["at"], name="outbox_by_time")],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("subscriber", models.CharField(max_length=200)),
                (
                    "state",
                    models.CharField(
                        choices=[("pending", "pending"), ("delivered", "delivered"), ("dead", "given up")],
                        default="pending",
                        max_length=16,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("next_at", models.DateTimeField(default=portal.lib.clock.now)),
                ("delivered_at", models.DateTimeField(null=True)),
                ("error", models.TextField(blank=True)),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="jobs.outboxevent"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "pending")), fields=["next_at", "event"], name="delivery_due"
                    ),
                    models.Index(condition=models.Q(("state", "dead")), fields=["event"], name="delivery_dead"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("event", "subscriber"), name="delivery_once"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["dead", "delivered", "pending"])), name="delivery_state_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ResourceLease",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("tenant_id", models.UUIDField()),
                ("resource_class", models.CharField(max_length=64)),
                ("epoch", models.BigIntegerField()),
                (
                    "job",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="resource_lease", to="jobs.job"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("tenant_id", "resource_class"), name="lease_once")],
            },
        ),
        migrations.CreateModel(
            name="Step",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("seq", models.PositiveSmallIntegerField()),
                ("name", models.CharField(max_length=64)),
                ("title", models.CharField(max_length=200)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("running", "running"),
                            ("waiting", "waiting"),
                            ("succeeded", "succeeded"),
                            ("failed", "failed"),
                            ("skipped", "skipped"),
                            ("cancelled", "cancelled"),
                        ],
                        default="pending",
                        max_length=16,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("losses", models.PositiveIntegerField(default=0)),
                ("evidence", models.JSONField(default=dict)),
                ("error", models.TextField(blank=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("done", models.PositiveBigIntegerField(null=True)),
                ("total", models.PositiveBigIntegerField(null=True)),
                ("eta_seconds", models.PositiveIntegerField(default=0)),
                (
                    "job",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="steps", to="jobs.job"),
                ),
            ],
            options={
                "ordering": ["job", "seq"],
                "constraints": [
                    models.UniqueConstraint(fields=("job", "seq"), name="step_seq_once"),
                    models.UniqueConstraint(fields=("job", "name"), name="step_name_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                ["cancelled", "failed", "pending", "running", "skipped", "succeeded", "waiting"],
                            )
                        ),
                        name="step_state_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Wake",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(default=portal.lib.clock.now)),
                (
                    "job",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="wakes", to="jobs.job"),
                ),
            ],
        ),
    ]
