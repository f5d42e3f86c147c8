"""Once more in the database: never where the tenant is served, no way back, no record lost; all in the ledger."""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION retiring_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE check_violation USING MESSAGE = 'a retired store is never removed from the record';
    END IF;
    IF TG_OP = 'INSERT' AND NEW.state <> 'queued' THEN
        RAISE check_violation USING MESSAGE = 'a retirement begins as waiting';
    END IF;
    IF NEW.state <> 'erased' AND (TG_OP = 'INSERT' OR OLD.state <> NEW.state)
       AND EXISTS (SELECT FROM tenants_tenant WHERE id = NEW.tenant_id AND region = NEW.region)
    THEN
        RAISE check_violation USING MESSAGE = 'the tenant is served from this store';
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.state <> NEW.state
       AND NOT (OLD.state || '>' || NEW.state) = ANY (ARRAY['queued>erasing', 'erasing>erased'])
    THEN
        RAISE check_violation USING MESSAGE = format('a retirement does not go from %s to %s', OLD.state, NEW.state);
    END IF;
    IF TG_OP = 'UPDATE' AND (OLD.tenant_id, OLD.region, OLD.occasion, OLD.subject)
       IS DISTINCT FROM (NEW.tenant_id, NEW.region, NEW.occasion, NEW.subject)
    THEN
        RAISE check_violation USING MESSAGE = 'what is retired does not change';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER retiring_life BEFORE INSERT OR DELETE OR UPDATE ON retiring_retirement
    FOR EACH ROW EXECUTE FUNCTION retiring_check();
CREATE FUNCTION retiring_keeps_out() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM retiring_retirement WHERE tenant_id = NEW.id AND region = NEW.region AND state <> 'erased')
    THEN
        RAISE check_violation USING MESSAGE = 'this store of the tenant is being erased';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tenant_not_into_a_retiring_store BEFORE UPDATE OF region ON tenants_tenant FOR EACH ROW
    WHEN (OLD.region IS DISTINCT FROM NEW.region) EXECUTE FUNCTION retiring_keeps_out();
"""
UNDO = """
DROP FUNCTION retiring_keeps_out() CASCADE;
DROP FUNCTION retiring_check() CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [("retiring", "0001_initial"), ("audit", "0005_reading")]
    operations = [
        migrations.RunSQL(RULES, UNDO),
        govern("retiring_retirement", tenant="tenant_id", skip=["key"]),
    ]
