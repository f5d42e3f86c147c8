"""A third look comes before the certificate, a phase of its own; single ids can be proved for a while after it."""

import django.db.models.deletion
from django.db import migrations, models

from portal.audit.govern import govern

PHASES = [
    ("quiescing", "closing it to writers"),
    ("manifesting", "listing what is to go"),
    ("deleting", "deleting"),
    ("settling", "waiting until every copy shows it"),
    ("verifying", "asking every store again"),
    ("grace", "waiting before the second look"),
    ("resweep", "looking a second time"),
    ("late", "waiting for the last task under way, then looking a last time"),
    ("certifying", "being certified"),
]


class Migration(migrations.Migration):
    dependencies = [("erasing", "0003_export_first")]
    operations = [
        migrations.AlterField("erasurerequest", "phase", models.CharField(blank=True, choices=PHASES, max_length=12)),
        migrations.CreateModel(
            "ProofKey",
            [
                ("certificate_id", models.UUIDField(primary_key=True, serialize=False)),
                ("key", models.BinaryField(max_length=32)),
                ("until", models.DateField()),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="proof_keys",
                        to="erasing.erasurerequest",
                    ),
                ),
            ],
        ),
        govern("erasing_proofkey", key="certificate_id", skip=["key"]),
    ]
