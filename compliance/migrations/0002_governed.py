"""Every change of these tables enters the ledger."""

from django.db import migrations

from portal.audit.govern import govern


class Migration(migrations.Migration):
    dependencies = [("compliance", "0001_initial"), ("audit", "0004_views")]
    operations = [
        govern("compliance_residencyrule"),
        govern("compliance_providerregion"),
        govern("compliance_profile"),
        govern("compliance_verdict", tenant="tenant_id"),
    ]
