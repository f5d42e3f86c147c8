"""What was asked stays as it was signed, nothing is applied without its approved case, and no finding is forgotten."""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION optimizer_change_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'pending_approval' THEN
            RAISE EXCEPTION 'a change begins by waiting for signatures' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.finding_id, NEW.change, NEW.monthly_inr, NEW.cost_usd, NEW.justification, NEW.requested_by_id,
        NEW.digest, NEW.created_at)
       IS DISTINCT FROM
       (OLD.id, OLD.finding_id, OLD.change, OLD.monthly_inr, OLD.cost_usd, OLD.justification, OLD.requested_by_id,
        OLD.digest, OLD.created_at)
       OR OLD.case_id <> NEW.case_id
    THEN
        RAISE EXCEPTION 'what was asked stays as it was signed' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state <> NEW.state AND NOT (OLD.state || '>' || NEW.state) = ANY (ARRAY[
        'pending_approval>approved', 'pending_approval>rejected', 'pending_approval>expired',
        'pending_approval>cancelled', 'pending_approval>voided', 'approved>applied', 'approved>cancelled',
        'approved>voided', 'applied>measured', 'applied>approved'])
    THEN
        RAISE EXCEPTION 'a change does not go from % to %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state = 'pending_approval' AND NEW.state = 'approved' AND NOT EXISTS (
        SELECT FROM approvals_case WHERE id = NEW.case_id AND state = 'approved' AND subject_id = NEW.id::text
               AND digest = NEW.digest)
    THEN
        RAISE EXCEPTION 'a change is approved by an approved case of its own' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER optimizer_change_rules BEFORE INSERT OR UPDATE ON optimizer_findingchange
    FOR EACH ROW EXECUTE FUNCTION optimizer_change_check();

CREATE FUNCTION optimizer_stays() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'what was found, excepted or asked for stays' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER optimizer_finding_stays BEFORE DELETE ON optimizer_finding
    FOR EACH ROW EXECUTE FUNCTION optimizer_stays();
CREATE TRIGGER optimizer_change_stays BEFORE DELETE ON optimizer_findingchange
    FOR EACH ROW EXECUTE FUNCTION optimizer_stays();
CREATE TRIGGER optimizer_exception_stays BEFORE DELETE ON optimizer_findingexception
    FOR EACH ROW EXECUTE FUNCTION optimizer_stays();

CREATE FUNCTION optimizer_exception_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL
       OR (NEW.id, NEW.finding_id, NEW.owner_id, NEW.reason, NEW.expires_on, NEW.made_by, NEW.made_at)
          IS DISTINCT FROM
          (OLD.id, OLD.finding_id, OLD.owner_id, OLD.reason, OLD.expires_on, OLD.made_by, OLD.made_at)
    THEN
        RAISE EXCEPTION 'an exception ends once, and stays as it was made' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER optimizer_exception_rules BEFORE UPDATE ON optimizer_findingexception
    FOR EACH ROW EXECUTE FUNCTION optimizer_exception_check();
"""
UNDO = """
DROP TRIGGER optimizer_exception_rules ON optimizer_findingexception;
DROP TRIGGER optimizer_exception_stays ON optimizer_findingexception;
DROP TRIGGER optimizer_change_stays ON optimizer_findingchange;
DROP TRIGGER optimizer_finding_stays ON optimizer_finding;
DROP TRIGGER optimizer_change_rules ON optimizer_findingchange;
DROP FUNCTION optimizer_change_check, optimizer_stays, optimizer_exception_check;
"""


class Migration(migrations.Migration):
    dependencies = [("optimizer", "0001_initial"), ("approvals", "0002_refusals"), ("audit", "0004_views")]
    operations = [
        migrations.RunSQL(RULES, UNDO),
        govern("optimizer_scan", skip=["doubts"]),
        govern("optimizer_finding", key="key", skip=["last_seen"]),
        govern("optimizer_findingexception"),
        govern("optimizer_findingchange"),
    ]
