from django.db import migrations

RULES = """
CREATE FUNCTION tenants_refuse_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a row of % is never removed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER tenant_rows_stay BEFORE DELETE ON tenants_tenant
    FOR EACH ROW EXECUTE FUNCTION tenants_refuse_delete();
CREATE TRIGGER tenant_no_truncate BEFORE TRUNCATE ON tenants_tenant
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_refuse_delete();

-- The state machine again, for writes that do not come through it.
CREATE FUNCTION tenants_check_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> NEW.status AND NOT (OLD.status || '>' || NEW.status) = ANY (ARRAY[
        'requested>provisioning', 'provisioning>active', 'provisioning>failed', 'active>suspended',
        'suspended>active', 'suspended>archived', 'active>erasing', 'suspended>erasing', 'archived>erasing',
        'erasing>deleted', 'erasing>active', 'erasing>suspended', 'erasing>archived'])
    THEN
        RAISE EXCEPTION 'a tenant does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tenant_moves BEFORE UPDATE OF status ON tenants_tenant
    FOR EACH ROW EXECUTE FUNCTION tenants_check_move();

-- A published price is what somebody signed for.
CREATE TRIGGER price_rows_stay BEFORE UPDATE OR DELETE ON tenants_price
    FOR EACH ROW EXECUTE FUNCTION tenants_refuse_delete();
"""
UNDO = """
DROP TRIGGER price_rows_stay ON tenants_price;
DROP TRIGGER tenant_moves ON tenants_tenant;
DROP FUNCTION tenants_check_move();
DROP TRIGGER tenant_no_truncate ON tenants_tenant;
DROP TRIGGER tenant_rows_stay ON tenants_tenant;
DROP FUNCTION tenants_refuse_delete();
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]
    operations = [migrations.RunSQL(RULES, UNDO)]
