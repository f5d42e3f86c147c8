"""As many different persons as the rule asked for stand behind a certificate; what erased and verified is none of them."""

from django.db import migrations

PERSONS = """
CREATE FUNCTION certificates_persons() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    roles jsonb := NEW.core::jsonb #> '{erasure,roles}';
    persons text[];
BEGIN
    SELECT array_agg(DISTINCT one) INTO persons FROM (
        SELECT roles ->> 'requester' UNION ALL SELECT jsonb_array_elements_text(roles -> 'approvers')) AS of(one);
    IF roles IS NULL OR cardinality(persons) < greatest(2, (roles ->> 'needed')::integer)
       OR cardinality(persons) <= jsonb_array_length(roles -> 'approvers')
       OR ARRAY[roles ->> 'executor', roles ->> 'verifier'] && persons
    THEN
        RAISE EXCEPTION 'fewer different persons stand behind this certificate than its rule asks for'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER certificate_persons BEFORE INSERT ON certificates_certificate
    FOR EACH ROW WHEN (NEW.type <> 'refusal') EXECUTE FUNCTION certificates_persons();
"""
UNDO = "DROP FUNCTION certificates_persons() CASCADE;"


class Migration(migrations.Migration):
    dependencies = [("certificates", "0002_rules")]
    operations = [migrations.RunSQL(PERSONS, UNDO)]
