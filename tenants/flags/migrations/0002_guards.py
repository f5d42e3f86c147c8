"""The rules of flags once more, in the database: they hold for raw SQL and constructors too.

Every refusal is SQLSTATE 23514 (check_violation). Days are UTC's, as the application's are.
"""

from django.db import migrations

FLAG = """
ALTER TABLE flags_flag ADD CONSTRAINT flag_ends_within_90_days
    CHECK (kind = 'kill_switch' OR expires_on - created_on <= 90);

CREATE FUNCTION flags_flag_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE check_violation USING MESSAGE = 'a flag is archived, never removed';
  END IF;
  IF NOT (NEW.variants ? NEW.off_variant AND NEW.variants ? NEW.default_variant)
     OR (NEW.rollout_variant <> '' AND NOT NEW.variants ? NEW.rollout_variant) THEN
    RAISE check_violation USING MESSAGE = 'a flag gives only variants that it has';
  END IF;
  IF TG_OP = 'UPDATE' THEN
    IF OLD.archived_at IS NOT NULL THEN
      RAISE check_violation USING MESSAGE = 'an archived flag stays as it is';
    END IF;
    IF (NEW.kind, NEW.type, NEW.variants, NEW.off_variant, NEW.rollout_variant, NEW.created_on) IS DISTINCT FROM
       (OLD.kind, OLD.type, OLD.variants, OLD.off_variant, OLD.rollout_variant, OLD.created_on) THEN
      RAISE check_violation USING MESSAGE = 'kind, type and variants of a flag are fixed when it is made';
    END IF;
  ELSIF NEW.kind <> 'kill_switch' AND NEW.archived_at IS NULL THEN
    PERFORM pg_advisory_xact_lock(hashtext('flags'));
    IF (SELECT count(*) FROM flags_flag WHERE kind <> 'kill_switch' AND archived_at IS NULL) >= 50 THEN
      RAISE check_violation USING MESSAGE = 'at most 50 flags are active';
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER flags_flag_guard BEFORE INSERT OR UPDATE OR DELETE ON flags_flag
  FOR EACH ROW EXECUTE FUNCTION flags_flag_guard();
"""

# What a flag gives: never a variant it does not have, nothing new once it has ended, and a rollout step by step.
RULES = """
CREATE FUNCTION flags_rule_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  flag flags_flag;
BEGIN
  SELECT * INTO flag FROM flags_flag WHERE key = NEW.flag_id;
  IF NEW.variant <> '' AND NOT flag.variants ? NEW.variant THEN
    RAISE check_violation USING MESSAGE = 'a flag gives only variants that it has';
  END IF;
  IF NEW.variant <> '' AND (TG_OP = 'INSERT' OR NEW.variant <> OLD.variant)
     AND flag.expires_on < (now() AT TIME ZONE 'UTC')::date THEN
    RAISE check_violation USING MESSAGE = 'a flag that has ended takes nothing new';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER flags_tier_guard BEFORE INSERT OR UPDATE ON flags_tierrule
  FOR EACH ROW EXECUTE FUNCTION flags_rule_guard();
CREATE TRIGGER flags_override_guard BEFORE INSERT OR UPDATE ON flags_override
  FOR EACH ROW EXECUTE FUNCTION flags_rule_guard();

CREATE FUNCTION flags_rollout_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  before integer := 0;
  flag flags_flag;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    before := OLD.percent;
  END IF;
  IF NEW.percent > before THEN
    SELECT * INTO flag FROM flags_flag WHERE key = NEW.flag_id;
    IF flag.rollout_variant = '' THEN
      RAISE check_violation USING MESSAGE = 'this flag has no variant to roll out';
    END IF;
    IF (before, NEW.percent) NOT IN ((0, 10), (10, 50), (50, 100)) THEN
      RAISE check_violation USING MESSAGE = format('a rollout does not go from %s to %s', before, NEW.percent);
    END IF;
    IF flag.expires_on < (now() AT TIME ZONE 'UTC')::date THEN
      RAISE check_violation USING MESSAGE = 'a flag that has ended takes nothing new';
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER flags_rollout_guard BEFORE INSERT OR UPDATE ON flags_tierrule
  FOR EACH ROW EXECUTE FUNCTION flags_rollout_guard();
"""

# One level: no flag stands on both sides of relations. The lock makes two writers see each other.
RELATIONS = """
CREATE FUNCTION flags_relation_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('flags'));
  IF EXISTS (SELECT FROM flags_relation WHERE other_id = NEW.flag_id OR flag_id = NEW.other_id) THEN
    RAISE check_violation USING MESSAGE = 'relations of flags go one level deep';
  END IF;
  IF EXISTS (SELECT FROM flags_flag WHERE key IN (NEW.flag_id, NEW.other_id) AND archived_at IS NOT NULL) THEN
    RAISE check_violation USING MESSAGE = 'an archived flag is related to nothing';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER flags_relation_guard BEFORE INSERT OR UPDATE ON flags_relation
  FOR EACH ROW EXECUTE FUNCTION flags_relation_guard();
"""

# What was seen and what was concluded is not taken back.
RECORDS = """
CREATE FUNCTION flags_record_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  RAISE check_violation USING MESSAGE = format('a row of %s stays as it is', TG_TABLE_NAME);
END $$;
CREATE TRIGGER flags_review_guard BEFORE UPDATE OR DELETE ON flags_review
  FOR EACH ROW EXECUTE FUNCTION flags_record_guard();

CREATE FUNCTION flags_exposure_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF (NEW.flag_id, NEW.variant, NEW."on") IS DISTINCT FROM (OLD.flag_id, OLD.variant, OLD."on")
     OR NEW.requests < OLD.requests OR NEW.errors < OLD.errors OR NEW.latency_ms < OLD.latency_ms THEN
    RAISE check_violation USING MESSAGE = 'figures of an exposure only grow';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER flags_exposure_guard BEFORE UPDATE ON flags_exposure
  FOR EACH ROW EXECUTE FUNCTION flags_exposure_guard();
"""
UNDO = """
DROP FUNCTION flags_exposure_guard, flags_record_guard, flags_relation_guard, flags_rollout_guard, flags_rule_guard,
    flags_flag_guard CASCADE;
ALTER TABLE flags_flag DROP CONSTRAINT flag_ends_within_90_days;
"""


class Migration(migrations.Migration):
    dependencies = [("flags", "0001_initial")]
    operations = [
        migrations.RunSQL([FLAG, RULES, RELATIONS, RECORDS], UNDO),
    ]
