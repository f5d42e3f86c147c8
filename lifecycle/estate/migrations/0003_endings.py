"""Where a lifetime counts and how a last day goes on, once more in the database."""

from django.db import migrations, models
from django.db.models import Q

RULES = """
CREATE FUNCTION estate_ending_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE check_violation USING MESSAGE = 'a last day is never removed from the record';
    END IF;
    IF (NEW.id, NEW.tenant_id, NEW.ends_at, NEW.digest) IS DISTINCT FROM
       (OLD.id, OLD.tenant_id, OLD.ends_at, OLD.digest) OR OLD.case_id <> NEW.case_id THEN
        RAISE check_violation USING MESSAGE = 'whose last day it is stays as it was asked';
    END IF;
    IF OLD.state <> NEW.state AND NOT (OLD.state || '>' || NEW.state) = ANY (ARRAY[
        'near>asked', 'asked>ended', 'asked>kept']) THEN
        RAISE check_violation USING MESSAGE = format('a last day does not go from %s to %s', OLD.state, NEW.state);
    END IF;
    IF NEW.state = 'ended' AND NOT EXISTS (
        SELECT FROM approvals_case WHERE id = NEW.case_id AND state = 'approved' AND subject_id = NEW.id::text
               AND digest = NEW.digest) THEN
        RAISE check_violation USING MESSAGE = 'a tenant is put out of use by an approved case of its own';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER estate_ending_rules BEFORE UPDATE OR DELETE ON estate_ending
    FOR EACH ROW EXECUTE FUNCTION estate_ending_check();
"""
UNDO = "DROP FUNCTION estate_ending_check CASCADE;"
ENVIRONMENTS = [("dev", "dev"), ("staging", "staging"), ("prod", "prod")]


class Migration(migrations.Migration):
    dependencies = [("estate", "0002_rules"), ("approvals", "0002_refusals")]
    operations = [
        migrations.AlterModelOptions(
            "lifetime",
            {"ordering": ["tier", "environment"], "verbose_name": "lifetime", "verbose_name_plural": "lifetimes"},
        ),
        migrations.AlterModelOptions(
            "ending", {"ordering": ["ends_at"], "verbose_name": "last day", "verbose_name_plural": "last days"}
        ),
        migrations.AlterField(
            "lifetime", "environment", models.CharField(choices=ENVIRONMENTS, max_length=16)
        ),
        migrations.AddConstraint(
            "lifetime",
            models.CheckConstraint(
                name="lifetime_is_somewhere", condition=Q(environment__in=[word for word, _ in ENVIRONMENTS])
            ),
        ),
        migrations.AddConstraint(
            "ending",
            models.CheckConstraint(
                name="ending_is_asked_by_a_case",
                condition=Q(state="near", case_id=None) | ~Q(state="near") & Q(case_id__isnull=False),
            ),
        ),
        migrations.RunSQL(RULES, UNDO),
    ]
