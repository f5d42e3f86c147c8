"""Versions of configuration, and tiers and tenants seen through them."""

import django.core.validators
import django.db.models.deletion
import portal.lib.clock
import portal.lib.ids
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("tenants", "0005_envelope_moves"),
    ]

    operations = [
        migrations.CreateModel(
            name="TenantConfiguration",
            fields=[],
            options={
                "verbose_name": "tenant",
                "verbose_name_plural": "tenants",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("tenants.tenant",),
        ),
        migrations.CreateModel(
            name="TierConfiguration",
            fields=[],
            options={
                "verbose_name": "tier",
                "verbose_name_plural": "tiers",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("tenants.tier",),
        ),
        migrations.CreateModel(
            name="Version",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portal.lib.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("number", models.PositiveIntegerField(validators=[django.core.validators.MinValueValidator(1)])),
                ("document", models.JSONField(help_text="Only what is set here; a tenant's lies over its tier's")),
                ("copy_of", models.PositiveIntegerField(blank=True, help_text="Rolled back to this number", null=True)),
                ("from_flag", models.CharField(blank=True, help_text="The flag that was moved here", max_length=64)),
                ("reason", models.CharField(max_length=500)),
                ("created_by", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(default=portal.lib.clock.now, editable=False)),
                (
                    "tenant",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="configurations",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "tier",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="configurations",
                        to="tenants.tier",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("tenant__isnull", False), ("tier__isnull", True)),
                            models.Q(("tenant__isnull", True), ("tier__isnull", False)),
                            _connector="OR",
                        ),
                        name="configuration_of_a_tier_or_a_tenant",
                    ),
                    models.UniqueConstraint(fields=("tier", "number"), name="one_tier_configuration_per_number"),
                    models.UniqueConstraint(fields=("tenant", "number"), name="one_tenant_configuration_per_number"),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True), name="configuration_says_why"
                    ),
                ],
            },
        ),
    ]
