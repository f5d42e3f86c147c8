"""A green of which only some stores are silent: which, and how much they have, is asked about like the rest."""

from django.db import migrations, models

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION losses_stores_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.stores - '{objects,vectors}'::text[] <> '{}' THEN
        RAISE check_violation USING MESSAGE = 'a loss is of objects, of vectors, or of a whole green';
    END IF;
    IF NEW.stores <> '{}' AND NEW.state = 'closed' THEN
        RAISE check_violation USING MESSAGE = 'a green whose database answers is closed by the way back itself';
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.stores <> NEW.stores THEN
        RAISE check_violation USING MESSAGE = 'what was asked about does not change';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER losses_stores BEFORE INSERT OR UPDATE ON losses_loss
    FOR EACH ROW EXECUTE FUNCTION losses_stores_check();
"""
UNDO = "DROP FUNCTION losses_stores_check() CASCADE;"


class Migration(migrations.Migration):
    dependencies = [("losses", "0002_governed")]
    operations = [
        migrations.AddField(
            "loss",
            "stores",
            models.JSONField(default=dict, help_text="Silent beside its database, and how much only they have"),
        ),
        migrations.RunSQL(RULES, UNDO),
        govern("losses_loss"),
    ]
