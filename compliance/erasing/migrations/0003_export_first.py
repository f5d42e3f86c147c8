"""A whole tenant is erased once its data went back to it, or that was waived. What was asked for before keeps working."""

from django.db import migrations, models
from django.db.models import Q

from portal.audit.govern import govern

WORDS = [
    ("received", "an export was received"),
    ("waived", "waived"),
    ("before", "asked for before exports existed"),
]
BEFORE = """
UPDATE erasing_erasurerequest SET export_settled = 'before', export_settled_at = now(),
    export_settled_by = 'system:migrate', export_settled_how = 'Asked for before exports existed.'
WHERE kind = 'tenant'
"""
# What was settled stays as it is, and of a request that has begun nothing is settled any more.
STAYS = """
CREATE FUNCTION erasing_export_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.export_settled <> '' OR OLD.started_at IS NOT NULL OR NEW.kind <> 'tenant' THEN
        RAISE EXCEPTION 'how its export was settled stays as it is' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER erasing_export_stays BEFORE UPDATE OF export_settled, export_settled_how, export_settled_by,
    export_settled_at ON erasing_erasurerequest FOR EACH ROW
    WHEN ((OLD.export_settled, OLD.export_settled_how, OLD.export_settled_by, OLD.export_settled_at)
          IS DISTINCT FROM (NEW.export_settled, NEW.export_settled_how, NEW.export_settled_by, NEW.export_settled_at))
    EXECUTE FUNCTION erasing_export_check();
"""


class Migration(migrations.Migration):
    dependencies = [("erasing", "0002_rules")]
    operations = [
        migrations.AddField(
            "erasurerequest", "export_settled", models.CharField(blank=True, choices=WORDS, default="", max_length=8),
            preserve_default=False,
        ),
        migrations.AddField(
            "erasurerequest", "export_settled_how", models.CharField(blank=True, default="", max_length=1000),
            preserve_default=False,
        ),
        migrations.AddField(
            "erasurerequest", "export_settled_by", models.CharField(blank=True, default="", max_length=64),
            preserve_default=False,
        ),
        migrations.AddField("erasurerequest", "export_settled_at", models.DateTimeField(blank=True, null=True)),
        migrations.RunSQL(BEFORE, migrations.RunSQL.noop),
        migrations.AddConstraint(
            "erasurerequest",
            models.CheckConstraint(
                name="erasure_export_first",
                condition=~Q(kind="tenant") | Q(started_at=None) | ~Q(export_settled=""),
            ),
        ),
        migrations.AddConstraint(
            "erasurerequest",
            models.CheckConstraint(
                name="erasure_export_said_whole",
                condition=Q(export_settled="", export_settled_at=None)
                | Q(export_settled__in=[word for word, _ in WORDS], export_settled_at__isnull=False)
                & ~Q(export_settled_how=""),
            ),
        ),
        migrations.RunSQL(STAYS, "DROP FUNCTION erasing_export_check() CASCADE"),
        govern("erasing_erasurerequest", tenant="tenant_id", skip=["alarmed_at_days"]),
    ]
