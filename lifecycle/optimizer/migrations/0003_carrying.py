"""By which job a change was carried out in its tenant's stack, and when: once, and only an approved one."""

from django.db import migrations, models
from django.db.models import Q

from portal.audit.govern import govern

RULES = """
CREATE FUNCTION optimizer_carried_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.carried_out_at <> NEW.carried_out_at OR (OLD.carried_out_at IS NOT NULL AND NEW.carried_out_at IS NULL) THEN
        RAISE EXCEPTION 'what was carried out was carried out then' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.carried_out_at IS NULL AND NEW.carried_out_at IS NOT NULL AND NEW.state NOT IN ('approved', 'applied') THEN
        RAISE EXCEPTION 'only an approved change is carried out' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER optimizer_carried_rules BEFORE UPDATE ON optimizer_findingchange
    FOR EACH ROW EXECUTE FUNCTION optimizer_carried_check();
"""
UNDO = "DROP FUNCTION optimizer_carried_check CASCADE;"


class Migration(migrations.Migration):
    dependencies = [("optimizer", "0002_rules")]
    operations = [
        migrations.AddField(
            "findingchange",
            "job_id",
            models.UUIDField(
                blank=True, help_text="That carries it out; none: whoever runs its stack", null=True
            ),
        ),
        migrations.AddField("findingchange", "carried_out_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddConstraint(
            "findingchange",
            models.CheckConstraint(
                name="finding_change_is_carried_out_by_a_job",
                condition=Q(carried_out_at=None) | Q(job_id__isnull=False),
            ),
        ),
        migrations.RunSQL(RULES, UNDO),
        govern("optimizer_findingchange"),
    ]
