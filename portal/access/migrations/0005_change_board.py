from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0004_access_sessions"),
    ]

    operations = [
        migrations.AlterField(
            model_name="grant",
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
    ]
