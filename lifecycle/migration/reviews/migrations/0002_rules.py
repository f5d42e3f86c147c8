"""The rules of reviews once more, in the database, every change of them in the ledger, and no retry before its day."""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION reviews_review_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' OR OLD.closed_at IS NOT NULL THEN
    RAISE check_violation USING MESSAGE = 'a review is never removed, and a closed one never changed';
  END IF;
  IF (NEW.migration_id, NEW.taken_back_by, NEW.timeline, NEW.opened_at)
     IS DISTINCT FROM (OLD.migration_id, OLD.taken_back_by, OLD.timeline, OLD.opened_at) THEN
    RAISE check_violation USING MESSAGE = 'what a review is about is fixed when it opens';
  END IF;
  IF NEW.closed_at IS NOT NULL THEN
    IF NOT EXISTS (SELECT FROM reviews_measure WHERE review_id = NEW.id) THEN
      RAISE check_violation USING MESSAGE = 'a review is closed with at least one measure';
    END IF;
    IF NEW.closed_by_id::text = NEW.taken_back_by OR EXISTS (
        SELECT FROM migration_migration m WHERE m.id = NEW.migration_id AND m.requested_by_id = NEW.closed_by_id) THEN
      RAISE check_violation USING MESSAGE = 'a review is closed by somebody who had no part in the move';
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER reviews_review_guard BEFORE UPDATE OR DELETE ON reviews_review
  FOR EACH ROW EXECUTE FUNCTION reviews_review_guard();

CREATE FUNCTION reviews_measure_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' OR (TG_OP = 'UPDATE' AND (
      OLD.done_at IS NOT NULL OR to_jsonb(NEW) - 'done_at' <> to_jsonb(OLD) - 'done_at')) THEN
    RAISE check_violation USING MESSAGE = 'a measure is done once, never changed or removed';
  END IF;
  IF TG_OP = 'INSERT' AND EXISTS (SELECT FROM reviews_review r WHERE r.id = NEW.review_id AND r.closed_at IS NOT NULL)
  THEN
    RAISE check_violation USING MESSAGE = 'a closed review takes no more measures';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER reviews_measure_guard BEFORE INSERT OR UPDATE OR DELETE ON reviews_measure
  FOR EACH ROW EXECUTE FUNCTION reviews_measure_guard();

CREATE FUNCTION reviews_no_retry_before() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF EXISTS (
      SELECT FROM reviews_review r JOIN migration_migration m ON m.id = r.migration_id
      WHERE m.tenant_id = NEW.tenant_id AND m.target = NEW.target
        AND (r.closed_at IS NULL OR r.retry_on > (now() AT TIME ZONE 'UTC')::date)) THEN
    RAISE check_violation USING MESSAGE = 'the same move was taken back, and its review does not allow another yet';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER reviews_no_retry_before BEFORE UPDATE OF state ON migration_migration
  FOR EACH ROW WHEN (OLD.state = 'initiated' AND NEW.state = 'provisioning_green')
  EXECUTE FUNCTION reviews_no_retry_before();
"""
UNDO = "DROP FUNCTION reviews_review_guard, reviews_measure_guard, reviews_no_retry_before CASCADE;"


class Migration(migrations.Migration):
    dependencies = [("reviews", "0001_initial"), ("migration", "0002_rules"), ("audit", "0005_reading")]
    operations = [
        migrations.RunSQL(RULES, UNDO),
        govern("reviews_review"),
        govern("reviews_measure"),
    ]
