"""The moves of a reservation and the envelope's limit again, and a movement for each step whoever makes it."""

from django.db import migrations

RULES = """
CREATE FUNCTION tenants_check_reservation() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    held constant text[] := ARRAY['reserved', 'committed', 'actual'];
    envelope numeric;
    used numeric;
BEGIN
    IF TG_OP = 'INSERT' AND NEW.state <> 'requested' THEN
        RAISE EXCEPTION 'a reservation begins as requested' USING ERRCODE = 'check_violation';
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.state <> NEW.state AND NOT (OLD.state || '>' || NEW.state) = ANY (ARRAY[
        'requested>reserved', 'requested>released', 'reserved>committed', 'reserved>released', 'committed>actual',
        'committed>released', 'actual>released', 'released>requested'])
    THEN
        RAISE EXCEPTION 'a reservation does not go from % to %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.amount_inr <> NEW.amount_inr AND NOT OLD.state = ANY (ARRAY['requested', 'reserved'])
    THEN
        RAISE EXCEPTION 'the amount of what is % does not change', OLD.state USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'reserved' THEN
        SELECT envelope_inr INTO envelope FROM tenants_businessunit WHERE code = NEW.business_unit_id
            FOR NO KEY UPDATE;
        SELECT coalesce(sum(amount_inr), 0) INTO used FROM tenants_reservation
            WHERE business_unit_id = NEW.business_unit_id AND state = ANY (held) AND id <> NEW.id;
        IF used + NEW.amount_inr > envelope THEN
            RAISE EXCEPTION 'the envelope of % does not hold another %', NEW.business_unit_id, NEW.amount_inr
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reservation_moves BEFORE INSERT OR UPDATE OF state, amount_inr, business_unit_id ON tenants_reservation
    FOR EACH ROW EXECUTE FUNCTION tenants_check_reservation();

CREATE FUNCTION tenants_note_movement() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    actor text := coalesce(current_setting('bailiwick.actor', true), '');
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.amount_inr = NEW.amount_inr THEN
        IF OLD.state <> NEW.state THEN
            INSERT INTO tenants_movement (reservation_id, old, new, amount_inr, actor, at)
            VALUES (NEW.id, OLD.state, NEW.state, NEW.amount_inr, actor, now());
        END IF;
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO tenants_movement (reservation_id, old, new, amount_inr, actor, at)
        VALUES (OLD.id, OLD.state, '', OLD.amount_inr, actor, now());
    END IF;
    INSERT INTO tenants_movement (reservation_id, old, new, amount_inr, actor, at)
    VALUES (NEW.id, '', NEW.state, NEW.amount_inr, actor, now());
    RETURN NULL;
END $$;
CREATE TRIGGER reservation_is_noted AFTER INSERT OR UPDATE ON tenants_reservation
    FOR EACH ROW EXECUTE FUNCTION tenants_note_movement();

CREATE TRIGGER reservation_rows_stay BEFORE DELETE ON tenants_reservation
    FOR EACH ROW EXECUTE FUNCTION tenants_refuse_delete();
CREATE TRIGGER movement_rows_stay BEFORE UPDATE OR DELETE ON tenants_movement
    FOR EACH ROW EXECUTE FUNCTION tenants_refuse_delete();
CREATE TRIGGER movement_no_truncate BEFORE TRUNCATE ON tenants_movement
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_refuse_delete();
-- What stands already came from outside.
INSERT INTO tenants_movement (reservation_id, old, new, amount_inr, actor, at)
SELECT id, '', state, amount_inr, 'system:migrate', changed_at FROM tenants_reservation;
"""
UNDO = """
DROP TRIGGER movement_no_truncate ON tenants_movement;
DROP TRIGGER movement_rows_stay ON tenants_movement;
DROP TRIGGER reservation_rows_stay ON tenants_reservation;
DROP TRIGGER reservation_is_noted ON tenants_reservation;
DROP FUNCTION tenants_note_movement();
DROP TRIGGER reservation_moves ON tenants_reservation;
DROP FUNCTION tenants_check_reservation();
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0004_movements")]
    operations = [migrations.RunSQL(RULES, UNDO)]
