"""A copy's life once more in the database, a move that needs one, and every change of it in the ledger."""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION copies_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE check_violation USING MESSAGE = 'a copy is never removed from the record';
    END IF;
    IF TG_OP = 'INSERT' AND NEW.state <> 'making' THEN
        RAISE check_violation USING MESSAGE = 'a copy begins as being made';
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.state <> NEW.state
       AND NOT (OLD.state || '>' || NEW.state) = ANY (ARRAY['making>verified', 'making>failed', 'verified>replaced'])
    THEN
        RAISE check_violation USING MESSAGE = format('a copy does not go from %s to %s', OLD.state, NEW.state);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER copies_life BEFORE INSERT OR DELETE OR UPDATE OF state ON copies_tenantcopy
    FOR EACH ROW EXECUTE FUNCTION copies_check();
CREATE FUNCTION copies_require() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM copies_tenantcopy WHERE tenant_id = NEW.tenant_id AND state = 'verified'
                   AND region NOT IN (NEW.source, NEW.target))
    THEN
        RAISE check_violation USING MESSAGE = 'a move starts with a verified copy of the tenant on neither side';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER migration_has_a_copy BEFORE UPDATE OF state ON migration_migration FOR EACH ROW
    WHEN (OLD.state = 'initiated' AND NEW.state = 'provisioning_green' AND NOT NEW.is_rehearsal)
    EXECUTE FUNCTION copies_require();
"""
UNDO = """
DROP FUNCTION copies_require() CASCADE;
DROP FUNCTION copies_check() CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [("copies", "0001_initial"), ("migration", "0002_rules"), ("audit", "0005_reading")]
    operations = [
        migrations.RunSQL(RULES, UNDO),
        govern("copies_tenantcopy", tenant="tenant_id"),
    ]
