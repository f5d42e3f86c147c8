"""Terms and rises are only added; arrears go forward only and stay; all of them enter the ledger."""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE TRIGGER terms_rows_stay BEFORE UPDATE OR DELETE ON costs_terms FOR EACH ROW EXECUTE FUNCTION costs_refuse();
CREATE TRIGGER terms_no_truncate BEFORE TRUNCATE ON costs_terms FOR EACH STATEMENT EXECUTE FUNCTION costs_refuse();
CREATE TRIGGER rise_rows_stay BEFORE UPDATE OR DELETE ON costs_rise FOR EACH ROW EXECUTE FUNCTION costs_refuse();
CREATE TRIGGER rise_no_truncate BEFORE TRUNCATE ON costs_rise FOR EACH STATEMENT EXECUTE FUNCTION costs_refuse();
CREATE TRIGGER arrears_rows_stay BEFORE DELETE ON costs_arrears FOR EACH ROW EXECUTE FUNCTION costs_refuse();
CREATE TRIGGER ended_arrears_stay BEFORE UPDATE ON costs_arrears
    FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION costs_refuse();
CREATE TRIGGER arrears_no_truncate BEFORE TRUNCATE ON costs_arrears
    FOR EACH STATEMENT EXECUTE FUNCTION costs_refuse();
"""
UNDO = """
DROP TRIGGER arrears_no_truncate ON costs_arrears;
DROP TRIGGER ended_arrears_stay ON costs_arrears;
DROP TRIGGER arrears_rows_stay ON costs_arrears;
DROP TRIGGER rise_no_truncate ON costs_rise;
DROP TRIGGER rise_rows_stay ON costs_rise;
DROP TRIGGER terms_no_truncate ON costs_terms;
DROP TRIGGER terms_rows_stay ON costs_terms;
"""


class Migration(migrations.Migration):
    dependencies = [("costs", "0003_terms")]
    operations = [
        migrations.RunSQL(RULES, UNDO),
        govern("costs_terms"),
        govern("costs_arrears", tenant="tenant_id"),
        govern("costs_rise", tenant="tenant_id"),
    ]
