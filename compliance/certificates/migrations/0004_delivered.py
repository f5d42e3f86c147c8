"""When the tenant's side first took a certificate away: beside its state, which no failed delivery changes."""

from django.db import migrations, models
from django.db.models import Q

from portal.audit.govern import govern

STAYS = """
CREATE FUNCTION certificates_delivered_stays() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'when a certificate was delivered stays as it is' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER certificate_delivered_stays BEFORE UPDATE OF delivered_at ON certificates_certificate
    FOR EACH ROW WHEN (OLD.delivered_at IS NOT NULL AND NEW.delivered_at IS DISTINCT FROM OLD.delivered_at)
    EXECUTE FUNCTION certificates_delivered_stays();
"""
UNDO = "DROP FUNCTION certificates_delivered_stays() CASCADE;"
MADE = ["core", "receipt", "signature", "timestamp", "document"]
SIGNED = ["issued", "superseded", "revoked"]


class Migration(migrations.Migration):
    dependencies = [("certificates", "0003_persons")]
    operations = [
        migrations.AddField(
            "certificate",
            "delivered_at",
            models.DateTimeField(blank=True, help_text="First taken away by the tenant's side", null=True),
        ),
        migrations.AddConstraint(
            "certificate",
            models.CheckConstraint(
                name="certificate_delivered_once_issued",
                condition=Q(delivered_at=None) | Q(state__in=SIGNED, issued_at__isnull=False),
            ),
        ),
        migrations.RunSQL(STAYS, UNDO),
        govern("certificates_certificate", skip=MADE, tenant="tenant_id"),
    ]
