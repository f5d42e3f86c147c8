"""An amount says whether it is spent every year or once, and that is fixed with the rest of the case."""

from django.conf import settings
from django.db import migrations, models

from portal.audit.govern import govern

FIXED = """
CREATE FUNCTION approvals_period_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE check_violation USING MESSAGE = 'what an approval case is about is fixed when it opens';
END $$;
CREATE TRIGGER approvals_period_fixed BEFORE UPDATE ON approvals_case FOR EACH ROW
  WHEN (NEW.period IS DISTINCT FROM OLD.period) EXECUTE FUNCTION approvals_period_fixed();
"""
UNDO = "DROP FUNCTION approvals_period_fixed() CASCADE;"
MOVES_COST_ONCE = "UPDATE approvals_case SET period = 'once' WHERE kind = 'migration'"


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0004_sealed_before_effect"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="case",
            name="period",
            field=models.CharField(
                choices=[("year", "a year"), ("once", "once")], default="year", help_text="Of the amount", max_length=4
            ),
        ),
        migrations.AlterField(
            model_name="delegation",
            name="role",
            field=models.CharField(
                choices=[
                    ("platform_admin", "Platform administrator"),
                    ("platform_engineer", "Platform engineer"),
                    ("tenant_admin", "Tenant administrator"),
                    ("tenant_viewer", "Tenant viewer"),
                    ("cfo", "Chief Financial Officer"),
                    ("cco", "Chief Compliance Officer"),
                    ("legal", "Legal counsel"),
                    ("cto", "Chief Technology Officer"),
                    ("change_board", "Change advisory board"),
                    ("compliance_officer", "Compliance officer"),
                    ("auditor", "Auditor"),
                    ("service", "Service"),
                ],
                max_length=32,
            ),
        ),
        migrations.AlterField(
            model_name="requirement",
            name="escalate_to",
            field=models.CharField(
                choices=[
                    ("platform_admin", "Platform administrator"),
                    ("platform_engineer", "Platform engineer"),
                    ("tenant_admin", "Tenant administrator"),
                    ("tenant_viewer", "Tenant viewer"),
                    ("cfo", "Chief Financial Officer"),
                    ("cco", "Chief Compliance Officer"),
                    ("legal", "Legal counsel"),
                    ("cto", "Chief Technology Officer"),
                    ("change_board", "Change advisory board"),
                    ("compliance_officer", "Compliance officer"),
                    ("auditor", "Auditor"),
                    ("service", "Service"),
                ],
                max_length=32,
            ),
        ),
        migrations.AlterField(
            model_name="requirement",
            name="role",
            field=models.CharField(
                choices=[
                    ("platform_admin", "Platform administrator"),
                    ("platform_engineer", "Platform engineer"),
                    ("tenant_admin", "Tenant administrator"),
                    ("tenant_viewer", "Tenant viewer"),
                    ("cfo", "Chief Financial Officer"),
                    ("cco", "Chief Compliance Officer"),
                    ("legal", "Legal counsel"),
                    ("cto", "Chief Technology Officer"),
                    ("change_board", "Change advisory board"),
                    ("compliance_officer", "Compliance officer"),
                    ("auditor", "Auditor"),
                    ("service", "Service"),
                ],
                max_length=32,
            ),
        ),
        migrations.AlterField(
            model_name="rule",
            name="escalate_to",
            field=models.CharField(
                choices=[
                    ("platform_admin", "Platform administrator"),
                    ("platform_engineer", "Platform engineer"),
                    ("tenant_admin", "Tenant administrator"),
                    ("tenant_viewer", "Tenant viewer"),
                    ("cfo", "Chief Financial Officer"),
                    ("cco", "Chief Compliance Officer"),
                    ("legal", "Legal counsel"),
                    ("cto", "Chief Technology Officer"),
                    ("change_board", "Change advisory board"),
                    ("compliance_officer", "Compliance officer"),
                    ("auditor", "Auditor"),
                    ("service", "Service"),
                ],
                default="platform_admin",
                max_length=32,
            ),
        ),
        migrations.AlterField(
            model_name="rule",
            name="role",
            field=models.CharField(
                choices=[
                    ("platform_admin", "Platform administrator"),
                    ("platform_engineer", "Platform engineer"),
                    ("tenant_admin", "Tenant administrator"),
                    ("tenant_viewer", "Tenant viewer"),
                    ("cfo", "Chief Financial Officer"),
                    ("cco", "Chief Compliance Officer"),
                    ("legal", "Legal counsel"),
                    ("cto", "Chief Technology Officer"),
                    ("change_board", "Change advisory board"),
                    ("compliance_officer", "Compliance officer"),
                    ("auditor", "Auditor"),
                    ("service", "Service"),
                ],
                max_length=32,
            ),
        ),
        migrations.AddConstraint(
            model_name="case",
            constraint=models.CheckConstraint(
                condition=models.Q(("period__in", ["year", "once"])), name="approval_case_period_known"
            ),
        ),
        govern("approvals_case", tenant="tenant_id"),
        migrations.RunSQL(MOVES_COST_ONCE, migrations.RunSQL.noop),
        migrations.RunSQL(FIXED, UNDO),
    ]
