"""An obligation says which part of its system a law keeps until its day; those there are say it in words already."""

from django.db import migrations, models

from portal.audit.govern import govern

PART = "What a law keeps of it until that day, if so"
SAID = """
UPDATE erasing_obligation o SET part = e.part FROM erasing_exemption e
WHERE e.request_id = o.request_id AND e.system = o.system AND e.part <> ''
  AND o.owed = e.part || ' is kept by law until that day (' || e.rule || '), and owed then'
"""


class Migration(migrations.Migration):
    dependencies = [("erasing", "0008_kept_parts")]
    operations = [
        migrations.AddField(
            "obligation",
            "part",
            models.CharField(blank=True, default="", help_text=PART, max_length=200),
            preserve_default=False,
        ),
        migrations.RunSQL(SAID, migrations.RunSQL.noop),
        govern("erasing_obligation", skip=["alarmed_at_days"]),
    ]
