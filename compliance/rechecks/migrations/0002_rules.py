"""A look is never removed, what it is about is fixed, and a concluded one never changes."""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION rechecks_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP IN ('DELETE', 'TRUNCATE') OR OLD.ended_at IS NOT NULL
       OR (NEW.id, NEW.certificate_id, NEW.cause, NEW.asked_by, NEW.started_at)
          IS DISTINCT FROM (OLD.id, OLD.certificate_id, OLD.cause, OLD.asked_by, OLD.started_at)
    THEN
        RAISE EXCEPTION 'a look into a certificate stays as it was' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER rechecks_rules BEFORE UPDATE OR DELETE ON rechecks_recheck
    FOR EACH ROW EXECUTE FUNCTION rechecks_check();
CREATE TRIGGER rechecks_truncate BEFORE TRUNCATE ON rechecks_recheck
    FOR EACH STATEMENT EXECUTE FUNCTION rechecks_check();
"""
UNDO = """
DROP TRIGGER rechecks_truncate ON rechecks_recheck;
DROP TRIGGER rechecks_rules ON rechecks_recheck;
DROP FUNCTION rechecks_check;
"""


class Migration(migrations.Migration):
    dependencies = [("rechecks", "0001_initial"), ("audit", "0005_reading")]
    operations = [migrations.RunSQL(RULES, UNDO), govern("rechecks_recheck", skip=["systems"])]
