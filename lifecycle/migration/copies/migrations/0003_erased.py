"""A copy that was released and erased."""

from django.db import migrations, models
from django.db.models import Q

STEPS = ("making>verified", "making>failed", "verified>replaced")
FURTHER = (*STEPS, "verified>erased", "failed>erased")
CHECK = """
CREATE OR REPLACE FUNCTION copies_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE check_violation USING MESSAGE = 'a copy is never removed from the record';
    END IF;
    IF TG_OP = 'INSERT' AND NEW.state <> 'making' THEN
        RAISE check_violation USING MESSAGE = 'a copy begins as being made';
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.state <> NEW.state
       AND NOT (OLD.state || '>' || NEW.state) = ANY (ARRAY[{steps}])
    THEN
        RAISE check_violation USING MESSAGE = format('a copy does not go from %s to %s', OLD.state, NEW.state);
    END IF;
    RETURN NEW;
END $$;
"""
STATES = [
    ("making", "being made"),
    ("verified", "verified"),
    ("replaced", "replaced"),
    ("failed", "failed"),
    ("erased", "erased"),
]


def check(steps: tuple[str, ...]) -> str:
    return CHECK.replace("{steps}", ", ".join(f"'{one}'" for one in steps))


class Migration(migrations.Migration):
    dependencies = [("copies", "0002_governed")]
    operations = [
        migrations.RunSQL(check(FURTHER), check(STEPS)),
        migrations.AlterField("tenantcopy", "state", models.CharField(choices=STATES, default="making", max_length=8)),
        migrations.RemoveConstraint("tenantcopy", "copy_state_known"),
        migrations.AddConstraint(
            "tenantcopy",
            models.CheckConstraint(name="copy_state_known", condition=Q(state__in=[name for name, _ in STATES])),
        ),
    ]
