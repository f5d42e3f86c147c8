"""Which set bears its region is decided once, before it is made, and is in the ledger."""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION naming_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE check_violation USING MESSAGE = 'what a set of resources is called never changes';
END $$;
CREATE TRIGGER naming_stays BEFORE UPDATE OR DELETE ON naming_regionalset
    FOR EACH ROW EXECUTE FUNCTION naming_check();
"""
UNDO = "DROP FUNCTION naming_check() CASCADE;"


class Migration(migrations.Migration):
    dependencies = [("naming", "0001_initial"), ("audit", "0005_reading")]
    operations = [migrations.RunSQL(RULES, UNDO), govern("naming_regionalset", tenant="tenant_id")]
