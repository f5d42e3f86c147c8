"""Two snapshots of one comparison are never mixed with others, whoever writes."""

from django.db import migrations

RULES = """
CREATE FUNCTION comparing_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL THEN
        RAISE check_violation USING MESSAGE = 'a comparison that has ended does not change';
    END IF;
    IF (OLD.of_source IS NOT NULL AND NEW.of_source IS DISTINCT FROM OLD.of_source)
       OR (OLD.of_target IS NOT NULL AND NEW.of_target IS DISTINCT FROM OLD.of_target)
       OR (OLD.job_id, OLD.source, OLD.target) IS DISTINCT FROM (NEW.job_id, NEW.source, NEW.target)
    THEN
        RAISE check_violation USING MESSAGE = 'what is compared, and in which snapshots, does not change';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER comparing_moves BEFORE UPDATE ON comparing_comparison
    FOR EACH ROW EXECUTE FUNCTION comparing_check();

CREATE FUNCTION comparing_found_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE check_violation USING MESSAGE = 'what was found in two snapshots does not change';
    END IF;
    PERFORM FROM comparing_comparison
    WHERE id = NEW.comparison_id AND ended_at IS NULL AND of_source IS NOT NULL AND of_target IS NOT NULL FOR SHARE;
    IF NOT FOUND THEN
        RAISE check_violation USING MESSAGE = 'something is found in two snapshots that are held, or not at all';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER comparing_found BEFORE INSERT OR UPDATE ON comparing_found
    FOR EACH ROW EXECUTE FUNCTION comparing_found_check();
"""
UNDO = "DROP FUNCTION comparing_check() CASCADE; DROP FUNCTION comparing_found_check() CASCADE;"


class Migration(migrations.Migration):
    dependencies = [("comparing", "0001_initial")]
    operations = [migrations.RunSQL(RULES, UNDO)]
