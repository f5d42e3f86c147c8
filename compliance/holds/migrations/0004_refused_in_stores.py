"""Refusals that happened in a region's store: what the platform noted there, and how many nobody did."""

from django.db import migrations, models

from portal.audit.govern import govern


class Migration(migrations.Migration):
    dependencies = [("holds", "0003_expiries")]
    operations = [
        migrations.AddField(
            "refusedattempt",
            "region",
            models.CharField(blank=True, default="", help_text="Whose store has it on record", max_length=32),
            preserve_default=False,
        ),
        migrations.AddField(
            "refusedattempt", "region_ref", models.BigIntegerField(blank=True, help_text="Its number there", null=True)
        ),
        migrations.AddConstraint(
            "refusedattempt",
            models.UniqueConstraint(name="refused_attempt_once", fields=["region", "region_ref"]),
        ),
        migrations.CreateModel(
            name="RefusalCount",
            fields=[
                ("region", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("seen", models.BigIntegerField(default=0)),
                ("unnoted", models.BigIntegerField(default=0)),
            ],
        ),
        govern("holds_refusedattempt", tenant="tenant_id", skip=["times", "last_at"]),
    ]
