"""What was asked stays as it is, moves are the machine's, and nothing comes into force without its approved case."""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION tierchanges_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a change of tier is never removed' USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'pending_approval' THEN
            RAISE EXCEPTION 'a change of tier begins by waiting for signatures' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.tenant_id, NEW.from_tier_id, NEW.to_tier_id, NEW.starts_on, NEW.ends_on, NEW.expected_users,
        NEW.expected_documents, NEW.expected_queries_per_day, NEW.justification, NEW.requested_by_id, NEW.cost,
        NEW.yearly_inr, NEW.counted_inr, NEW.exceeds, NEW.is_acknowledged, NEW.digest, NEW.created_at)
       IS DISTINCT FROM
       (OLD.id, OLD.tenant_id, OLD.from_tier_id, OLD.to_tier_id, OLD.starts_on, OLD.ends_on, OLD.expected_users,
        OLD.expected_documents, OLD.expected_queries_per_day, OLD.justification, OLD.requested_by_id, OLD.cost,
        OLD.yearly_inr, OLD.counted_inr, OLD.exceeds, OLD.is_acknowledged, OLD.digest, OLD.created_at)
       OR OLD.case_id <> NEW.case_id
    THEN
        RAISE EXCEPTION 'what was asked stays as it was signed' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state = NEW.state THEN
        RETURN NEW;
    END IF;
    IF NOT (OLD.state || '>' || NEW.state) = ANY (ARRAY[
        'pending_approval>scheduled', 'pending_approval>rejected', 'pending_approval>expired',
        'pending_approval>cancelled', 'pending_approval>voided', 'scheduled>applied', 'scheduled>cancelled',
        'scheduled>voided', 'applied>returned', 'applied>return_conflict', 'applied>kept', 'return_conflict>kept'])
    THEN
        RAISE EXCEPTION 'a change of tier does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state IN ('scheduled', 'applied') AND NOT EXISTS (
        SELECT FROM approvals_case WHERE id = NEW.case_id AND state = 'approved' AND subject_id = NEW.id::text
               AND digest = NEW.digest)
    THEN
        RAISE EXCEPTION 'a change of tier comes into force by an approved case of its own'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tier_change_rules BEFORE INSERT OR UPDATE OR DELETE ON tierchanges_tierchange
    FOR EACH ROW EXECUTE FUNCTION tierchanges_check();
"""
UNDO = """
DROP TRIGGER tier_change_rules ON tierchanges_tierchange;
DROP FUNCTION tierchanges_check();
"""


class Migration(migrations.Migration):
    dependencies = [("tierchanges", "0001_initial"), ("approvals", "0002_refusals"), ("audit", "0004_views")]
    operations = [migrations.RunSQL(RULES, UNDO), govern("tierchanges_tierchange", tenant="tenant_id")]
