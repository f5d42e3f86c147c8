"""The rules once more, in the database: nothing is forgotten, what was removed stays so, versions only rise.

Every refusal is SQLSTATE 23514 (check_violation).
"""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION inventory_system_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP IN ('DELETE', 'TRUNCATE') THEN
        RAISE EXCEPTION 'a system is removed by two persons, and its row stays' USING ERRCODE = 'check_violation';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'active' OR NEW.removal_asked_by_id IS NOT NULL THEN
            RAISE EXCEPTION 'a system begins by being listed' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.state = 'removed' THEN
        RAISE EXCEPTION 'a removed system stays as it is' USING ERRCODE = 'check_violation';
    END IF;
    IF (NEW.id, NEW.name, NEW.kind, NEW.region, NEW.added_by, NEW.added_at)
       IS DISTINCT FROM (OLD.id, OLD.name, OLD.kind, OLD.region, OLD.added_by, OLD.added_at)
    THEN
        RAISE EXCEPTION 'what a system is, is fixed when it is listed' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'removed'
       AND (NEW.removal_asked_by_id, NEW.removal_reason)
           IS DISTINCT FROM (OLD.removal_asked_by_id, OLD.removal_reason)
    THEN
        RAISE EXCEPTION 'a removal is asked for before it is confirmed' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER inventory_system_rules BEFORE INSERT OR UPDATE OR DELETE ON inventory_system
    FOR EACH ROW EXECUTE FUNCTION inventory_system_check();
CREATE TRIGGER inventory_system_truncate BEFORE TRUNCATE ON inventory_system
    FOR EACH STATEMENT EXECUTE FUNCTION inventory_system_check();

CREATE FUNCTION inventory_version_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP <> 'INSERT' OR NEW.number <> coalesce((SELECT max(number) FROM inventory_inventoryversion), 0) + 1 THEN
        RAISE EXCEPTION 'versions of the inventory are numbered one by one, and stay' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER inventory_version_rules BEFORE INSERT OR UPDATE OR DELETE ON inventory_inventoryversion
    FOR EACH ROW EXECUTE FUNCTION inventory_version_check();
CREATE TRIGGER inventory_version_truncate BEFORE TRUNCATE ON inventory_inventoryversion
    FOR EACH STATEMENT EXECUTE FUNCTION inventory_version_check();

CREATE FUNCTION inventory_attestation_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP <> 'UPDATE'
       OR (NEW.id, NEW.system_id, NEW.statement, NEW.digest, NEW.signed_by, NEW.expires_on, NEW.added_by_id, NEW.added_at)
          IS DISTINCT FROM
          (OLD.id, OLD.system_id, OLD.statement, OLD.digest, OLD.signed_by, OLD.expires_on, OLD.added_by_id, OLD.added_at)
    THEN
        RAISE EXCEPTION 'a statement stays as it was taken in' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER inventory_attestation_rules BEFORE UPDATE OR DELETE ON inventory_attestation
    FOR EACH ROW EXECUTE FUNCTION inventory_attestation_check();
CREATE TRIGGER inventory_attestation_truncate BEFORE TRUNCATE ON inventory_attestation
    FOR EACH STATEMENT EXECUTE FUNCTION inventory_attestation_check();

CREATE FUNCTION inventory_finding_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR OLD.resolved_at IS NOT NULL
       OR (NEW.id, NEW.region, NEW.kind, NEW.what, NEW.first_seen)
          IS DISTINCT FROM (OLD.id, OLD.region, OLD.kind, OLD.what, OLD.first_seen)
    THEN
        RAISE EXCEPTION 'a finding is settled once, and stays' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER inventory_finding_rules BEFORE UPDATE OR DELETE ON inventory_finding
    FOR EACH ROW EXECUTE FUNCTION inventory_finding_check();
CREATE TRIGGER inventory_finding_truncate BEFORE TRUNCATE ON inventory_finding
    FOR EACH STATEMENT EXECUTE FUNCTION inventory_finding_check();
"""
UNDO = """
DROP TRIGGER inventory_finding_truncate ON inventory_finding;
DROP TRIGGER inventory_finding_rules ON inventory_finding;
DROP TRIGGER inventory_attestation_truncate ON inventory_attestation;
DROP TRIGGER inventory_attestation_rules ON inventory_attestation;
DROP TRIGGER inventory_version_truncate ON inventory_inventoryversion;
DROP TRIGGER inventory_version_rules ON inventory_inventoryversion;
DROP TRIGGER inventory_system_truncate ON inventory_system;
DROP TRIGGER inventory_system_rules ON inventory_system;
DROP FUNCTION inventory_system_check, inventory_version_check, inventory_attestation_check, inventory_finding_check;
"""


class Migration(migrations.Migration):
    dependencies = [("inventory", "0001_initial"), ("audit", "0004_views")]
    operations = [
        migrations.RunSQL(RULES, UNDO),
        govern("inventory_system"),
        govern("inventory_inventoryversion", key="number"),
        govern("inventory_attestation", secret=["statement", "signed_by"], skip=["reminded_at"]),
        govern("inventory_finding", skip=["last_seen"]),
    ]
