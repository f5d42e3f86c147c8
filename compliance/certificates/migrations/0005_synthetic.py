"""Of a made-up person a certificate is synthetic, needs nobody's signature, and says so in its core."""

from django.db import migrations, models

TYPES = [
    ("final", "final"),
    ("partial", "partial"),
    ("interim", "interim"),
    ("supplement", "supplement"),
    ("reissue", "re-issue"),
    ("refusal", "refusal"),
    ("synthetic", "synthetic: of a made-up person"),
]
SYNTHETIC = """
CREATE FUNCTION certificates_synthetic() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.type = 'synthetic') IS DISTINCT FROM (NEW.core::jsonb #>> '{erasure,legal_basis}' = 'synthetic')
       OR NEW.type = 'synthetic' AND NEW.core::jsonb ->> 'type' <> 'synthetic'
    THEN
        RAISE EXCEPTION 'the erasure of a made-up person is certified as synthetic, and no other is'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER certificate_synthetic BEFORE INSERT ON certificates_certificate
    FOR EACH ROW EXECUTE FUNCTION certificates_synthetic();
DROP TRIGGER certificate_persons ON certificates_certificate;
CREATE TRIGGER certificate_persons BEFORE INSERT ON certificates_certificate
    FOR EACH ROW WHEN (NEW.type NOT IN ('refusal', 'synthetic')) EXECUTE FUNCTION certificates_persons();
"""
UNDO = """
DROP FUNCTION certificates_synthetic() CASCADE;
DROP TRIGGER certificate_persons ON certificates_certificate;
CREATE TRIGGER certificate_persons BEFORE INSERT ON certificates_certificate
    FOR EACH ROW WHEN (NEW.type <> 'refusal') EXECUTE FUNCTION certificates_persons();
"""


class Migration(migrations.Migration):
    dependencies = [("certificates", "0004_delivered")]
    operations = [
        migrations.AlterField("certificate", "type", models.CharField(choices=TYPES, max_length=10)),
        migrations.RemoveConstraint("certificate", "certificate_type_known"),
        migrations.AddConstraint(
            "certificate",
            models.CheckConstraint(
                name="certificate_type_known", condition=models.Q(type__in=[word for word, _title in TYPES])
            ),
        ),
        migrations.RunSQL(SYNTHETIC, UNDO),
    ]
