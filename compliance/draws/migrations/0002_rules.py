"""A draw is never removed, and what was answered stays."""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION draws_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR OLD.state = 'done'
       OR (NEW.id, NEW.request_id, NEW.asked_by_id, NEW.started_at)
          IS DISTINCT FROM (OLD.id, OLD.request_id, OLD.asked_by_id, OLD.started_at)
    THEN
        RAISE EXCEPTION 'a draw stays as it was' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER draws_rules BEFORE UPDATE OR DELETE ON draws_draw
    FOR EACH ROW EXECUTE FUNCTION draws_check();
"""
UNDO = """
DROP TRIGGER draws_rules ON draws_draw;
DROP FUNCTION draws_check;
"""


class Migration(migrations.Migration):
    dependencies = [("draws", "0001_initial"), ("audit", "0005_reading")]
    operations = [migrations.RunSQL(RULES, UNDO), govern("draws_draw", skip=["drawn"])]
