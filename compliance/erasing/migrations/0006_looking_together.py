"""Erasures that wait side by side look together: whose wishes there are, and what was seen for them."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

import portal.lib.clock


class Migration(migrations.Migration):
    dependencies = [("erasing", "0005_entered_before")]
    operations = [
        migrations.CreateModel(
            name="Look",
            fields=[
                ("job_id", models.UUIDField(primary_key=True, serialize=False)),
                ("stage", models.CharField(max_length=12)),
                ("asked_at", models.DateTimeField(default=portal.lib.clock.now)),
                ("taken_by", models.UUIDField(null=True)),
                ("taken_until", models.DateTimeField(null=True)),
                ("seen", models.JSONField(null=True)),
                ("seen_at", models.DateTimeField(null=True)),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="looks", to="erasing.erasurerequest"
                    ),
                ),
            ],
            options={
                "ordering": ["asked_at", "job_id"],
                "constraints": [
                    models.CheckConstraint(
                        name="look_taken_for_a_while",
                        condition=Q(taken_by=None, taken_until=None)
                        | Q(taken_by__isnull=False, taken_until__isnull=False),
                    ),
                    models.CheckConstraint(
                        name="look_seen_is_dated", condition=Q(seen=None, seen_at=None) | Q(seen_at__isnull=False)
                    ),
                ],
            },
        ),
    ]
