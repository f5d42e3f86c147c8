"""The machine once more, in the database; what was asked for stays; the erasure ledger only grows.

Every refusal is SQLSTATE 23514 (check_violation).
"""

from django.db import migrations

from portal.audit.govern import govern

REQUEST = """
CREATE FUNCTION erasing_request_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP IN ('DELETE', 'TRUNCATE') THEN
        RAISE EXCEPTION 'a request to erase is never removed' USING ERRCODE = 'check_violation';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'received' THEN
            RAISE EXCEPTION 'an erasure begins by being received' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.number, NEW.tenant_id, NEW.kind, NEW.legal_basis, NEW.justification, NEW.subject, NEW.identifiers,
        NEW.documents, NEW.identity, NEW.authority, NEW.requested_by_id, NEW.received_at)
       IS DISTINCT FROM
       (OLD.id, OLD.number, OLD.tenant_id, OLD.kind, OLD.legal_basis, OLD.justification, OLD.subject, OLD.identifiers,
        OLD.documents, OLD.identity, OLD.authority, OLD.requested_by_id, OLD.received_at)
    THEN
        RAISE EXCEPTION 'what is to be erased is fixed when it is received' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.started_at IS NOT NULL AND NEW.started_at IS DISTINCT FROM OLD.started_at THEN
        RAISE EXCEPTION 'an erasure that has begun stays begun' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.extended_at IS NOT NULL AND (NEW.extended_at, NEW.due_on) IS DISTINCT FROM (OLD.extended_at, OLD.due_on)
       OR OLD.extended_at IS NULL AND NEW.extended_at IS NULL AND NEW.due_on <> OLD.due_on
    THEN
        RAISE EXCEPTION 'the clock of an erasure is extended once' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state = NEW.state THEN
        IF NEW.blocked_from <> OLD.blocked_from THEN
            RAISE EXCEPTION 'a blocked erasure returns to where it was' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF NOT (OLD.state || '>' || NEW.state) = ANY (ARRAY[
        'received>validated', 'validated>legal_hold_check', 'legal_hold_check>awaiting_approval',
        'awaiting_approval>scheduled', 'scheduled>executing', 'executing>verifying', 'verifying>executing',
        'verifying>completed',
        'legal_hold_check>legal_hold_blocked', 'awaiting_approval>legal_hold_blocked', 'scheduled>legal_hold_blocked',
        'executing>legal_hold_blocked', 'verifying>legal_hold_blocked',
        'executing>failed', 'verifying>failed', 'executing>not_certifiable', 'verifying>not_certifiable',
        'failed>executing', 'not_certifiable>executing',
        'received>refused', 'validated>refused', 'legal_hold_check>refused', 'awaiting_approval>refused',
        'scheduled>refused', 'legal_hold_blocked>refused',
        'received>cancelled', 'validated>cancelled', 'legal_hold_check>cancelled', 'awaiting_approval>cancelled',
        'scheduled>cancelled', 'executing>cancelled', 'verifying>cancelled', 'failed>cancelled',
        'not_certifiable>cancelled', 'legal_hold_blocked>cancelled'])
        AND NOT (OLD.state = 'legal_hold_blocked' AND NEW.state = OLD.blocked_from)
        AND NOT (OLD.state = 'completed' AND NEW.state = 'verifying' AND NEW.contested_at IS NOT NULL
                 AND OLD.contested_at IS NULL)
    THEN
        RAISE EXCEPTION 'an erasure does not go from % to %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'legal_hold_blocked' AND NEW.blocked_from <> OLD.state THEN
        RAISE EXCEPTION 'a blocked erasure returns to where it was' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'refused' AND OLD.started_at IS NOT NULL THEN
        RAISE EXCEPTION 'an erasure that has begun is not refused' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'scheduled' AND OLD.state = 'awaiting_approval' AND (
        SELECT count(DISTINCT s.signer_id) FROM approvals_case c JOIN approvals_signature s ON s.case_id = c.id
        WHERE c.id = NEW.case_id AND c.state = 'approved' AND c.subject_id = NEW.id::text AND c.digest = NEW.digest
          AND s.decision = 'sign' AND s.signer_id <> NEW.requested_by_id
          AND s.on_behalf_of_id IS DISTINCT FROM NEW.requested_by_id) < 2
    THEN
        RAISE EXCEPTION 'an erasure is scheduled once two others have signed it' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state IN ('executing', 'verifying', 'completed') AND OLD.state <> 'completed' AND EXISTS (
        SELECT FROM holds_hold WHERE tenant_id = NEW.tenant_id AND state IN ('placing', 'active', 'releasing'))
    THEN
        RAISE EXCEPTION 'what this tenant has is retained under law' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER erasing_request_rules BEFORE INSERT OR UPDATE OR DELETE ON erasing_erasurerequest
    FOR EACH ROW EXECUTE FUNCTION erasing_request_check();
CREATE TRIGGER erasing_request_truncate BEFORE TRUNCATE ON erasing_erasurerequest
    FOR EACH STATEMENT EXECUTE FUNCTION erasing_request_check();
"""
LEDGER = """
CREATE FUNCTION erasing_ledger_grows() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'the erasure ledger only grows: every restore replays it' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER erasing_ledger_grows BEFORE UPDATE OR DELETE ON erasing_erasureledger
    FOR EACH ROW EXECUTE FUNCTION erasing_ledger_grows();
CREATE TRIGGER erasing_ledger_truncate BEFORE TRUNCATE ON erasing_erasureledger
    FOR EACH STATEMENT EXECUTE FUNCTION erasing_ledger_grows();
"""
UNDO = """
DROP FUNCTION erasing_request_check() CASCADE;
DROP FUNCTION erasing_ledger_grows() CASCADE;
"""
WHOM = ["key", "fence", "user_id", "document_ids"]


class Migration(migrations.Migration):
    dependencies = [
        ("erasing", "0001_initial"),
        ("approvals", "0004_sealed_before_effect"),
        ("holds", "0002_rules"),
        ("audit", "0005_reading"),
    ]
    operations = [
        migrations.RunSQL([REQUEST, LEDGER], UNDO),
        govern("erasing_erasurerequest", tenant="tenant_id", skip=["alarmed_at_days"]),
        # that a key came and went is an act; whom it leads to is nowhere but in the row
        govern("erasing_subjectkey", key="request_id", skip=WHOM),
        govern("erasing_systemrun"),
        govern("erasing_exemption"),
        govern("erasing_obligation", skip=["alarmed_at_days"]),
        govern("erasing_recipient"),
        govern("erasing_passage"),
        govern("erasing_erasureledger", tenant="tenant_id"),
        govern("erasing_retentionrule", key="code", skip=["reviewed_on"]),
    ]
