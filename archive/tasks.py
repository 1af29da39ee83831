"""Celery's doors to the job table; each is safe to run twice."""

import logging

from django.core.management import call_command
from kombu.exceptions import OperationalError

from archive.celery import app
from archive.jobs import count_waiting, run_next_job, submit_job, sweep_jobs
from archive.website.searches import count_cubes

logger = logging.getLogger(__name__)


@app.task
def work_task() -> None:
    """Run the job that has waited longest; if others wait, tell the next worker."""
    if run_next_job() and count_waiting():
        nudge()


@app.task(soft_time_limit=60)
def sweep_task() -> None:
    """Put the jobs of dead workers back, and tell a worker where something waits."""
    sweep_jobs()
    if count_waiting():
        nudge()


@app.task(soft_time_limit=60)
def clear_sessions_task() -> None:
    """Remove the sessions of accounts that have expired."""
    call_command("clearsessions")


@app.task(soft_time_limit=60)
def sweep_fixity_task() -> None:
    """Leave the daily sweep of stored files to a worker."""
    submit_job(kind="fixity", arguments={"older_than_days": 90.0})
    nudge()


@app.task(soft_time_limit=600)
def count_cubes_task() -> None:
    """Count the facets of a new release before its first visitor asks."""
    count_cubes()


def nudge() -> None:
    """Tell a worker that a job waits. Without a broker the job stays in its table until one is back."""
    try:
        app.send_task("archive.tasks.work_task", retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("no worker could be told about a waiting job, the next sweep will: %s", error)
