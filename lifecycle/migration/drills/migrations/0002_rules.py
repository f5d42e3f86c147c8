"""A drill is measured once and never removed; every change of drills and of their rules is in the ledger."""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION drills_drill_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' OR OLD.outcome <> 'running' THEN
    RAISE check_violation USING MESSAGE = 'a drill is never removed, and a concluded one never changed';
  END IF;
  IF (NEW.migration_id, NEW.tier_id, NEW.asked_by_id, NEW.asked_at, NEW.bar_seconds)
     IS DISTINCT FROM (OLD.migration_id, OLD.tier_id, OLD.asked_by_id, OLD.asked_at, OLD.bar_seconds) THEN
    RAISE check_violation USING MESSAGE = 'what a drill is measured by is fixed when it is asked for';
  END IF;
  IF NEW.outcome <> 'running' AND NOT EXISTS (
      SELECT FROM migration_migration m WHERE m.id = NEW.migration_id AND m.state = 'rolled_back') THEN
    RAISE check_violation USING MESSAGE = 'a drill ends when its move has been taken back';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER drills_drill_guard BEFORE UPDATE OR DELETE ON drills_drill
  FOR EACH ROW EXECUTE FUNCTION drills_drill_guard();
"""
UNDO = "DROP FUNCTION drills_drill_guard CASCADE;"


class Migration(migrations.Migration):
    dependencies = [("drills", "0001_initial"), ("migration", "0002_rules"), ("audit", "0005_reading")]
    operations = [
        migrations.RunSQL(RULES, UNDO),
        govern("drills_drill"),
        govern("drills_drillrule", key="tier_id"),
    ]
