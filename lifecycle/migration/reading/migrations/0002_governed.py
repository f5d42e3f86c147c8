"""What people report takes a tenant back when it is enough of it, so it is in the ledger."""

from django.db import migrations

from portal.audit.govern import govern


class Migration(migrations.Migration):
    dependencies = [("reading", "0001_initial"), ("audit", "0005_reading")]
    operations = [govern("reading_problemreport")]
