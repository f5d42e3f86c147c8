"""The database repeats the rules that matter: which moves a job may make, and that what has finished stays so."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION jobs_guard_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a job is never deleted' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.job_epoch < OLD.job_epoch OR NEW.log_lines < OLD.log_lines THEN
        RAISE EXCEPTION 'job % goes backwards', OLD.id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.state IN ('succeeded', 'cancelled', 'failed') AND NOT (
        OLD.state = 'failed' AND NEW.state = 'queued' AND NEW.retries = OLD.retries + 1
    ) THEN
        RAISE EXCEPTION 'job % is % and never changes', OLD.id, OLD.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.state <> NEW.state AND (OLD.state || '>' || NEW.state) NOT IN (
        'queued>running', 'queued>cancelled', 'waiting>running', 'waiting>cancelled',
        'running>waiting', 'running>succeeded', 'running>failed', 'running>cancelling',
        'cancelling>cancelled', 'failed>queued'
    ) THEN
        RAISE EXCEPTION 'job % cannot go from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER jobs_guard_job BEFORE UPDATE OR DELETE ON jobs_job
    FOR EACH ROW EXECUTE FUNCTION jobs_guard_job();

CREATE FUNCTION jobs_guard_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state IN ('succeeded', 'skipped') THEN
        RAISE EXCEPTION 'step % of job % is % and never changes', OLD.name, OLD.job_id, OLD.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER jobs_guard_step BEFORE UPDATE OR DELETE ON jobs_step
    FOR EACH ROW EXECUTE FUNCTION jobs_guard_step();

CREATE FUNCTION jobs_guard_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a log line never changes' USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER jobs_guard_log BEFORE UPDATE ON jobs_logline
    FOR EACH ROW EXECUTE FUNCTION jobs_guard_log();
"""
BACKWARD = """
DROP TRIGGER jobs_guard_log ON jobs_logline;
DROP TRIGGER jobs_guard_step ON jobs_step;
DROP TRIGGER jobs_guard_job ON jobs_job;
DROP FUNCTION jobs_guard_log();
DROP FUNCTION jobs_guard_step();
DROP FUNCTION jobs_guard_job();
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
