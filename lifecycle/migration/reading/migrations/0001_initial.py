import django.db.models.deletion
import portal.lib.clock
import portal.lib.ids
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("migration", "0002_rules"),
    ]

    operations = [
        migrations.CreateModel(
            name="Reading",
            fields=[
                (
                    "migration",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="reading",
                        serialize=False,
                        to="migration.migration",
                    ),
                ),
                ("percent", models.PositiveSmallIntegerField(default=0)),
                ("since", models.DateTimeField(default=portal.lib.clock.now)),
                ("at", models.DateTimeField(default=portal.lib.clock.now)),
                ("over_at", models.DateTimeField(null=True)),
                (
                    "outcome",
                    models.CharField(
                        choices=[("pass", "pass"), ("hold", "inconclusive · hold"), ("fail", "fail")],
                        default="hold",
                        max_length=4,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=1000)),
                ("findings", models.JSONField(default=list)),
                ("counters", models.JSONField(default=dict, help_text="Of both platforms when last read")),
                ("figures", models.JSONField(default=dict, help_text="Counted in this step; of blue since the first")),
                ("points", models.JSONField(default=list, help_text="One for each look, for the chart")),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("percent__in", (0, 10, 25, 50, 75, 100))), name="reading_in_steps"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("outcome__in", ["pass", "hold", "fail"])), name="reading_outcome_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("over_at", None), models.Q(("outcome", "pass"), ("percent", 100)), _connector="OR"
                        ),
                        name="reading_ends_with_everybody",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ProblemReport",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portal.lib.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("words", models.CharField(max_length=1000)),
                ("reporter", models.CharField(max_length=64)),
                ("at", models.DateTimeField(default=portal.lib.clock.now)),
                (
                    "migration",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="problems", to="migration.migration"
                    ),
                ),
            ],
            options={
                "ordering": ["-at"],
                "constraints": [models.UniqueConstraint(fields=("migration", "reporter"), name="one_report_a_person")],
            },
        ),
    ]
