import django.db.models.deletion
import portal.lib.clock
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("tenants", "0005_envelope_moves"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReadSplit",
            fields=[
                (
                    "tenant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="read_split",
                        serialize=False,
                        to="tenants.tenant",
                    ),
                ),
                ("move", models.UUIDField(help_text="Whose snapshots say what the other region holds")),
                ("epoch", models.PositiveBigIntegerField()),
                ("region", models.CharField(max_length=32)),
                ("percent", models.PositiveSmallIntegerField(default=0)),
                ("mirror", models.FloatField(default=0, help_text="Share of reads that both sides are asked")),
                ("changed_at", models.DateTimeField(default=portal.lib.clock.now)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("percent__in", (0, 10, 25, 50, 75, 100))), name="read_split_in_steps"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("mirror__gte", 0), ("mirror__lte", 1)), name="read_split_mirrors_a_share"
                    ),
                ],
            },
        ),
    ]
