"""Jira as a way out, and the page of the issue it made."""

from django.db import migrations, models

KINDS = [
    ("mail", "Mail"),
    ("webhook", "Webhook"),
    ("slack", "Slack"),
    ("teams", "Microsoft Teams"),
    ("pagerduty", "PagerDuty"),
    ("jira", "Jira"),
]


class Migration(migrations.Migration):
    dependencies = [("notify", "0002_governed")]
    operations = [
        migrations.AlterField("channel", "kind", models.CharField(choices=KINDS, max_length=16)),
        migrations.AddField(
            "delivery",
            "link",
            models.CharField(blank=True, default="", help_text="The issue a tracker made of it", max_length=500),
            preserve_default=False,
        ),
    ]
