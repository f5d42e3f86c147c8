"""A closed statement stays as it is; agreements, rates and corrections are only added; cost centres are a view."""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION costs_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: it is kept as it is, and a change is a row of its own', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER agreement_rows_stay BEFORE UPDATE OR DELETE ON costs_agreement
    FOR EACH ROW EXECUTE FUNCTION costs_refuse();
CREATE TRIGGER agreement_no_truncate BEFORE TRUNCATE ON costs_agreement
    FOR EACH STATEMENT EXECUTE FUNCTION costs_refuse();
CREATE TRIGGER rate_rows_stay BEFORE UPDATE OR DELETE ON costs_rate FOR EACH ROW EXECUTE FUNCTION costs_refuse();
CREATE TRIGGER rate_no_truncate BEFORE TRUNCATE ON costs_rate FOR EACH STATEMENT EXECUTE FUNCTION costs_refuse();
CREATE TRIGGER adjustment_rows_stay BEFORE UPDATE OR DELETE ON costs_adjustment
    FOR EACH ROW EXECUTE FUNCTION costs_refuse();
CREATE TRIGGER adjustment_no_truncate BEFORE TRUNCATE ON costs_adjustment
    FOR EACH STATEMENT EXECUTE FUNCTION costs_refuse();
CREATE TRIGGER overrun_rows_stay BEFORE UPDATE OR DELETE ON costs_overrun
    FOR EACH ROW EXECUTE FUNCTION costs_refuse();
CREATE TRIGGER overrun_no_truncate BEFORE TRUNCATE ON costs_overrun
    FOR EACH STATEMENT EXECUTE FUNCTION costs_refuse();
CREATE TRIGGER adjustment_into_open_month BEFORE INSERT ON costs_adjustment
    FOR EACH ROW EXECUTE FUNCTION usage_into_open_month();

CREATE TRIGGER closed_statement_stays BEFORE UPDATE ON costs_statement
    FOR EACH ROW WHEN (OLD.state = 'closed') EXECUTE FUNCTION costs_refuse();
CREATE TRIGGER statement_rows_stay BEFORE DELETE ON costs_statement
    FOR EACH ROW EXECUTE FUNCTION costs_refuse();
CREATE TRIGGER statement_no_truncate BEFORE TRUNCATE ON costs_statement
    FOR EACH STATEMENT EXECUTE FUNCTION costs_refuse();
CREATE FUNCTION costs_closed_with_its_month() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM usage_month WHERE month = NEW.month_id AND closed_at IS NOT NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the month % is still open', NEW.month_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER statement_closed_with_its_month BEFORE INSERT OR UPDATE ON costs_statement
    FOR EACH ROW WHEN (NEW.state = 'closed') EXECUTE FUNCTION costs_closed_with_its_month();

CREATE VIEW costs_centremonth AS
SELECT md5(s.month_id::text || s.cost_centre)::uuid AS id, s.cost_centre, s.month_id, count(*) AS tenants,
       sum(s.known_inr) AS known_inr,
       CASE WHEN bool_and(s.total_inr IS NOT NULL) THEN sum(s.total_inr) END AS total_inr,
       sum(s.budget_inr) AS budget_inr,
       CASE WHEN bool_and(s.total_inr IS NOT NULL) AND sum(s.budget_inr) > 0
            THEN round((sum(s.total_inr) - sum(s.budget_inr)) * 100 / sum(s.budget_inr), 1) END AS variance_percent,
       CASE WHEN bool_and(s.state = 'closed') THEN 'closed' ELSE 'open' END AS state,
       sum(s.known_inr) > sum(s.budget_inr) AS is_over,
       EXISTS (SELECT FROM costs_overrun o WHERE o.cost_centre = s.cost_centre AND o.month_id = s.month_id)
           AS is_escalated,
       max(s.as_of) AS as_of
FROM costs_statement s GROUP BY s.month_id, s.cost_centre;
"""
UNDO = """
DROP VIEW costs_centremonth;
DROP TRIGGER statement_closed_with_its_month ON costs_statement;
DROP FUNCTION costs_closed_with_its_month();
DROP TRIGGER adjustment_into_open_month ON costs_adjustment;
DROP FUNCTION costs_refuse() CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [("costs", "0001_initial"), ("usage", "0002_rules"), ("audit", "0004_views")]
    operations = [
        migrations.RunSQL(RULES, UNDO),
        govern("costs_agreement", tenant="tenant_id"),
        govern("costs_rate"),
        govern("costs_adjustment", tenant="tenant_id"),
        govern("costs_overrun"),
    ]
