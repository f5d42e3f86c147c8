"""The one Celery task: jobs to work on, one after the other.

Sending it twice, late or never is harmless: the runner claims, the database re-drives. So is dying before the last.
"""

from uuid import UUID

from django.db import close_old_connections

from portal.celery import app

from . import runner


@app.task(name="portal.jobs.tasks.run_job")  # type: ignore[untyped-decorator]
def run_job(*job_ids: str) -> None:
    for job_id in job_ids:
        close_old_connections()
        runner.run(UUID(job_id))
