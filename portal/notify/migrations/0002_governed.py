"""Every change of these tables enters the ledger."""

from django.db import migrations

from portal.audit.govern import govern


class Migration(migrations.Migration):
    dependencies = [("notify", "0001_initial"), ("audit", "0004_views")]
    operations = [
        govern("notify_channel", secret=["sealed_target"], tenant="tenant_id"),
        govern("notify_route", tenant="tenant_id"),
    ]
