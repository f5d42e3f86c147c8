"""What a store lets expire by itself is switched off under a hold: what was in force is kept, to be put back."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

import portal.lib.clock
from portal.audit.govern import govern

# What was in force is known for as long as it has to be put back, and stays as evidence afterwards.
RULES = """
CREATE FUNCTION holds_suspended_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP IN ('DELETE', 'TRUNCATE') OR OLD.restored_at IS NOT NULL THEN
        RAISE EXCEPTION 'what was in force before a hold stays on record' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.restored_at IS NOT NULL AND EXISTS (
        SELECT FROM holds_hold WHERE tenant_id = NEW.tenant_id AND state IN ('placing', 'active', 'releasing'))
    THEN
        RAISE EXCEPTION 'nothing expires while this tenant is retained under law' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER holds_suspended_rules BEFORE UPDATE OR DELETE ON holds_suspended
    FOR EACH ROW EXECUTE FUNCTION holds_suspended_check();
CREATE TRIGGER holds_suspended_truncate BEFORE TRUNCATE ON holds_suspended
    FOR EACH STATEMENT EXECUTE FUNCTION holds_suspended_check();
"""


class Migration(migrations.Migration):
    dependencies = [("holds", "0002_rules")]
    operations = [
        migrations.AddField(
            "storehold",
            "systems",
            models.JSONField(default=dict, help_text="What expires by itself there, by system: switched off, or not"),
        ),
        migrations.CreateModel(
            name="Suspended",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("region", models.CharField(max_length=32)),
                ("system", models.CharField(max_length=40)),
                ("resource", models.CharField(max_length=256)),
                (
                    "before",
                    models.JSONField(help_text="What was in force: rules, days, or the day of a key's deletion"),
                ),
                ("suspended_at", models.DateTimeField(default=portal.lib.clock.now)),
                ("restored_at", models.DateTimeField(blank=True, null=True)),
                ("left", models.CharField(blank=True, help_text="Why it was not put back", max_length=200)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tenants.tenant"
                    ),
                ),
            ],
            options={"ordering": ["id"]},
        ),
        migrations.AddConstraint(
            "suspended",
            models.UniqueConstraint(
                name="suspended_once", fields=["tenant", "region", "system", "resource"], condition=Q(restored_at=None)
            ),
        ),
        migrations.RunSQL(RULES, "DROP FUNCTION holds_suspended_check() CASCADE"),
        govern("holds_storehold"),
        govern("holds_suspended", tenant="tenant_id"),
    ]
