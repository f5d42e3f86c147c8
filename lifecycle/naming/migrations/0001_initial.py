import django.db.models.deletion
import portal.lib.clock
import portal.lib.ids
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [("tenants", "0005_envelope_moves")]

    operations = [
        migrations.CreateModel(
            name="RegionalSet",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portal.lib.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("region", models.CharField(max_length=32)),
                ("named_at", models.DateTimeField(default=portal.lib.clock.now)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tenants.tenant"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "region"), name="naming_one_set_in_a_region")
                ],
            },
        ),
    ]
