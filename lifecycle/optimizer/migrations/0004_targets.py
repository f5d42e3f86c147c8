"""One live change of one attribute of one resource, whichever findings ask for it; what it sets stays as it was signed."""

from django.db import migrations, models

from portal.audit.govern import govern

FILL = """
UPDATE optimizer_findingchange c SET target = concat_ws('/', f.region, c.change->'path'->>1, c.change->'path'->>2,
    CASE WHEN jsonb_typeof(c.change->'before') = 'string' AND c.change->'path'->>2 ~ '^(in|e)gress[.]'
         THEN c.change->>'before' END)
FROM optimizer_finding f WHERE f.key = c.finding_id
"""
FIXED = """
CREATE FUNCTION optimizer_target_fixed() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'what was asked stays as it was signed' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER optimizer_target_fixed BEFORE UPDATE ON optimizer_findingchange FOR EACH ROW
    WHEN (NEW.target IS DISTINCT FROM OLD.target) EXECUTE FUNCTION optimizer_target_fixed();
"""
LIVE = models.Q(("state__in", ["pending_approval", "approved", "applied"]))


class Migration(migrations.Migration):
    dependencies = [("optimizer", "0003_carrying")]
    operations = [
        migrations.RemoveConstraint(model_name="findingchange", name="optimizer_one_live_change"),
        migrations.AddField(
            model_name="findingchange",
            name="target",
            field=models.CharField(
                default="", editable=False, help_text="One attribute of one resource", max_length=300
            ),
            preserve_default=False,
        ),
        govern("optimizer_findingchange"),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="findingchange",
            constraint=models.UniqueConstraint(condition=LIVE, fields=("target",), name="optimizer_one_live_change"),
        ),
        migrations.RunSQL(FIXED, "DROP FUNCTION optimizer_target_fixed() CASCADE;"),
    ]
