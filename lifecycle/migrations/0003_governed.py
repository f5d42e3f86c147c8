"""Every change of these tables enters the ledger."""

from django.db import migrations

from portal.audit.govern import govern


class Migration(migrations.Migration):
    dependencies = [("lifecycle", "0002_request_moves"), ("audit", "0004_views")]
    operations = [
        govern("lifecycle_tenantrequest", secret=["plan"], tenant="tenant_id"),
        govern("lifecycle_manualrule"),
        govern("lifecycle_ticket"),
        govern("lifecycle_validationrun", tenant="tenant_id"),
        govern("lifecycle_validationcheck"),
        govern("lifecycle_incident", tenant="tenant_id"),
    ]
