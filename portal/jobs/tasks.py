"""The one Celery task. Sending it twice, late or never is harmless: the runner claims, the database re-drives."""

from uuid import UUID

from django.db import close_old_connections

from portal.celery import app

from . import runner


@app.task(name="portal.jobs.tasks.run_job")  # type: ignore[untyped-decorator]
def run_job(job_id: str) -> None:
    close_old_connections()
    runner.run(UUID(job_id))
