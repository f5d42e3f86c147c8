from django.db import migrations, models
from django.db.models import Q

from portal.audit.govern import govern

PROGRESS = [
    "rows_copied", "bytes_copied", "copy_seconds", "keys_left", "lag_seconds", "exposure", "measured_at",
    "log_retained",
]  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("migration", "0002_rules")]
    operations = [
        migrations.AddField(
            "migration",
            "capture",
            models.CharField(
                choices=[("dirty_keys", "keys kept by the guard"), ("native", "the server's own stream")],
                default="dirty_keys",
                max_length=10,
            ),
        ),
        migrations.AddField(
            "migration",
            "log_retained",
            models.BigIntegerField(
                blank=True, help_text="Bytes of the servers' log that wait for a reader of this move", null=True
            ),
        ),
        migrations.AddConstraint(
            "migration",
            models.CheckConstraint(
                name="migration_capture_known", condition=Q(("capture__in", ["dirty_keys", "native"]))
            ),
        ),
        govern("migration_migration", skip=PROGRESS, tenant="tenant_id"),
    ]
