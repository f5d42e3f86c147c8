"""The rules of approvals once more, in the database: they hold for raw SQL, bulk writes and constructors too.

Every refusal is SQLSTATE 23514 (check_violation). The functions pin `search_path` with pg_temp last, so that a
temporary table cannot stand in for a real one.
"""

from django.db import migrations

CASE = """
CREATE FUNCTION approvals_case_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE check_violation USING MESSAGE = 'an approval case is never deleted';
  END IF;
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'open' THEN
      RAISE check_violation USING MESSAGE = 'an approval case begins open';
    END IF;
    RETURN NEW;
  END IF;
  IF (NEW.id, NEW.kind, NEW.title, NEW.subject_type, NEW.subject_id, NEW.business_unit, NEW.tenant_id, NEW.amount_inr,
      NEW.aggregation_key, NEW.aggregated_inr, NEW.aggregated_with, NEW.facts, NEW.snapshot, NEW.digest,
      NEW.requested_by_id, NEW.opened_at, NEW.expires_at)
     IS DISTINCT FROM
     (OLD.id, OLD.kind, OLD.title, OLD.subject_type, OLD.subject_id, OLD.business_unit, OLD.tenant_id, OLD.amount_inr,
      OLD.aggregation_key, OLD.aggregated_inr, OLD.aggregated_with, OLD.facts, OLD.snapshot, OLD.digest,
      OLD.requested_by_id, OLD.opened_at, OLD.expires_at) THEN
    RAISE check_violation USING MESSAGE = 'what an approval case is about is fixed when it opens';
  END IF;
  IF NEW.state = OLD.state THEN
    RETURN NEW;
  END IF;
  IF (OLD.state, NEW.state) NOT IN (
      ('open', 'signed'), ('open', 'rejected'), ('open', 'expired'), ('open', 'cancelled'), ('open', 'voided'),
      ('signed', 'approved'), ('signed', 'cancelled'), ('signed', 'voided'), ('approved', 'voided')) THEN
    RAISE check_violation USING MESSAGE = format('an approval case does not go from %s to %s', OLD.state, NEW.state);
  END IF;
  IF NEW.state IN ('signed', 'approved') THEN
    IF NOT EXISTS (SELECT FROM approvals_requirement r WHERE r.case_id = NEW.id)
       OR EXISTS (SELECT FROM approvals_requirement r
                  WHERE r.case_id = NEW.id AND r.state NOT IN ('met', 'waived')) THEN
      RAISE check_violation USING MESSAGE = 'an approval case needs every required signature';
    END IF;
    IF EXISTS (SELECT FROM approvals_signature s
               WHERE s.case_id = NEW.id AND (s.digest <> NEW.digest OR s.decision <> 'sign')) THEN
      RAISE check_violation USING MESSAGE = 'a signature of this case was given for other content';
    END IF;
  END IF;
  IF NEW.state = 'rejected' AND NOT EXISTS (
      SELECT FROM approvals_signature s WHERE s.case_id = NEW.id AND s.decision = 'reject') THEN
    RAISE check_violation USING MESSAGE = 'an approval case is rejected by a signature';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER approvals_case_guard BEFORE INSERT OR UPDATE OR DELETE ON approvals_case
  FOR EACH ROW EXECUTE FUNCTION approvals_case_guard();
"""

REQUIREMENT = """
CREATE FUNCTION approvals_requirement_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  case_state text;
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE check_violation USING MESSAGE = 'a requirement is never deleted';
  END IF;
  SELECT c.state INTO case_state FROM approvals_case c WHERE c.id = NEW.case_id FOR UPDATE;
  IF case_state <> 'open' THEN
    RAISE check_violation USING MESSAGE = 'the requirements of a closed case are fixed';
  END IF;
  IF TG_OP = 'INSERT' THEN
    IF NEW.state NOT IN ('waiting', 'waived') THEN
      RAISE check_violation USING MESSAGE = 'a requirement begins waiting or waived';
    END IF;
    RETURN NEW;
  END IF;
  IF (NEW.id, NEW.case_id, NEW.rule_id, NEW.rule_version, NEW.rule_title, NEW.rules, NEW.role, NEW."order", NEW.quorum,
      NEW.sla_hours, NEW.escalate_to)
     IS DISTINCT FROM
     (OLD.id, OLD.case_id, OLD.rule_id, OLD.rule_version, OLD.rule_title, OLD.rules, OLD.role, OLD."order", OLD.quorum,
      OLD.sla_hours, OLD.escalate_to) THEN
    RAISE check_violation USING MESSAGE = 'a requirement keeps the rule it was copied from';
  END IF;
  IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
      ('waiting', 'open'), ('waiting', 'blocked'), ('open', 'blocked'), ('blocked', 'open'), ('open', 'met')) THEN
    RAISE check_violation USING MESSAGE = format('a requirement does not go from %s to %s', OLD.state, NEW.state);
  END IF;
  IF NEW.state = 'open' AND EXISTS (
      SELECT FROM approvals_requirement r
      WHERE r.case_id = NEW.case_id AND r."order" < NEW."order" AND r.state NOT IN ('met', 'waived')) THEN
    RAISE check_violation USING MESSAGE = 'a requirement opens after those before it are met';
  END IF;
  IF NEW.state = 'met' AND (
      SELECT count(*) FROM approvals_signature s WHERE s.requirement_id = NEW.id AND s.decision = 'sign'
    ) < NEW.quorum THEN
    RAISE check_violation USING MESSAGE = 'a requirement is met by its quorum of signatures';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER approvals_requirement_guard BEFORE INSERT OR UPDATE OR DELETE ON approvals_requirement
  FOR EACH ROW EXECUTE FUNCTION approvals_requirement_guard();
"""

SIGNATURE = """
CREATE FUNCTION approvals_holds(holder uuid, wanted text, unit text, tenant uuid, anywhere boolean, instant timestamptz)
RETURNS boolean LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT EXISTS (
    SELECT FROM access_grant g JOIN access_user u ON u.id = g.user_id
    WHERE g.user_id = holder AND g.role = wanted AND g.revoked_at IS NULL
      AND g.valid_from <= instant AND (g.valid_until IS NULL OR g.valid_until > instant)
      AND u.is_active AND NOT u.is_superuser AND NOT u.is_service
      AND (anywhere OR g.scope_type = 'global'
           OR (g.scope_type = 'business_unit' AND g.scope_id = unit)
           OR (g.scope_type = 'tenant' AND g.scope_id = tenant::text)))
$$;

CREATE FUNCTION approvals_signature_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  c approvals_case;
  r approvals_requirement;
BEGIN
  IF TG_OP <> 'INSERT' THEN
    RAISE check_violation USING MESSAGE = 'a signature is never changed or deleted';
  END IF;
  SELECT * INTO c FROM approvals_case WHERE id = NEW.case_id FOR UPDATE;
  SELECT * INTO r FROM approvals_requirement WHERE id = NEW.requirement_id;
  IF c.state IS DISTINCT FROM 'open' OR NEW.at >= c.expires_at OR NEW.at < c.opened_at THEN
    RAISE check_violation USING MESSAGE = 'a closed case takes no signature';
  END IF;
  IF r.case_id IS DISTINCT FROM c.id OR r.state <> 'open' THEN
    RAISE check_violation USING MESSAGE = 'this requirement does not wait for a signature';
  END IF;
  IF NEW.digest <> c.digest THEN
    RAISE check_violation USING MESSAGE = 'a signature names the digest of its case';
  END IF;
  IF c.requested_by_id IN (NEW.signer_id, NEW.on_behalf_of_id) THEN
    RAISE check_violation USING MESSAGE = 'the requester does not sign';
  END IF;
  IF EXISTS (SELECT FROM approvals_signature s WHERE s.case_id = c.id
             AND (s.signer_id IN (NEW.signer_id, NEW.on_behalf_of_id)
                  OR s.on_behalf_of_id IN (NEW.signer_id, NEW.on_behalf_of_id))) THEN
    RAISE check_violation USING MESSAGE = 'one person fills one role in a case';
  END IF;
  IF NOT approvals_holds(NEW.signer_id, r.role, c.business_unit, c.tenant_id, NEW.on_behalf_of_id IS NOT NULL, NEW.at)
  THEN
    RAISE check_violation USING MESSAGE = 'the signer does not hold the role here';
  END IF;
  IF NEW.on_behalf_of_id IS NOT NULL THEN
    IF NOT approvals_holds(NEW.on_behalf_of_id, r.role, c.business_unit, c.tenant_id, false, NEW.at) THEN
      RAISE check_violation USING MESSAGE = 'the delegator does not hold the role here';
    END IF;
    IF NOT EXISTS (SELECT FROM approvals_delegation d
                   WHERE d.id = NEW.delegation_id AND d.delegator_id = NEW.on_behalf_of_id
                     AND d.delegate_id = NEW.signer_id AND d.role = r.role AND d.revoked_at IS NULL
                     AND d.valid_from <= NEW.at AND d.valid_until > NEW.at) THEN
      RAISE check_violation USING MESSAGE = 'no delegation allows this signature';
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER approvals_signature_guard BEFORE INSERT OR UPDATE OR DELETE ON approvals_signature
  FOR EACH ROW EXECUTE FUNCTION approvals_signature_guard();
CREATE TRIGGER approvals_signature_no_truncate BEFORE TRUNCATE ON approvals_signature
  FOR EACH STATEMENT EXECUTE FUNCTION approvals_signature_guard();
ALTER TABLE approvals_signature ENABLE ALWAYS TRIGGER approvals_signature_guard;
ALTER TABLE approvals_signature ENABLE ALWAYS TRIGGER approvals_signature_no_truncate;
"""

RULE_AND_DELEGATION = """
CREATE FUNCTION approvals_rule_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' OR (NEW.is_active AND NOT OLD.is_active)
     OR to_jsonb(NEW) - '{is_active,effective_until}'::text[] <> to_jsonb(OLD) - '{is_active,effective_until}'::text[]
  THEN
    RAISE check_violation USING MESSAGE = 'a rule version is ended, never changed: write the next version';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER approvals_rule_guard BEFORE UPDATE OR DELETE ON approvals_rule
  FOR EACH ROW EXECUTE FUNCTION approvals_rule_guard();

CREATE FUNCTION approvals_delegation_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' OR OLD.revoked_at IS NOT NULL
     OR to_jsonb(NEW) - 'revoked_at' <> to_jsonb(OLD) - 'revoked_at' THEN
    RAISE check_violation USING MESSAGE = 'a delegation is revoked once, never changed';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER approvals_delegation_guard BEFORE UPDATE OR DELETE ON approvals_delegation
  FOR EACH ROW EXECUTE FUNCTION approvals_delegation_guard();
"""

UNDO = """
DROP TRIGGER approvals_case_guard ON approvals_case;
DROP TRIGGER approvals_requirement_guard ON approvals_requirement;
DROP TRIGGER approvals_signature_guard ON approvals_signature;
DROP TRIGGER approvals_signature_no_truncate ON approvals_signature;
DROP TRIGGER approvals_rule_guard ON approvals_rule;
DROP TRIGGER approvals_delegation_guard ON approvals_delegation;
DROP FUNCTION approvals_case_guard, approvals_requirement_guard, approvals_signature_guard, approvals_rule_guard,
  approvals_delegation_guard, approvals_holds;
"""


class Migration(migrations.Migration):
    dependencies = [("approvals", "0001_initial")]
    operations = [migrations.RunSQL([CASE, REQUIREMENT, SIGNATURE, RULE_AND_DELEGATION], UNDO)]
