"""Every change of these tables enters the ledger."""

from django.db import migrations

from portal.audit.govern import govern


class Migration(migrations.Migration):
    dependencies = [("tenants", "0002_rows_stay"), ("audit", "0004_views")]
    operations = [
        govern("tenants_businessunit", key="code"),
        govern("tenants_reservation", tenant="tenant_id"),
        govern("tenants_tier", key="code"),
        govern("tenants_pricebook", key="version"),
        govern("tenants_price"),
        govern("tenants_tenantname", tenant="tenant_id"),
        govern("tenants_tenant", tenant="id"),
        govern("tenants_statuschange", key="version", tenant="tenant_id"),
    ]
