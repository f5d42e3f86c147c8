"""The rules of portfolios once more, in the database, and every change of them in the ledger."""

from django.db import migrations

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION portfolios_portfolio_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE check_violation USING MESSAGE = 'a portfolio is never removed';
  END IF;
  IF (NEW.number, NEW.target, NEW.is_rehearsal, NEW.requested_by_id)
     IS DISTINCT FROM (OLD.number, OLD.target, OLD.is_rehearsal, OLD.requested_by_id) THEN
    RAISE check_violation USING MESSAGE = 'where a portfolio goes is fixed when it is asked for';
  END IF;
  IF NEW.state <> OLD.state AND NOT (OLD.state || '>' || NEW.state) = ANY (ARRAY[
      'planned>running', 'planned>cancelled', 'running>stopped', 'running>completed', 'stopped>running',
      'stopped>cancelled']) THEN
    RAISE check_violation USING MESSAGE = format('a portfolio does not go from %s to %s', OLD.state, NEW.state);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER portfolios_portfolio_guard BEFORE UPDATE OR DELETE ON portfolios_portfolio
  FOR EACH ROW EXECUTE FUNCTION portfolios_portfolio_guard();

CREATE FUNCTION portfolios_member_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' OR (TG_OP = 'UPDATE' AND (
      OLD.left_out_at IS NOT NULL OR to_jsonb(NEW) - 'left_out_at' <> to_jsonb(OLD) - 'left_out_at')) THEN
    RAISE check_violation USING MESSAGE = 'a member is left out once, never changed or removed';
  END IF;
  IF NOT EXISTS (
      SELECT FROM migration_migration m JOIN portfolios_portfolio p ON p.id = NEW.portfolio_id
      WHERE m.id = NEW.migration_id AND m.tenant_id = NEW.tenant_id AND m.target = p.target
        AND (TG_OP = 'INSERT' OR m.state = 'rolled_back')) THEN
    RAISE check_violation USING MESSAGE = 'a member is a move of its tenant to the target; left out once it was taken back';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER portfolios_member_guard BEFORE INSERT OR UPDATE OR DELETE ON portfolios_member
  FOR EACH ROW EXECUTE FUNCTION portfolios_member_guard();

CREATE FUNCTION portfolios_start_in_turn() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF EXISTS (
      SELECT FROM portfolios_member b JOIN portfolios_portfolio p ON p.id = b.portfolio_id
      WHERE b.migration_id = NEW.id AND p.state <> 'running') THEN
    RAISE check_violation USING MESSAGE = 'a move of a portfolio starts while that runs';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER portfolios_start_in_turn BEFORE UPDATE OF state ON migration_migration
  FOR EACH ROW WHEN (OLD.state = 'initiated' AND NEW.state = 'provisioning_green')
  EXECUTE FUNCTION portfolios_start_in_turn();
"""
UNDO = "DROP FUNCTION portfolios_portfolio_guard, portfolios_member_guard, portfolios_start_in_turn CASCADE;"


class Migration(migrations.Migration):
    dependencies = [("portfolios", "0001_initial"), ("migration", "0002_rules"), ("audit", "0005_reading")]
    operations = [
        migrations.RunSQL(RULES, UNDO),
        govern("portfolios_portfolio", skip=["waits_for"]),
        govern("portfolios_member", tenant="tenant_id"),
    ]
