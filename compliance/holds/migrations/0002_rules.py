"""The rules once more, in the database: what was placed stays, moves are the machine's, and a held tenant stays.

Every refusal is SQLSTATE 23514 (check_violation). A release waits for its anchor here as well.
"""

from django.db import migrations

from portal.audit.govern import govern

HOLD = """
CREATE FUNCTION holds_hold_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP IN ('DELETE', 'TRUNCATE') THEN
        RAISE EXCEPTION 'a legal hold is never removed' USING ERRCODE = 'check_violation';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'placing' THEN
            RAISE EXCEPTION 'a legal hold begins by being placed' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.number, NEW.tenant_id, NEW.kind, NEW.matter, NEW.case_ref, NEW.reason, NEW.subject, NEW.system,
        NEW.category, NEW.from_on, NEW.until_on, NEW.placed_by_id, NEW.placed_at, NEW.version)
       IS DISTINCT FROM
       (OLD.id, OLD.number, OLD.tenant_id, OLD.kind, OLD.matter, OLD.case_ref, OLD.reason, OLD.subject, OLD.system,
        OLD.category, OLD.from_on, OLD.until_on, OLD.placed_by_id, OLD.placed_at, OLD.version)
    THEN
        RAISE EXCEPTION 'what a legal hold keeps is fixed when it is placed' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state = NEW.state THEN
        RETURN NEW;
    END IF;
    IF NOT (OLD.state || '>' || NEW.state) = ANY (ARRAY[
        'placing>active', 'placing>releasing', 'active>releasing', 'releasing>active', 'releasing>released'])
    THEN
        RAISE EXCEPTION 'a legal hold does not go from % to %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'released' THEN
        IF (NEW.release_asked_by_id, NEW.release_confirmed_by_id, NEW.intent)
           IS DISTINCT FROM (OLD.release_asked_by_id, OLD.release_confirmed_by_id, OLD.intent)
        THEN
            RAISE EXCEPTION 'who releases a legal hold is fixed when it is sealed' USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.intent IS NULL OR NOT audit.anchored(NEW.intent) THEN
            RAISE EXCEPTION 'the release of this legal hold is not anchored yet' USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER holds_hold_rules BEFORE INSERT OR UPDATE OR DELETE ON holds_hold
    FOR EACH ROW EXECUTE FUNCTION holds_hold_check();
CREATE TRIGGER holds_hold_truncate BEFORE TRUNCATE ON holds_hold
    FOR EACH STATEMENT EXECUTE FUNCTION holds_hold_check();
"""
VERSION = """
CREATE FUNCTION holds_version_rises() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.value < OLD.value OR NEW.tenant_id <> OLD.tenant_id THEN
        RAISE EXCEPTION 'the version of a tenant''s holds only rises' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER holds_version_rises BEFORE UPDATE OR DELETE ON holds_holdversion
    FOR EACH ROW EXECUTE FUNCTION holds_version_rises();
"""
TENANT = """
CREATE FUNCTION holds_keep_tenant() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM holds_hold WHERE tenant_id = OLD.id AND state IN ('placing', 'active', 'releasing')) THEN
        RAISE EXCEPTION 'what this tenant has is retained under law' USING ERRCODE = 'check_violation';
    END IF;
    RETURN coalesce(NEW, OLD);
END $$;
CREATE TRIGGER holds_keep_tenant BEFORE DELETE ON tenants_tenant
    FOR EACH ROW EXECUTE FUNCTION holds_keep_tenant();
CREATE TRIGGER holds_keep_tenant_status BEFORE UPDATE OF status ON tenants_tenant
    FOR EACH ROW WHEN (NEW.status <> OLD.status AND NEW.status IN ('erasing', 'deleted'))
    EXECUTE FUNCTION holds_keep_tenant();
"""
UNDO = """
DROP TRIGGER holds_keep_tenant ON tenants_tenant;
DROP TRIGGER holds_keep_tenant_status ON tenants_tenant;
DROP TRIGGER holds_version_rises ON holds_holdversion;
DROP TRIGGER holds_hold_rules ON holds_hold;
DROP TRIGGER holds_hold_truncate ON holds_hold;
DROP FUNCTION holds_keep_tenant, holds_version_rises, holds_hold_check;
"""
COUNSELS = [
    "kind", "matter", "case_ref", "reason", "subject", "system", "category", "from_on", "until_on", "release_reason",
]  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [
        ("holds", "0001_initial"),
        ("tenants", "0001_initial"),
        ("audit", "0004_views"),
    ]
    operations = [
        migrations.RunSQL([HOLD, VERSION, TENANT], UNDO),
        govern("holds_hold", tenant="tenant_id", secret=COUNSELS),
        govern("holds_storehold"),
        govern("holds_custodian"),
        govern("holds_refusedattempt", tenant="tenant_id", skip=["times", "last_at"]),
    ]
