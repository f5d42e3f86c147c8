"""Every change of the scale enters the ledger; the column of scores on tenants is there already."""

from django.db import migrations

from portal.audit.govern import govern


class Migration(migrations.Migration):
    dependencies = [("health", "0001_initial"), ("audit", "0004_views")]
    operations = [govern("health_scale")]
