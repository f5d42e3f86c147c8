from django.db import migrations

RULES = """
-- An epoch is in force once, and what was given out is not given out again.
CREATE FUNCTION placement_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.routing_epoch < OLD.routing_epoch THEN
        RAISE check_violation USING MESSAGE = 'a routing epoch only rises';
    END IF;
    IF NEW.region <> OLD.region AND NEW.routing_epoch = OLD.routing_epoch THEN
        RAISE check_violation USING MESSAGE = 'a tenant changes its region with a fresh routing epoch';
    END IF;
    IF NEW.routing_epoch > OLD.routing_epoch AND NOT EXISTS (
        SELECT FROM placement_epochcounter WHERE tenant_id = NEW.id AND value >= NEW.routing_epoch)
    THEN
        RAISE check_violation USING MESSAGE = 'this routing epoch was never given out';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tenant_placement BEFORE UPDATE OF region, routing_epoch ON tenants_tenant
    FOR EACH ROW EXECUTE FUNCTION placement_check();

CREATE FUNCTION placement_counter_rises() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.value <= OLD.value THEN
        RAISE check_violation USING MESSAGE = 'the counter of routing epochs only rises';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER counter_rises BEFORE UPDATE OR DELETE ON placement_epochcounter
    FOR EACH ROW EXECUTE FUNCTION placement_counter_rises();
"""
UNDO = """
DROP TRIGGER tenant_placement ON tenants_tenant;
DROP TRIGGER counter_rises ON placement_epochcounter;
DROP FUNCTION placement_check(), placement_counter_rises();
"""


class Migration(migrations.Migration):
    dependencies = [("placement", "0001_initial"), ("tenants", "0005_envelope_moves")]
    operations = [migrations.RunSQL(RULES, UNDO)]
