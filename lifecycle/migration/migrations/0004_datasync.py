from django.db import migrations, models

from portal.audit.govern import govern

PROGRESS = [
    "rows_copied", "bytes_copied", "copy_seconds", "keys_left", "lag_seconds", "exposure", "measured_at",
    "log_retained",
]  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("migration", "0003_capture")]
    operations = [
        migrations.AddField(
            "migration",
            "datasync",
            models.JSONField(
                blank=True,
                default=dict,
                help_text="What DataSync was to carry ahead, what it said, what was found of it",
            ),
        ),
        govern("migration_migration", skip=PROGRESS, tenant="tenant_id"),
    ]
