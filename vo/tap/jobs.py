"""Runs the query of a job into a file; this is what a worker executes for the kind of job ``tap``."""

import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import psycopg

from archive.errors import TooLargeError
from archive.jobs import JobAbortedError, current_job, report_progress
from archive.models.job import Job
from vo.tap.estimate import estimate_query
from vo.tap.executor import Run, Tally
from vo.tap.limits import result_room
from vo.tap.own_results import is_address, read_address
from vo.tap.params import TapRequest, merge_parameters, read_request
from vo.tap.services import run_query
from vo.tap.user_tables import visible_tables
from vo.uws.services import LOCK_QUERY, RESULT_NAME, find_account, job_directory, load_part, query_lock_key

REPORT_EVERY_S = 1.0


def run_tap(parameters: list[list[str]]) -> dict[str, object]:
    """Run the query of the current job.

    Parameters
    ----------
    parameters
        Pairs of name and value, as the client gave them.

    Returns
    -------
    dict
        The file's `name` for downloads, its `media_type`, `size_bytes`, `sha256` and `rows`, and what was estimated.

    Raises
    ------
    ArchiveError
        If the request is wrong or fails; nothing is left of the result then.
    """
    job = current_job()
    if job is None:
        msg = "run_tap runs the query of a job and there is none"
        raise RuntimeError(msg)
    request = read_request(merge_parameters((name, value) for name, value in parameters))
    room = result_room(job.owner)
    kept = visible_tables(find_account(job), request.query)
    estimated = _note_estimate(job, request) if not kept else {}
    run = Run(job.execution_duration_s, lambda connection: _hold_lock(connection, job), raise_late=True)
    contents = {p: read_address(p, job.owner) if is_address(p) else load_part(job, p) for _, p in request.uploads}
    result = run_query(request, run, contents, kept)
    directory = job_directory(job.job_id)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    size, sha256 = _write(result.content, directory / f"{RESULT_NAME}.part", room, run.tally, estimated)
    report_progress(1.0, f"{run.tally.rows} rows, {size} bytes written")
    (directory / f"{RESULT_NAME}.part").replace(directory / RESULT_NAME)
    form = request.result_format
    return {
        "name": f"result.{form.extension}",
        "media_type": form.media_type,
        "size_bytes": size,
        "sha256": sha256,
        "rows": run.tally.rows,
        **estimated,
    }


def _note_estimate(job: Job, request: TapRequest) -> dict[str, float]:
    """Keep the planner's expectation with the job; uploads have no statistics."""
    if request.uploads:
        return {}
    estimate = estimate_query(request)
    estimated = {"estimated_rows": estimate.rows, "estimated_cost": estimate.cost, "estimated_s": estimate.seconds}
    Job.objects.filter(job_id=job.job_id, phase=Job.Phase.EXECUTING).update(result=estimated)
    return estimated


def _hold_lock(connection: psycopg.Connection, job: Job) -> None:
    """Hold the lock by which an abort finds this connection, and make sure that there was none before."""
    connection.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", (LOCK_QUERY, query_lock_key(job.job_id)))
    if not Job.objects.filter(job_id=job.job_id, phase=Job.Phase.EXECUTING).exists():
        msg = f"Job {job.job_id} was aborted."
        raise JobAbortedError(msg)


def _write(
    content: Iterator[bytes], path: Path, room: int, tally: Tally, estimated: Mapping[str, float]
) -> tuple[int, str]:
    digest = hashlib.sha256()
    size, reported = 0, time.monotonic()
    try:
        with closing(content), path.open("wb") as file:  # pyright: ignore[reportArgumentType]  # a generator
            for chunk in content:
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                if size > room:
                    msg = f"the result is larger than {room / 2**30:.1f} GiB, the room that is left for your jobs"
                    raise TooLargeError(msg)
                if time.monotonic() - reported > REPORT_EVERY_S:
                    reported = time.monotonic()
                    fraction = tally.rows / max(estimated.get("estimated_rows", 0), 2 * tally.rows, 1)
                    report_progress(min(fraction, 0.99), f"{tally.rows} rows, {size} bytes written")
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return size, digest.hexdigest()
