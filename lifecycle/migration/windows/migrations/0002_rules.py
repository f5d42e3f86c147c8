"""What was signed of a window stays, and nothing of a move that is not before its switch slows or stops its tenant."""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION windows_is_before_switch(p_migration uuid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT state IN ('provisioning_green', 'initial_sync', 'dual_write_enabled', 'incremental_sync',
                     'traffic_cutover_started')
    FROM migration_migration WHERE id = p_migration
$$;
CREATE FUNCTION windows_check_window() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE check_violation USING MESSAGE = 'a window is never removed';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NOT EXISTS (SELECT FROM migration_migration m WHERE m.id = NEW.migration_id AND NEW.starts_at >= m.not_before
                       AND NEW.ends_at = NEW.starts_at + m.window_minutes * interval '1 minute') THEN
            RAISE check_violation USING MESSAGE = 'a window begins after the notice and is as long as was planned';
        END IF;
        IF NEW.opened_at IS NOT NULL THEN
            RAISE check_violation USING MESSAGE = 'a window begins shut';
        END IF;
        RETURN NEW;
    END IF;
    IF (OLD.migration_id, OLD.starts_at, OLD.ends_at) IS DISTINCT FROM (NEW.migration_id, NEW.starts_at, NEW.ends_at)
        OR (OLD.opened_at IS NOT NULL AND OLD.opened_at IS DISTINCT FROM NEW.opened_at)
        OR (OLD.closed_at IS NOT NULL AND OLD IS DISTINCT FROM NEW)
    THEN
        RAISE check_violation USING MESSAGE = 'a window was signed as it is, and is opened and closed once';
    END IF;
    IF OLD.opened_at IS NULL AND NEW.opened_at IS NOT NULL AND NOT windows_is_before_switch(NEW.migration_id) THEN
        RAISE check_violation USING MESSAGE = 'a window is opened by a move on its way to its switch';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER windows_of_moves BEFORE INSERT OR UPDATE OR DELETE ON windows_window
    FOR EACH ROW EXECUTE FUNCTION windows_check_window();

CREATE FUNCTION windows_check_throttle() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE check_violation USING MESSAGE = 'a throttle is never removed';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.approved_at IS NOT NULL OR NOT windows_is_before_switch(NEW.migration_id) THEN
            RAISE check_violation USING MESSAGE = 'a throttle is asked for by a move on its way to its switch';
        END IF;
        RETURN NEW;
    END IF;
    IF (OLD.migration_id, OLD.writes_per_second, OLD.minutes, OLD.asked_by_id)
        IS DISTINCT FROM (NEW.migration_id, NEW.writes_per_second, NEW.minutes, NEW.asked_by_id)
        OR (OLD.approved_at IS NOT NULL AND (OLD.approved_at, OLD.until) IS DISTINCT FROM (NEW.approved_at, NEW.until))
        OR (OLD.lifted_at IS NOT NULL AND OLD IS DISTINCT FROM NEW)
    THEN
        RAISE check_violation USING MESSAGE = 'a throttle is what was asked for, approved once and lifted once';
    END IF;
    IF OLD.approved_at IS NULL AND NEW.approved_at IS NOT NULL AND (
        NOT windows_is_before_switch(NEW.migration_id) OR NOT EXISTS (
            SELECT FROM migration_migration m JOIN tenants_tenant t ON t.id = m.tenant_id
            WHERE m.id = NEW.migration_id AND NEW.approved_by_id IN (t.owner_id, t.champion_id)))
    THEN
        RAISE check_violation USING MESSAGE = 'a throttle is approved by the tenant''s people, before the switch';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER windows_of_writes BEFORE INSERT OR UPDATE OR DELETE ON windows_throttle
    FOR EACH ROW EXECUTE FUNCTION windows_check_throttle();
"""
UNDO = """
DROP FUNCTION windows_check_window() CASCADE;
DROP FUNCTION windows_check_throttle() CASCADE;
DROP FUNCTION windows_is_before_switch(uuid);
"""


class Migration(migrations.Migration):
    dependencies = [("windows", "0001_initial"), ("tenants", "0001_initial"), ("audit", "0005_reading")]
    operations = [
        migrations.RunSQL(RULES, UNDO),
        govern("windows_window", key="migration_id"),
        govern("windows_throttle"),
    ]
