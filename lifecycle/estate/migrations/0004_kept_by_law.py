"""What stands of a deleted tenant because a law keeps it is no orphan."""

from django.db import migrations, models

KINDS = [
    ("drift", "drift"),
    ("orphan", "orphan"),
    ("missing", "missing"),
    ("state", "state not as left"),
    ("kept", "kept by law"),
]


class Migration(migrations.Migration):
    dependencies = [("estate", "0003_endings")]
    operations = [migrations.AlterField("finding", "kind", models.CharField(choices=KINDS, max_length=8))]
