from django.db import migrations

RULES = """
-- The request's state machine again, for writes that do not come through it.
CREATE FUNCTION lifecycle_check_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = NEW.state THEN
        RETURN NEW;
    END IF;
    IF NOT (OLD.state || '>' || NEW.state) = ANY (ARRAY[
        'draft>submitted', 'approval_voided>submitted', 'submitted>pending_approval',
        'pending_approval>approved', 'pending_approval>rejected', 'pending_approval>expired',
        'awaiting_champion>expired',
        'draft>cancelled', 'submitted>cancelled', 'pending_approval>cancelled', 'approval_voided>cancelled',
        'pending_approval>approval_voided', 'approved>approval_voided',
        'approved>provisioning', 'failed>provisioning', 'provisioning>pending_manual_setup',
        'provisioning>validating', 'pending_manual_setup>validating', 'validating>awaiting_champion',
        'validating>active', 'awaiting_champion>active',
        'submitted>failed', 'approved>failed', 'provisioning>failed', 'pending_manual_setup>failed',
        'validating>failed', 'awaiting_champion>failed',
        'failed>rolled_back', 'expired>rolled_back', 'rollback_incomplete>rolled_back',
        'failed>rollback_incomplete', 'expired>rollback_incomplete'])
    THEN
        RAISE EXCEPTION 'a request does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'approved' AND NOT EXISTS (
        SELECT FROM approvals_case WHERE id = NEW.case_id AND state = 'approved' AND subject_id = NEW.id::text)
    THEN
        RAISE EXCEPTION 'a request is approved by an approved case of its own' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'active' AND coalesce((
        SELECT outcome FROM lifecycle_validationrun WHERE request_id = NEW.id ORDER BY started_at DESC LIMIT 1
    ), 'none') NOT IN ('pass', 'warn')
    THEN
        RAISE EXCEPTION 'a request becomes active after a validation that passed' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'active' AND EXISTS (
        SELECT FROM tenants_tier WHERE code = NEW.tier_id AND needs_champion) AND NEW.accepted_at IS NULL
    THEN
        RAISE EXCEPTION 'this tier is activated after its champion accepted' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER request_moves BEFORE UPDATE OF state ON lifecycle_tenantrequest
    FOR EACH ROW EXECUTE FUNCTION lifecycle_check_move();
"""
UNDO = """
DROP TRIGGER request_moves ON lifecycle_tenantrequest;
DROP FUNCTION lifecycle_check_move();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("lifecycle", "0001_initial"),
        ("approvals", "0002_refusals"),
        ("tenants", "0002_rows_stay"),
    ]
    operations = [migrations.RunSQL(RULES, UNDO)]
