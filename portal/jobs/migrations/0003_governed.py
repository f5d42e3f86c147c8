"""Every change of these tables enters the ledger."""

from django.db import migrations

from portal.audit.govern import govern


class Migration(migrations.Migration):
    dependencies = [("jobs", "0002_guards"), ("audit", "0004_views")]
    operations = [
        govern(
            "jobs_job",
            skip=["job_epoch", "lease_holder", "lease_until", "wake_at", "wait_reason", "driven_at", "log_lines"],
            tenant="tenant_id",
        ),
        govern("jobs_step", skip=["attempts", "losses", "done", "total", "started_at"]),
        govern("jobs_leaserule"),
    ]
