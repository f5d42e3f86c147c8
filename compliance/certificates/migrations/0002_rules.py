"""A certificate's core is fixed, its states go one way, nothing of an issued one changes; keys keep their term."""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION certificates_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a certificate is never removed' USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'intent' OR NEW.core_digest <> encode(sha256(convert_to(NEW.core, 'UTF8')), 'hex') THEN
            RAISE EXCEPTION 'a certificate begins as an intent over its core' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.serial, NEW.key, NEW.type, NEW.tenant_id, NEW.business_unit, NEW.core, NEW.core_digest,
        NEW.archive_digest, NEW.follows_id, NEW.created_at)
       IS DISTINCT FROM
       (OLD.id, OLD.serial, OLD.key, OLD.type, OLD.tenant_id, OLD.business_unit, OLD.core, OLD.core_digest,
        OLD.archive_digest, OLD.follows_id, OLD.created_at)
       OR OLD.intent <> NEW.intent OR (OLD.signature <> '' AND OLD.signature <> NEW.signature)
       OR (OLD.receipt <> '' AND OLD.receipt <> NEW.receipt) OR OLD.signing_key_id <> NEW.signing_key_id
       OR (OLD.timestamp <> '' AND OLD.timestamp <> NEW.timestamp)
    THEN
        RAISE EXCEPTION 'what is certified and signed stays as it is' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state NOT IN ('intent', 'issuing')
       AND (NEW.document, NEW.pdf_digest, NEW.issued_at) IS DISTINCT FROM (OLD.document, OLD.pdf_digest, OLD.issued_at)
    THEN
        RAISE EXCEPTION 'an issued certificate does not change' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state <> NEW.state AND NOT (OLD.state || '>' || NEW.state) = ANY (ARRAY[
        'intent>issuing', 'intent>void', 'issuing>issued', 'issuing>void', 'issued>superseded', 'issued>revoked',
        'superseded>revoked'])
    THEN
        RAISE EXCEPTION 'a certificate does not go from % to %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.signature <> '' AND OLD.signature = '' AND NOT audit.anchored(NEW.intent) THEN
        RAISE EXCEPTION 'nothing is signed before it is sealed and anchored' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER certificate_rules BEFORE INSERT OR UPDATE OR DELETE ON certificates_certificate
    FOR EACH ROW EXECUTE FUNCTION certificates_check();

CREATE FUNCTION certificates_key_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a signing key is never forgotten' USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.id, NEW.number, NEW.verifier, NEW.x509, NEW.since, NEW.until, NEW.created_at)
       IS DISTINCT FROM (OLD.id, OLD.number, OLD.verifier, OLD.x509, OLD.since, OLD.until, OLD.created_at)
       OR (OLD.revoked_at IS NOT NULL AND OLD.revoked_at IS DISTINCT FROM NEW.revoked_at)
    THEN
        RAISE EXCEPTION 'a signing key and its revocation stay as they are' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER signing_key_rules BEFORE UPDATE OR DELETE ON certificates_signingkey
    FOR EACH ROW EXECUTE FUNCTION certificates_key_check();
"""
UNDO = """
DROP TRIGGER certificate_rules ON certificates_certificate;
DROP FUNCTION certificates_check();
DROP TRIGGER signing_key_rules ON certificates_signingkey;
DROP FUNCTION certificates_key_check();
"""
MADE = ["core", "receipt", "signature", "timestamp", "document"]


class Migration(migrations.Migration):
    dependencies = [("certificates", "0001_initial"), ("audit", "0004_views")]
    operations = [
        migrations.RunSQL(RULES, UNDO),
        # the long texts are hashed into what is kept: core_digest, and the act of issuing
        govern("certificates_certificate", skip=MADE, tenant="tenant_id"),
        govern("certificates_signingkey", skip=["warned_at"]),
    ]
