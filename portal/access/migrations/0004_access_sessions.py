"""Access with a reason."""

import django.db.models.deletion
import portal.lib.clock
import portal.lib.ids
from django.conf import settings
from django.db import migrations, models

from portal.audit.govern import govern


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0003_governed"),
    ]

    operations = [
        migrations.CreateModel(
            name="AccessSession",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portal.lib.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "scope_type",
                    models.CharField(
                        choices=[("business_unit", "one business unit"), ("tenant", "one tenant")], max_length=16
                    ),
                ),
                ("scope_id", models.CharField(max_length=64)),
                ("reason", models.CharField(max_length=500)),
                ("opened_at", models.DateTimeField(default=portal.lib.clock.now, editable=False)),
                ("expires_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="access_sessions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-opened_at"],
                "indexes": [models.Index(fields=["user", "-expires_at"], name="access_acce_user_id_d18828_idx")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("expires_at__gt", models.F("opened_at"))), name="access_session_ends"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True), name="access_session_says_why"
                    ),
                ],
            },
        ),
        govern("access_accesssession"),
    ]
