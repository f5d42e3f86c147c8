"""The estate's rules once more in the database, and every change of it in the ledger."""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION estate_decision_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE check_violation USING MESSAGE = 'a decision is never removed from the record';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'pending_approval' THEN
            RAISE check_violation USING MESSAGE = 'a decision begins by waiting for signatures';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.tenant_id, NEW.region, NEW.remedy, NEW.until, NEW.holds, NEW.is_acknowledged, NEW.digest,
        NEW.requested_by_id) IS DISTINCT FROM (OLD.id, OLD.tenant_id, OLD.region, OLD.remedy, OLD.until, OLD.holds,
        OLD.is_acknowledged, OLD.digest, OLD.requested_by_id) OR OLD.case_id <> NEW.case_id THEN
        RAISE check_violation USING MESSAGE = 'what was decided stays as it was signed';
    END IF;
    IF OLD.state <> NEW.state AND NOT (OLD.state || '>' || NEW.state) = ANY (ARRAY[
        'pending_approval>approved', 'pending_approval>done', 'pending_approval>rejected', 'pending_approval>expired',
        'pending_approval>cancelled', 'pending_approval>voided', 'approved>done', 'approved>failed']) THEN
        RAISE check_violation USING MESSAGE = format('a decision does not go from %s to %s', OLD.state, NEW.state);
    END IF;
    IF NEW.state IN ('approved', 'done') AND NOT EXISTS (
        SELECT FROM approvals_case WHERE id = NEW.case_id AND state = 'approved' AND subject_id = NEW.id::text
               AND digest = NEW.digest AND requested_by_id = NEW.requested_by_id) THEN
        RAISE check_violation USING MESSAGE = 'a decision takes effect by an approved case of its own';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER estate_decision_rules BEFORE INSERT OR UPDATE OR DELETE ON estate_decision
    FOR EACH ROW EXECUTE FUNCTION estate_decision_check();

CREATE FUNCTION estate_finding_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE check_violation USING MESSAGE = 'a finding is never removed from the record';
    END IF;
    IF (NEW.id, NEW.tenant_id, NEW.region, NEW.kind, NEW.address, NEW.resource, NEW.first_seen)
       IS DISTINCT FROM (OLD.id, OLD.tenant_id, OLD.region, OLD.kind, OLD.address, OLD.resource, OLD.first_seen) THEN
        RAISE check_violation USING MESSAGE = 'what was found, and when first, stays as it was written down';
    END IF;
    IF OLD.state = 'gone' AND NEW.state <> 'gone' THEN
        RAISE check_violation USING MESSAGE = 'what is gone and comes back is a finding of its own';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER estate_finding_rules BEFORE UPDATE OR DELETE ON estate_finding
    FOR EACH ROW EXECUTE FUNCTION estate_finding_check();

CREATE FUNCTION estate_modules_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE check_violation USING MESSAGE = 'a version of the modules never changes';
END $$;
CREATE TRIGGER estate_modules_rules BEFORE UPDATE OR DELETE ON estate_moduleversion
    FOR EACH ROW EXECUTE FUNCTION estate_modules_check();
"""
UNDO = "DROP FUNCTION estate_decision_check, estate_finding_check, estate_modules_check CASCADE;"


class Migration(migrations.Migration):
    dependencies = [("estate", "0001_initial"), ("approvals", "0002_refusals"), ("audit", "0005_reading")]
    operations = [
        migrations.RunSQL(RULES, UNDO),
        govern("estate_moduleversion", key="digest", skip=["files"]),
        govern("estate_pin", key="tenant_id", tenant="tenant_id"),
        govern("estate_noiserule", tenant="tenant_id"),
        govern("estate_decision", tenant="tenant_id"),
        govern("estate_finding", tenant="tenant_id", skip=["last_seen"]),
        govern("estate_lifetime"),
        govern("estate_ending", tenant="tenant_id"),
    ]
