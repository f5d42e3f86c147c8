"""Every change of these tables enters the ledger."""

from django.db import migrations

from portal.audit.govern import govern


class Migration(migrations.Migration):
    dependencies = [("approvals", "0002_refusals"), ("audit", "0004_views")]
    operations = [
        govern("approvals_rule"),
        govern("approvals_delegation"),
        govern("approvals_case", tenant="tenant_id"),
        govern("approvals_requirement"),
        govern("approvals_signature"),
        govern("approvals_question"),
    ]
