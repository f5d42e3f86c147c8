"""Every change of these tables enters the ledger."""

from django.db import migrations

from portal.audit.govern import govern


class Migration(migrations.Migration):
    dependencies = [("flags", "0002_guards"), ("audit", "0004_views")]
    operations = [
        govern("flags_flag", key="key"),
        govern("flags_tierrule"),
        govern("flags_override", tenant="tenant_id"),
        govern("flags_relation"),
        govern("flags_review"),
        govern("flags_feature", key="code"),
        govern("flags_tierfeature"),
    ]
