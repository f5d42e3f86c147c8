"""What was signed stays, moves are the machine's, nothing runs without its case; every change in the ledger."""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION upgrades_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE check_violation USING MESSAGE = 'an upgrade is never removed from the record';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'pending_approval' THEN
            RAISE check_violation USING MESSAGE = 'an upgrade begins by waiting for signatures';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.version_id, NEW.digest, NEW.requested_by_id) IS DISTINCT FROM
       (OLD.id, OLD.version_id, OLD.digest, OLD.requested_by_id) OR OLD.case_id <> NEW.case_id THEN
        RAISE check_violation USING MESSAGE = 'what was asked stays as it was signed';
    END IF;
    IF OLD.state <> NEW.state AND NOT (OLD.state || '>' || NEW.state) = ANY (ARRAY[
        'pending_approval>running', 'pending_approval>rejected', 'pending_approval>expired',
        'pending_approval>cancelled', 'pending_approval>voided', 'running>stopped', 'running>done',
        'stopped>running', 'stopped>cancelled']) THEN
        RAISE check_violation USING MESSAGE = format('an upgrade does not go from %s to %s', OLD.state, NEW.state);
    END IF;
    IF NEW.state = 'running' AND NOT EXISTS (
        SELECT FROM approvals_case WHERE id = NEW.case_id AND state = 'approved' AND subject_id = NEW.id::text
               AND digest = NEW.digest) THEN
        RAISE check_violation USING MESSAGE = 'an upgrade runs by an approved case of its own';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER upgrades_rules BEFORE INSERT OR UPDATE OR DELETE ON upgrades_upgrade
    FOR EACH ROW EXECUTE FUNCTION upgrades_check();

CREATE FUNCTION upgrades_member_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.upgrade_id, NEW.tenant_id, NEW.wave, NEW.was)
       IS DISTINCT FROM (OLD.upgrade_id, OLD.tenant_id, OLD.wave, OLD.was) THEN
        RAISE check_violation USING MESSAGE = 'who is upgraded, and when, stays as it was signed';
    END IF;
    IF NEW.state = 'running' AND OLD.state <> 'running' AND (
        NOT EXISTS (SELECT FROM upgrades_upgrade WHERE id = NEW.upgrade_id AND state = 'running')
        OR EXISTS (SELECT FROM upgrades_member WHERE upgrade_id = NEW.upgrade_id
                   AND (state = 'failed' OR (wave < NEW.wave AND state NOT IN ('done', 'left'))))) THEN
        RAISE check_violation USING MESSAGE = 'a wave begins when the one before is done, and nothing has failed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER upgrades_member_rules BEFORE UPDATE OR DELETE ON upgrades_member
    FOR EACH ROW EXECUTE FUNCTION upgrades_member_check();
"""
UNDO = "DROP FUNCTION upgrades_check, upgrades_member_check CASCADE;"


class Migration(migrations.Migration):
    dependencies = [("upgrades", "0001_initial"), ("approvals", "0002_refusals"), ("audit", "0005_reading")]
    operations = [
        migrations.RunSQL(RULES, UNDO),
        govern("upgrades_upgrade"),
        govern("upgrades_member", tenant="tenant_id", skip=["plan"]),
    ]
