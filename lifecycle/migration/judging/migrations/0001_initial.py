import django.db.models.deletion
import portal.lib.clock
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [("migration", "0002_rules")]

    operations = [
        migrations.CreateModel(
            name="Judgement",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "outcome",
                    models.CharField(
                        choices=[("pass", "pass"), ("hold", "inconclusive · hold"), ("fail", "fail")], max_length=4
                    ),
                ),
                ("reason", models.CharField(max_length=1000)),
                ("findings", models.JSONField(help_text="Each gate's answer: gate, outcome, reason")),
                ("figures", models.JSONField(help_text="Counted since the switch")),
                ("counters", models.JSONField(default=dict, help_text="Of green's platform when last read")),
                ("since", models.DateTimeField(default=portal.lib.clock.now)),
                ("at", models.DateTimeField(default=portal.lib.clock.now)),
                (
                    "migration",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="judgements",
                        to="migration.migration",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("outcome__in", ["pass", "hold", "fail"])), name="judgement_outcome_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("at__gte", models.F("since"))), name="judgement_looked_in_order"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("outcome", "fail")), fields=("migration",), name="one_failed_judgement"
                    ),
                ],
            },
        ),
    ]
