"""Every change of these tables enters the ledger."""

from django.db import migrations

from portal.audit.govern import govern


class Migration(migrations.Migration):
    dependencies = [("access", "0002_credential_epoch"), ("audit", "0004_views")]
    operations = [
        govern("access_user", skip=["last_login"], secret=["password"], personal=["username"], subject="id"),
        govern("access_person", key="user_id", personal=["full_name", "email"], subject="user_id"),
        govern("access_grant"),
        govern("access_apitoken", skip=["last_used_at"], secret=["secret_sha256"]),
    ]
