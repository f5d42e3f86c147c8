"""A retired store is kept for a time before anything of it goes, and the database does not let it go earlier."""

import django.db.models
from django.db import migrations

from portal.audit.govern import govern

KEPT = """
CREATE FUNCTION retiring_retained() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE check_violation USING MESSAGE = format('it is kept until %s', NEW.retained_until);
END $$;
CREATE TRIGGER retiring_is_retained BEFORE UPDATE ON retiring_retirement FOR EACH ROW
    WHEN (OLD.state = 'queued' AND NEW.state <> 'queued' AND NEW.retained_until > clock_timestamp())
    EXECUTE FUNCTION retiring_retained();
"""


class Migration(migrations.Migration):
    dependencies = [("retiring", "0002_rules")]
    operations = [
        migrations.AddField(
            "retirement",
            "retained_until",
            django.db.models.DateTimeField(blank=True, help_text="Nothing of it goes before", null=True),
        ),
        migrations.RunSQL(KEPT, "DROP FUNCTION retiring_retained() CASCADE"),
        govern("retiring_retirement", tenant="tenant_id", skip=["key"]),
    ]
