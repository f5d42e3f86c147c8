"""A rule may keep a part of a system whose rest goes; what is kept is counted apart."""

from django.core.validators import RegexValidator
from django.db import migrations, models
from django.db.models import Q

from portal.audit.govern import govern

PART = "Only this of the system, such as query_history of postgres; empty: all of it"
NO_ADDRESS = RegexValidator("^[^@\\x00-\\x1f\\x7f]+$", "names nobody: no @ and no control characters")


class Migration(migrations.Migration):
    dependencies = [("erasing", "0007_synthetic")]
    operations = [
        migrations.AddField(
            "retentionrule",
            "part",
            models.CharField(blank=True, default="", help_text=PART, max_length=200, validators=[NO_ADDRESS]),
            preserve_default=False,
        ),
        migrations.AddField(
            "exemption",
            "part",
            models.CharField(
                blank=True, default="", help_text="Only this of it; empty: all of the system", max_length=200
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            "systemrun",
            "kept",
            models.BigIntegerField(blank=True, help_text="What a law keeps of it: neither gone nor left", null=True),
        ),
        migrations.AddConstraint(
            "retentionrule",
            models.CheckConstraint(name="retention_rule_part_of_one", condition=Q(part="") | ~Q(system="")),
        ),
        govern("erasing_retentionrule", key="code", skip=["reviewed_on"]),
        govern("erasing_exemption"),
        govern("erasing_systemrun"),
    ]
