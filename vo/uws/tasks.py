"""Celery's door to the removal of old jobs."""

from archive.celery import app
from vo.tap.user_tables import remove_expired_tables
from vo.uws.services import remove_expired_jobs


@app.task(soft_time_limit=60)
def remove_expired_jobs_task() -> None:
    """Remove the jobs whose destruction time is over, with their files, and the kept tables that have expired."""
    remove_expired_jobs()
    remove_expired_tables()
