from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("access", "0001_initial")]
    operations = [
        migrations.AddField(
            model_name="user",
            name="credential_epoch",
            field=models.PositiveIntegerField(
                default=0,
                help_text="Raised when the account is disabled: every session and token of before is void",
            ),
        ),
    ]
