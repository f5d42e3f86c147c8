"""Versions are only added, one after the other, whoever writes them."""

from django.db import migrations

VERSION = """
CREATE FUNCTION configuration_version_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  newest integer;
BEGIN
  IF TG_OP <> 'INSERT' THEN
    RAISE check_violation USING MESSAGE = 'a version of configuration stays as it is; write the next one';
  END IF;
  SELECT coalesce(max(number), 0) INTO newest FROM configuration_version
    WHERE tier_id IS NOT DISTINCT FROM NEW.tier_id AND tenant_id IS NOT DISTINCT FROM NEW.tenant_id;
  IF NEW.number <> newest + 1 THEN
    RAISE check_violation USING MESSAGE = format('the next version is %s, not %s', newest + 1, NEW.number);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER configuration_version_guard BEFORE INSERT OR UPDATE OR DELETE ON configuration_version
  FOR EACH ROW EXECUTE FUNCTION configuration_version_guard();
"""
UNDO = "DROP FUNCTION configuration_version_guard CASCADE"


class Migration(migrations.Migration):
    dependencies = [("configuration", "0001_initial")]
    operations = [migrations.RunSQL(VERSION, UNDO)]
