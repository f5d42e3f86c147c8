"""Who was told of one piece of news is found by its key."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notify", "0003_jira")]
    operations = [
        migrations.AddIndex("notice", models.Index(fields=["key"], name="notice_key")),
    ]
