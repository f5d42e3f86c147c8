"""The state machine once more, in the database, and every change of these tables in the ledger."""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION migration_check_move() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    placed text;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE check_violation USING MESSAGE = 'a migration is never removed';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'initiated' THEN
            RAISE check_violation USING MESSAGE = 'a migration begins as initiated';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.state = NEW.state THEN
        RETURN NEW;
    END IF;
    IF NOT (OLD.state || '>' || NEW.state) = ANY (ARRAY[
        'initiated>provisioning_green', 'provisioning_green>initial_sync', 'initial_sync>dual_write_enabled',
        'dual_write_enabled>incremental_sync', 'incremental_sync>traffic_cutover_started',
        'traffic_cutover_started>traffic_cutover_complete', 'traffic_cutover_complete>blue_decommissioned',
        'blue_decommissioned>completed',
        'provisioning_green>paused', 'initial_sync>paused', 'dual_write_enabled>paused', 'incremental_sync>paused',
        'traffic_cutover_started>paused',
        'provisioning_green>failed', 'initial_sync>failed', 'dual_write_enabled>failed', 'incremental_sync>failed',
        'traffic_cutover_started>failed',
        'initiated>rolled_back', 'provisioning_green>rolled_back', 'initial_sync>rolled_back',
        'dual_write_enabled>rolled_back', 'incremental_sync>rolled_back', 'traffic_cutover_started>rolled_back',
        'traffic_cutover_complete>rolled_back', 'paused>rolled_back', 'failed>rolled_back'])
        AND NOT (OLD.state IN ('paused', 'failed') AND NEW.state = OLD.resumes_at)
    THEN
        RAISE check_violation USING MESSAGE = format('a migration does not go from %s to %s', OLD.state, NEW.state);
    END IF;
    IF NEW.state = 'provisioning_green' AND OLD.state = 'initiated' AND NOT NEW.is_rehearsal AND NOT EXISTS (
        SELECT FROM approvals_case WHERE id = NEW.case_id AND state = 'approved' AND subject_id = NEW.id::text)
    THEN
        RAISE check_violation USING MESSAGE = 'a migration starts with an approved case of its own';
    END IF;
    SELECT region INTO placed FROM tenants_tenant WHERE id = NEW.tenant_id;
    IF NEW.state = 'traffic_cutover_complete' AND placed <> NEW.target THEN
        RAISE check_violation USING MESSAGE = 'a cutover is complete when the tenant is placed in the target';
    END IF;
    IF NEW.state = 'rolled_back' AND placed <> NEW.source THEN
        RAISE check_violation USING MESSAGE = 'a migration is rolled back when the tenant is placed in the source';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER migration_moves BEFORE INSERT OR DELETE OR UPDATE OF state ON migration_migration
    FOR EACH ROW EXECUTE FUNCTION migration_check_move();
"""
UNDO = "DROP FUNCTION migration_check_move() CASCADE;"
PROGRESS = [
    "rows_copied", "bytes_copied", "copy_seconds", "keys_left", "lag_seconds", "exposure", "measured_at",
]  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [
        ("migration", "0001_initial"),
        ("placement", "0002_only_rises"),
        ("approvals", "0004_sealed_before_effect"),
        ("audit", "0005_reading"),
    ]
    operations = [
        migrations.RunSQL(RULES, UNDO),
        govern("migration_migration", skip=PROGRESS, tenant="tenant_id"),
        govern("migration_passage"),
        govern("migration_attempt"),
        govern("migration_playbook", key="tier_id"),
        govern("migration_redflag", tenant="tenant_id"),
    ]
