"""Jobs: rows in PostgreSQL are the truth, workers claim them, and a dead worker's job is noticed at once.

A worker that claims a job takes an advisory lock of its database session in the same transaction. PostgreSQL drops
the lock with the session, however the worker ends, so an EXECUTING row whose lock is free has no owner any more. No
leases, no clocks. Needs direct connections, or pgbouncer in session mode.
"""

import logging
import secrets
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.utils import Error as DatabaseError
from django.utils import timezone
from django.utils.module_loading import import_string

from archive.errors import ArchiveError, UsageError
from archive.models.job import Job

logger = logging.getLogger(__name__)

LOCK_SPACE = 4242
"""First key of the advisory locks of jobs; the second is `Job.lock_key`."""

MOST_ATTEMPTS = 5
"""A job whose worker died so often is at fault itself."""

_current: ContextVar[Job | None] = ContextVar("current_job", default=None)


class JobAbortedError(ArchiveError):
    """The job was aborted, or another worker has it: stop working on it."""


def submit_job(*, kind: str, arguments: Mapping[str, Any], run_id: str = "", owner: str = "") -> Job:
    """Write a job that any worker may take; the caller nudges a worker once the transaction is committed.

    Parameters
    ----------
    kind : key of ``settings.JOBS``
    arguments : keyword arguments of that function, in JSON's types

    Raises
    ------
    UsageError
        If there is no such kind.
    """
    if kind not in settings.JOBS:
        raise UsageError(f"There is no kind of job {kind!r}; there are {', '.join(sorted(settings.JOBS))}.")
    return Job.objects.create(kind=kind, arguments=dict(arguments), phase=Job.Phase.QUEUED, run_id=run_id, owner=owner)


def run_next_job() -> bool:
    """Claim the job that has waited longest and run it; return False where none waits."""
    job = claim_job()
    if job is None:
        return False
    run_job(job)
    return True


def count_waiting() -> int:
    """Return the number of jobs that no worker has taken yet."""
    return Job.objects.filter(phase=Job.Phase.QUEUED).count()


def claim_job() -> Job | None:
    """Take the oldest waiting job for this process: EXECUTING, under its advisory lock."""
    with transaction.atomic():
        job = (
            Job.objects.select_for_update(skip_locked=True)
            .filter(phase=Job.Phase.QUEUED)
            .order_by("created_at")
            .first()
        )
        if job is None:
            return None
        job.lock_key = _lock_key(job.job_id)
        if not _ask("SELECT pg_try_advisory_lock(%s, %s)", LOCK_SPACE, job.lock_key):
            return None  # its last worker is about to let it go; the next sweep comes back to it
        job.phase = Job.Phase.EXECUTING
        job.attempts += 1
        job.started_at = timezone.now()
        job.save(update_fields=["lock_key", "phase", "attempts", "started_at"])
    return job


def run_job(job: Job) -> None:
    """Run a claimed job to its end: COMPLETED, ERROR, or ABORTED by somebody else meanwhile.

    Where the database is lost the row stays EXECUTING, and the sweep gives it to another worker.
    """
    token = _current.set(job)
    try:
        function: Callable[..., object] = import_string(settings.JOBS[job.kind])
        result = function(**job.arguments)
    except JobAbortedError:
        logger.info("job %s was aborted", job.job_id)
    except Exception as error:  # noqa: BLE001 - a door: whatever the job raises belongs into its row
        if not connection.is_usable():
            connection.close()
            logger.warning("job %s lost the database; it will be run again: %s", job.job_id, error)
            return
        _finish(job, Job.Phase.ERROR, message=_describe(job, error))
    else:
        _finish(job, Job.Phase.COMPLETED, result=result)
    finally:
        _current.reset(token)
        if connection.connection is not None:
            _ask("SELECT pg_advisory_unlock(%s, %s)", LOCK_SPACE, job.lock_key)


def current_job() -> Job | None:
    """Return the job that this process is running now, or None outside of one."""
    return _current.get()


def report_progress(fraction: float, message: str = "") -> None:
    """Note how far the running job is; outside a job (a command in a terminal) this does nothing.

    Raises
    ------
    JobAbortedError
        If the job was aborted meanwhile.
    """
    job = _current.get()
    if job is None:
        return
    if not _still_ours(job).update(progress=fraction, message=message):
        raise JobAbortedError(f"Job {job.job_id} was aborted.")


def abort_job(job_id: UUID) -> bool:
    """Abort a job that has not ended, and cancel the query that it runs; return whether there was one."""
    open_phases = [Job.Phase.PENDING, Job.Phase.QUEUED, Job.Phase.EXECUTING]
    changed = Job.objects.filter(job_id=job_id, phase__in=open_phases).update(
        phase=Job.Phase.ABORTED, ended_at=timezone.now()
    )
    if changed:
        _ask(
            "SELECT count(pg_cancel_backend(pid)) FROM pg_locks"
            " WHERE locktype = 'advisory' AND classid = %s AND objid = %s AND granted AND pid <> pg_backend_pid()"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            LOCK_SPACE,
            _lock_key(job_id),
        )
    return bool(changed)


def sweep_jobs() -> int:
    """Put back the jobs whose worker has died; return how many. A job that killed five workers ends in ERROR."""
    found = 0
    with transaction.atomic():
        for job in Job.objects.select_for_update(skip_locked=True).filter(phase=Job.Phase.EXECUTING):
            if not _ask("SELECT pg_try_advisory_xact_lock(%s, %s)", LOCK_SPACE, job.lock_key):
                continue  # alive
            found += 1
            if job.attempts >= MOST_ATTEMPTS:
                job.phase, job.ended_at = Job.Phase.ERROR, timezone.now()
                job.message = f"The worker died {job.attempts} times while it ran this job."
            else:
                job.phase = Job.Phase.QUEUED
            job.save(update_fields=["phase", "ended_at", "message"])
            logger.warning("the worker of job %s died (attempt %d): %s", job.job_id, job.attempts, job.phase)
    return found


def remove_old_jobs(*, older_than: timedelta = timedelta(days=30)) -> int:
    """Remove jobs past their destruction time, or ended long ago; return how many."""
    now = timezone.now()
    expired = Job.objects.filter(destruction_at__lt=now) | Job.objects.filter(
        destruction_at=None, ended_at__lt=now - older_than
    )
    count, _ = expired.exclude(phase=Job.Phase.EXECUTING).delete()
    return count


def _finish(job: Job, phase: Job.Phase, *, message: str = "", result: object = None) -> None:
    values: dict[str, object] = {"phase": phase, "message": message, "result": result, "ended_at": timezone.now()}
    if phase == Job.Phase.COMPLETED:
        values["progress"] = 1.0
    if not _still_ours(job).update(**values):
        logger.warning("job %s ended as %s, but it was aborted or taken over before", job.job_id, phase)


def _still_ours(job: Job) -> Any:
    return Job.objects.filter(job_id=job.job_id, phase=Job.Phase.EXECUTING, attempts=job.attempts)


def _describe(job: Job, error: Exception) -> str:
    if isinstance(error, ArchiveError):
        return str(error)
    reference = secrets.token_hex(4)
    logger.error("job %s (%s) failed, ref %s", job.job_id, job.kind, reference, exc_info=error)
    kind = "database error" if isinstance(error, DatabaseError) else "internal error"
    return f"{kind} (ref {reference}); the worker's log has the details"


def _lock_key(job_id: UUID) -> int:
    """Second key of the advisory lock: 31 bits of the random identifier."""
    return job_id.int & 0x7FFFFFFF


def _ask(query: str, *values: int | None) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        row = cursor.fetchone()
    return row[0] if row else None
