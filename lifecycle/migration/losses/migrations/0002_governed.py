"""Who accepted which loss is in the ledger, and the order of its states is repeated in the database."""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION losses_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE check_violation USING MESSAGE = 'a loss is never removed';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'asked' THEN
            RAISE check_violation USING MESSAGE = 'a loss is asked about first';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.state <> NEW.state AND NOT (OLD.state || '>' || NEW.state) = ANY (ARRAY[
        'asked>accepted', 'asked>withdrawn', 'accepted>withdrawn', 'accepted>given_up', 'given_up>closed'])
    THEN
        RAISE check_violation USING MESSAGE = format('a loss does not go from %s to %s', OLD.state, NEW.state);
    END IF;
    IF (OLD.migration_id, OLD.writes, OLD.counted_at) IS DISTINCT FROM (NEW.migration_id, NEW.writes, NEW.counted_at)
    THEN
        RAISE check_violation USING MESSAGE = 'what was asked about does not change';
    END IF;
    IF NEW.accepted_by_id IS DISTINCT FROM OLD.accepted_by_id AND (OLD.accepted_by_id IS NOT NULL OR EXISTS (
        SELECT FROM migration_migration WHERE id = NEW.migration_id AND requested_by_id = NEW.accepted_by_id))
    THEN
        RAISE check_violation USING MESSAGE = 'a loss is accepted once, and not by who asked for the move';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER losses_moves BEFORE INSERT OR DELETE OR UPDATE ON losses_loss
    FOR EACH ROW EXECUTE FUNCTION losses_check();
"""
UNDO = "DROP FUNCTION losses_check() CASCADE;"


class Migration(migrations.Migration):
    dependencies = [("losses", "0001_initial"), ("migration", "0002_rules"), ("audit", "0005_reading")]
    operations = [migrations.RunSQL(RULES, UNDO), govern("losses_loss")]
