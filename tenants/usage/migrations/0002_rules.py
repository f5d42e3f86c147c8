"""Deltas are only added, into open months; a closed month stays closed."""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION usage_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'usage is append-only: % on % is refused; a correction is a delta of its own',
        TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER delta_rows_stay BEFORE UPDATE OR DELETE ON usage_delta FOR EACH ROW EXECUTE FUNCTION usage_refuse();
CREATE TRIGGER delta_no_truncate BEFORE TRUNCATE ON usage_delta FOR EACH STATEMENT EXECUTE FUNCTION usage_refuse();
CREATE TRIGGER month_rows_stay BEFORE DELETE ON usage_month FOR EACH ROW EXECUTE FUNCTION usage_refuse();
CREATE TRIGGER month_no_truncate BEFORE TRUNCATE ON usage_month FOR EACH STATEMENT EXECUTE FUNCTION usage_refuse();

-- FOR SHARE: whoever closes the month waits until what is being counted into it is committed.
CREATE FUNCTION usage_into_open_month() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM usage_month WHERE month = NEW.month_id AND closed_at IS NULL FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the month % is closed', NEW.month_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER delta_into_open_month BEFORE INSERT ON usage_delta
    FOR EACH ROW EXECUTE FUNCTION usage_into_open_month();

CREATE FUNCTION usage_month_stays_closed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the month % is closed and stays so', OLD.month USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER month_stays_closed BEFORE UPDATE ON usage_month
    FOR EACH ROW WHEN (OLD.closed_at IS NOT NULL) EXECUTE FUNCTION usage_month_stays_closed();
"""
UNDO = """
DROP TRIGGER month_stays_closed ON usage_month;
DROP FUNCTION usage_month_stays_closed();
DROP TRIGGER delta_into_open_month ON usage_delta;
DROP FUNCTION usage_into_open_month();
DROP TRIGGER month_no_truncate ON usage_month;
DROP TRIGGER month_rows_stay ON usage_month;
DROP TRIGGER delta_no_truncate ON usage_delta;
DROP TRIGGER delta_rows_stay ON usage_delta;
DROP FUNCTION usage_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [("usage", "0001_initial"), ("audit", "0004_views")]
    operations = [migrations.RunSQL(RULES, UNDO), govern("usage_month", key="month")]
