"""Nobody made up is erased outside a sandbox, a sandbox is no production, and what a run found stays as it was."""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION synthetic_in_a_sandbox() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM synthetic_sandbox WHERE tenant_id = NEW.tenant_id AND ended_at IS NULL) THEN
        RAISE EXCEPTION 'a made-up person is erased in a sandbox, and nowhere else' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER synthetic_in_a_sandbox BEFORE INSERT ON erasing_erasurerequest
    FOR EACH ROW WHEN (NEW.legal_basis = 'synthetic') EXECUTE FUNCTION synthetic_in_a_sandbox();

CREATE FUNCTION synthetic_sandbox_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF EXISTS (SELECT FROM tenants_tenant WHERE id = NEW.tenant_id
                   AND (environment = 'prod' OR region <> NEW.region OR status <> 'active')) THEN
            RAISE EXCEPTION 'a sandbox is an active tenant of its region, and no production'
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP <> 'UPDATE' OR OLD.ended_at IS NOT NULL
       OR (NEW.id, NEW.region, NEW.tenant_id, NEW.designated_by, NEW.designated_at)
          IS DISTINCT FROM (OLD.id, OLD.region, OLD.tenant_id, OLD.designated_by, OLD.designated_at)
    THEN
        RAISE EXCEPTION 'which tenant was a sandbox stays on record' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER synthetic_sandbox_rules BEFORE INSERT OR UPDATE OR DELETE ON synthetic_sandbox
    FOR EACH ROW EXECUTE FUNCTION synthetic_sandbox_check();

CREATE FUNCTION synthetic_run_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR OLD.state <> 'running'
       OR (NEW.id, NEW.sandbox_id, NEW.month, NEW.asked_by, NEW.started_at)
          IS DISTINCT FROM (OLD.id, OLD.sandbox_id, OLD.month, OLD.asked_by, OLD.started_at)
       OR (OLD.request_id IS NOT NULL AND NEW.request_id IS DISTINCT FROM OLD.request_id)
    THEN
        RAISE EXCEPTION 'a synthetic erasure stays as it was' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER synthetic_run_rules BEFORE UPDATE OR DELETE ON synthetic_syntheticerasure
    FOR EACH ROW EXECUTE FUNCTION synthetic_run_check();
"""
UNDO = """
DROP FUNCTION synthetic_in_a_sandbox() CASCADE;
DROP FUNCTION synthetic_sandbox_check() CASCADE;
DROP FUNCTION synthetic_run_check() CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [("synthetic", "0001_initial"), ("erasing", "0007_synthetic"), ("audit", "0005_reading")]
    operations = [
        migrations.RunSQL(RULES, UNDO),
        govern("synthetic_sandbox", tenant="tenant_id", skip=["alarmed_on"]),
        govern("synthetic_syntheticerasure"),
    ]
