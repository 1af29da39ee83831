"""Makes, starts, aborts and removes the jobs of TAP and SODA; their rows are the truth (archive/jobs.py)."""

import hashlib
import shutil
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AbstractUser, User
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from archive.accounts.roles import Visitor
from archive.errors import BusyError, NotFoundError, UsageError
from archive.jobs import abort_job, remove_old_jobs
from archive.models.job import Job
from vo.uws.documents import shown_phase
from vo.uws.params import DEFAULT_DURATION_S, DEFAULT_LIFETIME, ListFilter

KIND = "tap"
KINDS = (KIND, "soda")
"""Kinds of jobs that clients make by UWS; what else is in the job table is the archive's own."""

RESULT_NAME = "result"
MOST_OPEN_JOBS = 2_000
"""Jobs that have not ended; beyond that no new one is taken."""

MOST_LISTED = 1_000
MOST_WAITING_REQUESTS = 10
"""Requests that may wait for a change of phase at once; others are answered at once."""

LOCK_QUERY = 4243
"""First key of the advisory lock that the query of a job holds; the second is `Job.lock_key`."""

ORPHAN_AGE_S = 3_600.0

OPEN_PHASES = (Job.Phase.PENDING, Job.Phase.QUEUED, Job.Phase.EXECUTING)

_ACCOUNT = "account:"
_waiting = threading.BoundedSemaphore(MOST_WAITING_REQUESTS)


def account_owner(user: Visitor) -> str:
    """Return how the job table names an account."""
    return f"{_ACCOUNT}{user.pk}"


def find_account(job: Job) -> AbstractUser | None:
    """Return the account that a job belongs to, if it does and may still log in."""
    if not is_of_account(job):
        return None
    return User.objects.filter(pk=int(job.owner.removeprefix(_ACCOUNT)), is_active=True).first()


def is_of_account(job: Job) -> bool:
    """Whether a job belongs to an account, so that nobody else may reach it."""
    return job.owner.startswith(_ACCOUNT)


def job_directory(job_id: UUID) -> Path:
    """Directory of a job's files: what was uploaded, and the result."""
    return settings.RESULTS_ROOT / str(job_id)


def create_job(parameters: Sequence[tuple[str, str]], *, owner: str, run_id: str, kind: str = KIND) -> Job:
    """Make a PENDING job; whether what it asks for is good shows when it runs.

    Raises
    ------
    BusyError
        If too many jobs have not ended.
    """
    if Job.objects.filter(kind=kind, phase__in=OPEN_PHASES).count() >= MOST_OPEN_JOBS:
        msg = f"there are {MOST_OPEN_JOBS} jobs that have not ended; try again later, or send the request to sync"
        raise BusyError(msg)
    now = timezone.now()
    return Job.objects.create(
        kind=kind,
        arguments={"parameters": [list(pair) for pair in parameters]},
        phase=Job.Phase.PENDING,
        run_id=run_id[:64],
        owner=owner,
        execution_duration_s=DEFAULT_DURATION_S,
        destruction_at=now + DEFAULT_LIFETIME,
    )


def _part_path(job_id: UUID, part: str) -> Path:
    return job_directory(job_id) / f"upload-{hashlib.sha256(part.encode()).hexdigest()}"


def store_parts(job: Job, parts: Mapping[str, bytes]) -> None:
    """Keep the uploaded tables of a PENDING job.

    Raises
    ------
    UsageError
        If the job is not PENDING any more.
    """
    if not parts:
        return
    if job.phase != Job.Phase.PENDING:
        msg = f"the job is {job.phase}; tables can be added while it is PENDING"
        raise UsageError(msg)
    job_directory(job.job_id).mkdir(mode=0o700, parents=True, exist_ok=True)
    for part, content in parts.items():
        _part_path(job.job_id, part).write_bytes(content)


def load_part(job: Job, part: str) -> bytes:
    """Return an uploaded table of a job.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    try:
        return _part_path(job.job_id, part).read_bytes()
    except FileNotFoundError:
        msg = f"UPLOAD names param:{part[:80]} and the job has no such part"
        raise UsageError(msg) from None


def find_job(job_id: UUID, kind: str = KIND) -> Job:
    """Return a job.

    Raises
    ------
    NotFoundError
        If there is none of that identifier, or its destruction time is over.
    """
    job = Job.objects.filter(kind=kind, job_id=job_id).first()
    if job is None or (job.destruction_at is not None and job.destruction_at < timezone.now()):
        msg = f"there is no job {job_id}; it may have been removed"
        raise NotFoundError(msg)
    return job


def list_jobs(owner: str, which: ListFilter, kind: str = KIND) -> QuerySet[Job]:
    """Return the jobs of an owner, newest first; without an owner, none."""
    if not owner:
        return Job.objects.none()
    found = Job.objects.filter(kind=kind, owner=owner, destruction_at__gte=timezone.now()).order_by("-created_at")
    if which.phases:
        phases = set(which.phases)
        if Job.Phase.EXECUTING in phases:
            phases.add(Job.Phase.QUEUED)
        elif Job.Phase.QUEUED in phases:
            phases.discard(Job.Phase.QUEUED)
        found = found.filter(phase__in=phases)
    if which.after is not None:
        found = found.filter(created_at__gt=which.after)
    return found[: min(which.last or MOST_LISTED, MOST_LISTED)]


def start_job(job: Job) -> None:
    """Let the workers have a PENDING job; the caller nudges one.

    Raises
    ------
    UsageError
        If it is not PENDING any more.
    """
    if not Job.objects.filter(job_id=job.job_id, phase=Job.Phase.PENDING).update(phase=Job.Phase.QUEUED):
        msg = f"PHASE=RUN starts PENDING jobs only; this one is {find_job(job.job_id, job.kind).phase}"
        raise UsageError(msg)


def stop_job(job: Job) -> None:
    """Abort a job and cancel its query.

    Raises
    ------
    UsageError
        If it has ended.
    """
    if not abort_job(job.job_id):
        msg = f"PHASE=ABORT comes too late; the job is {find_job(job.job_id, job.kind).phase}"
        raise UsageError(msg)
    _cancel_query(job.job_id)


def change_parameters(job: Job, parameters: Sequence[tuple[str, str]]) -> None:
    """Set parameters of a PENDING job; a name that it has gets the new values, UPLOAD gets them in addition.

    Raises
    ------
    UsageError
        If the job is not PENDING any more.
    """
    names = {name.upper() for name, _ in parameters} - {"UPLOAD"}
    with transaction.atomic():
        current = _lock_pending(job, "its parameters")
        kept = [pair for pair in current.arguments["parameters"] if pair[0].upper() not in names]
        current.arguments = {**current.arguments, "parameters": [*kept, *map(list, parameters)]}
        current.save(update_fields=["arguments"])


def change_duration(job: Job, seconds: int) -> None:
    """Set how long a PENDING job may run.

    Raises
    ------
    UsageError
        If the job is not PENDING any more.
    """
    with transaction.atomic():
        current = _lock_pending(job, "its execution duration")
        current.execution_duration_s = seconds
        current.save(update_fields=["execution_duration_s"])


def _lock_pending(job: Job, what: str) -> Job:
    current = Job.objects.select_for_update().filter(job_id=job.job_id).first()
    if current is None or current.phase != Job.Phase.PENDING:
        msg = f"the job is {current.phase if current else 'gone'}; {what} can be set while it is PENDING"
        raise UsageError(msg)
    return current


def remove_job(job: Job) -> None:
    """Abort a job if it runs, and remove it with its files."""
    if abort_job(job.job_id):
        _cancel_query(job.job_id)
    Job.objects.filter(job_id=job.job_id).delete()
    shutil.rmtree(job_directory(job.job_id), ignore_errors=True)


def await_change(job: Job, phases: Iterable[str], patience_s: float) -> Job:
    """Wait until the job's phase is none of `phases`; return the job as it is then, or after `patience_s`.

    UWS 1.1 section 2.2.1.1 lets a service answer earlier: it does if too many requests wait already.
    """
    awaited = set(phases)
    if patience_s <= 0 or shown_phase(job.phase) not in awaited or not _waiting.acquire(blocking=False):
        return job
    try:
        begun = time.monotonic()
        while (waited := time.monotonic() - begun) < patience_s:
            time.sleep(0.005 if waited < 1 else 0.05 if waited < 10 else 0.25)
            phase = Job.objects.filter(job_id=job.job_id).values_list("phase", flat=True).first()
            if phase is None or shown_phase(phase) not in awaited:
                break
    finally:
        _waiting.release()
    return find_job(job.job_id, job.kind)


def remove_expired_jobs() -> int:
    """Remove the jobs whose destruction time is over, old ones of other kinds, and directories without a job.

    Returns
    -------
    int
        How many jobs were removed.
    """
    expired = list(Job.objects.filter(kind__in=KINDS, destruction_at__lt=timezone.now()))
    for job in expired:
        remove_job(job)
    root = settings.RESULTS_ROOT
    for path in root.iterdir() if root.is_dir() else ():
        if time.time() - path.stat().st_mtime > ORPHAN_AGE_S and not _has_job(path.name):
            shutil.rmtree(path, ignore_errors=True)
    return len(expired) + remove_old_jobs()


def _has_job(name: str) -> bool:
    try:
        return Job.objects.filter(job_id=UUID(name)).exists()
    except ValueError:
        return True  # not ours to remove


def _cancel_query(job_id: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_cancel_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s"
            " AND objid = %s AND granted AND pid <> pg_backend_pid()"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [LOCK_QUERY, query_lock_key(job_id)],
        )


def query_lock_key(job_id: UUID) -> int:
    """Second key of the advisory lock of a job's query: 31 bits of its random identifier."""
    return job_id.int & 0x7FFFFFFF
