"""A rehearsal ends once, a tier that demands one gets no move without, and every change is in the ledger."""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION rehearsing_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE check_violation USING MESSAGE = 'a rehearsal is never removed from the record';
    END IF;
    IF OLD.ok IS NOT NULL AND (NEW.ok, NEW.at, NEW.engine, NEW.target, NEW.tenant_id)
       IS DISTINCT FROM (OLD.ok, OLD.at, OLD.engine, OLD.target, OLD.tenant_id) THEN
        RAISE check_violation USING MESSAGE = 'a rehearsal that has ended does not change';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER rehearsing_ends_once BEFORE DELETE OR UPDATE ON rehearsing_rehearsal
    FOR EACH ROW EXECUTE FUNCTION rehearsing_check();
CREATE FUNCTION rehearsing_require() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM rehearsing_rehearsaldemand d JOIN tenants_tenant t ON t.tier_id = d.tier_id
        WHERE t.id = NEW.tenant_id AND d.days > 0 AND NOT EXISTS (
            SELECT FROM rehearsing_rehearsal r WHERE r.tenant_id = NEW.tenant_id AND r.target = NEW.target AND r.ok
            AND r.at >= now() - d.days * interval '1 day'))
    THEN
        RAISE check_violation USING MESSAGE = 'this tier is moved only after a rehearsal of the same move';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER migration_was_rehearsed BEFORE UPDATE OF state ON migration_migration FOR EACH ROW
    WHEN (OLD.state = 'initiated' AND NEW.state = 'provisioning_green' AND NOT NEW.is_rehearsal)
    EXECUTE FUNCTION rehearsing_require();
"""
UNDO = """
DROP FUNCTION rehearsing_require() CASCADE;
DROP FUNCTION rehearsing_check() CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [("rehearsing", "0001_initial"), ("migration", "0002_rules"), ("audit", "0005_reading")]
    operations = [
        migrations.RunSQL(RULES, UNDO),
        govern("rehearsing_rehearsal", tenant="tenant_id"),
        govern("rehearsing_rehearsaldemand", key="tier_id"),
    ]
