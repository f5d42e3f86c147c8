"""A key is registered once and ended once; what was signed stays as it was signed."""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION signatures_key_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR OLD.revoked_at IS NOT NULL OR (to_jsonb(NEW) - 'revoked_at') <> (to_jsonb(OLD) - 'revoked_at')
    THEN
        RAISE EXCEPTION 'a client key is ended once, and stays' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER signatures_key_rules BEFORE UPDATE OR DELETE ON signatures_clientkey
    FOR EACH ROW EXECUTE FUNCTION signatures_key_check();
CREATE FUNCTION signatures_request_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'what was signed stays as it was signed' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER signatures_request_rules BEFORE UPDATE OR DELETE ON signatures_signedrequest
    FOR EACH ROW EXECUTE FUNCTION signatures_request_check();
CREATE TRIGGER signatures_request_truncate BEFORE TRUNCATE ON signatures_signedrequest
    FOR EACH STATEMENT EXECUTE FUNCTION signatures_request_check();
"""
UNDO = """
DROP TRIGGER signatures_request_truncate ON signatures_signedrequest;
DROP TRIGGER signatures_request_rules ON signatures_signedrequest;
DROP TRIGGER signatures_key_rules ON signatures_clientkey;
DROP FUNCTION signatures_key_check, signatures_request_check;
"""


class Migration(migrations.Migration):
    dependencies = [("signatures", "0001_initial"), ("audit", "0005_reading")]
    operations = [
        migrations.RunSQL(RULES, UNDO),
        govern("signatures_clientkey"),
        govern("signatures_signedrequest"),
    ]
