"""Every version enters the ledger."""

from django.db import migrations

from portal.audit.govern import govern


class Migration(migrations.Migration):
    dependencies = [("configuration", "0002_guards"), ("audit", "0004_views")]
    operations = [govern("configuration_version", tenant="tenant_id")]
