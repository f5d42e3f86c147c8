"""A search is never removed, a signed one never changes, and nobody signs over a finding that is not settled."""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION scans_scan_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR OLD.state = 'signed'
       OR (NEW.id, NEW.quarter, NEW.asked_by, NEW.due_on, NEW.started_at)
          IS DISTINCT FROM (OLD.id, OLD.quarter, OLD.asked_by, OLD.due_on, OLD.started_at)
    THEN
        RAISE EXCEPTION 'a search stays as it was' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'signed' AND EXISTS (
        SELECT FROM scans_storefinding f WHERE f.scan_id = NEW.id AND f.resolved_at IS NULL)
    THEN
        RAISE EXCEPTION 'everything found is settled before anybody signs' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER scans_scan_rules BEFORE UPDATE OR DELETE ON scans_scan
    FOR EACH ROW EXECUTE FUNCTION scans_scan_check();

CREATE FUNCTION scans_finding_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR OLD.resolved_at IS NOT NULL
       OR (NEW.id, NEW.scan_id, NEW.account, NEW.region, NEW.kind, NEW.name, NEW.found_at)
          IS DISTINCT FROM (OLD.id, OLD.scan_id, OLD.account, OLD.region, OLD.kind, OLD.name, OLD.found_at)
    THEN
        RAISE EXCEPTION 'what was found is settled once, and stays' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER scans_finding_rules BEFORE UPDATE OR DELETE ON scans_storefinding
    FOR EACH ROW EXECUTE FUNCTION scans_finding_check();
"""
UNDO = """
DROP TRIGGER scans_finding_rules ON scans_storefinding;
DROP TRIGGER scans_scan_rules ON scans_scan;
DROP FUNCTION scans_scan_check, scans_finding_check;
"""


class Migration(migrations.Migration):
    dependencies = [("scans", "0001_initial"), ("audit", "0005_reading")]
    operations = [
        migrations.RunSQL(RULES, UNDO),
        govern("scans_scan", skip=["alarmed_on"]),
        govern("scans_storefinding"),
    ]
