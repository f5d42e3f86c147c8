"""Nobody reads elsewhere than a tenant's owner, unless the tenant moves; and every change is in the ledger."""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION reads_check_split() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.percent > 0 OR NEW.mirror > 0) AND NOT EXISTS (
        SELECT FROM tenants_tenant t WHERE t.id = NEW.tenant_id AND t.operation = 'migrating'
           AND t.routing_epoch = NEW.epoch AND t.region <> NEW.region)
    THEN
        RAISE check_violation USING MESSAGE = 'only a tenant that moves is read in another region, at its epoch';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reads_split_of_a_move BEFORE INSERT OR UPDATE ON reads_readsplit
    FOR EACH ROW EXECUTE FUNCTION reads_check_split();

CREATE FUNCTION reads_end_with_move() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM reads_readsplit s WHERE s.tenant_id = NEW.id AND s.epoch = NEW.routing_epoch
                  AND (s.percent > 0 OR s.mirror > 0))
    THEN
        RAISE check_violation USING MESSAGE = 'a move does not end while the tenant is read in another region';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tenant_reads_end BEFORE UPDATE OF operation ON tenants_tenant
    FOR EACH ROW WHEN (OLD.operation = 'migrating' AND NEW.operation <> 'migrating')
    EXECUTE FUNCTION reads_end_with_move();
"""
UNDO = """
DROP TRIGGER tenant_reads_end ON tenants_tenant;
DROP TRIGGER reads_split_of_a_move ON reads_readsplit;
DROP FUNCTION reads_check_split(), reads_end_with_move();
"""


class Migration(migrations.Migration):
    dependencies = [("reads", "0001_initial"), ("placement", "0002_only_rises"), ("audit", "0005_reading")]
    operations = [migrations.RunSQL(RULES, UNDO), govern("reads_readsplit", key="tenant_id", tenant="tenant_id")]
