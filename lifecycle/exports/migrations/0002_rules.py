"""Once more in the database: made where the tenant lives, no way back, nothing goes under a hold, no record is lost."""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION exports_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE check_violation USING MESSAGE = 'an export is never removed from the record';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'making' THEN
            RAISE check_violation USING MESSAGE = 'an export begins as being made';
        END IF;
        IF NOT EXISTS (SELECT FROM tenants_tenant WHERE id = NEW.tenant_id AND region = NEW.region) THEN
            RAISE check_violation USING MESSAGE = 'an export is made in the region of its tenant';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.tenant_id, NEW.region, NEW.number, NEW.requested_by_id) IS DISTINCT FROM
       (OLD.tenant_id, OLD.region, OLD.number, OLD.requested_by_id)
       OR OLD.digest <> '' AND NEW.digest <> OLD.digest
       OR OLD.received_at IS NOT NULL AND NEW.received_at IS DISTINCT FROM OLD.received_at
       OR NEW.downloads < OLD.downloads
    THEN
        RAISE check_violation USING MESSAGE = 'whose export it is, what is in it and who has it does not change';
    END IF;
    IF OLD.state <> NEW.state AND NOT (OLD.state || '>' || NEW.state) = ANY (ARRAY[
        'making>ready', 'making>failed', 'making>deleting', 'ready>deleting', 'failed>deleting', 'deleting>deleted'])
    THEN
        RAISE check_violation USING MESSAGE = format('an export does not go from %s to %s', OLD.state, NEW.state);
    END IF;
    IF OLD.state <> NEW.state AND NEW.state IN ('deleting', 'deleted') AND EXISTS (
        SELECT FROM holds_hold WHERE tenant_id = NEW.tenant_id AND state IN ('placing', 'active', 'releasing'))
    THEN
        RAISE check_violation USING MESSAGE = 'what this tenant has is retained under law';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER exports_life BEFORE INSERT OR DELETE OR UPDATE ON exports_export
    FOR EACH ROW EXECUTE FUNCTION exports_check();
CREATE FUNCTION exports_settles() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM exports_export WHERE tenant_id = NEW.tenant_id AND received_at IS NOT NULL) THEN
        RAISE check_violation USING MESSAGE = 'no export of this tenant was received';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER erasing_received_is_true BEFORE UPDATE OF export_settled ON erasing_erasurerequest FOR EACH ROW
    WHEN (NEW.export_settled = 'received' AND OLD.export_settled <> 'received') EXECUTE FUNCTION exports_settles();
CREATE FUNCTION exports_lie_around() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM exports_export
               WHERE tenant_id = NEW.tenant_id AND began_at IS NOT NULL AND state <> 'deleted') THEN
        RAISE check_violation USING MESSAGE = 'an export of this tenant lies around still';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER erasing_completed_without_export BEFORE UPDATE OF state ON erasing_erasurerequest FOR EACH ROW
    WHEN (NEW.state = 'completed' AND OLD.state <> 'completed' AND NEW.contested_at IS NULL)
    EXECUTE FUNCTION exports_lie_around();
"""
UNDO = """
DROP FUNCTION exports_lie_around() CASCADE;
DROP FUNCTION exports_settles() CASCADE;
DROP FUNCTION exports_check() CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("exports", "0001_initial"),
        ("erasing", "0003_export_first"),
        ("holds", "0002_rules"),
        ("audit", "0005_reading"),
    ]
    operations = [
        migrations.RunSQL(RULES, UNDO),
        govern("exports_export", tenant="tenant_id", skip=["places"]),
    ]
