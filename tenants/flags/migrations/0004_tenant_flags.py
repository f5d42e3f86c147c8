"""A tenant seen through its flags."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("flags", "0003_governed"), ("tenants", "0003_governed")]
    operations = [
        migrations.CreateModel(
            name="TenantFlags",
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
    ]
