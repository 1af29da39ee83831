"""Long lists as jobs: the list and the parameters are kept with the job, the answer becomes a file beside them."""

import os
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import pyarrow as pa  # pyright: ignore[reportMissingTypeStubs]
import pyarrow.parquet as pq  # pyright: ignore[reportMissingTypeStubs]
from django.conf import settings
from django.db import transaction

from archive.errors import NotFoundError
from archive.jobs import report_progress, submit_job
from archive.models.job import Job
from upper_limits import services
from upper_limits.documents import CONTENT_TYPE_OF, FILE_ENDINGS, write_document
from upper_limits.params import read_request
from upper_limits.positions import Positions, Target

KIND = "upper_limits"
_LIST, _PREFIX = "positions.parquet", "upper-limits."


def submit_list(parameters: dict[str, list[str]], targets: Sequence[Target]) -> Job:
    """Check a request for a list, keep it, and make the job that answers it.

    Raises
    ------
    UsageError, TooLargeError, NotFoundError
        As the request itself would.
    """
    request = read_request(parameters, targets)
    services.answer(request)
    rest = {
        name: values for name, values in parameters.items() if name not in {"ra", "dec", "position", "name", "healpix"}
    }
    with transaction.atomic():
        job = submit_job(kind=KIND, arguments={"parameters": rest})
        job.arguments = {**job.arguments, "job_id": str(job.job_id)}
        job.save(update_fields=["arguments"])
        folder = _folder(job.job_id)
        folder.mkdir(parents=True)
        places = services.resolve_targets(request.targets)
        labels = [*places.labels] or [""] * len(places)
        table = pa.table({"ra": places.ra, "dec": places.dec, "label": labels,
                          "problem": [places.problems.get(number, "") for number in range(len(places))]})  # fmt: skip
        pq.write_table(table, folder / _LIST)
    return job


def answer_list(job_id: str, parameters: dict[str, list[str]]) -> dict[str, object]:
    """Write the answer of a job aside and rename it: an interrupted job starts again and leaves no half of a file."""
    folder = _folder(UUID(job_id))
    table = pq.read_table(folder / _LIST)
    problems = {number: text for number, text in enumerate(table.column("problem").to_pylist()) if text}
    places = Positions(
        table.column("ra").to_numpy(), table.column("dec").to_numpy(), table.column("label").to_pylist(), {}, problems
    )
    request = read_request(parameters, places)
    found = services.answer(request)
    path = folder / f"{_PREFIX}{FILE_ENDINGS[request.response_format]}"
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    rows = len(places) * sum(len(one.numbers) for one in found.selections)
    with aside.open("wb") as file:
        for number, part in enumerate(write_document(found, request.response_format)):
            file.write(part)
            if number % 10 == 0:
                done = min(1.0, number * services.CHUNK / max(1, len(places)))
                report_progress(0.99 * done, f"about {done:.0%} of {len(places)} positions")
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    return {"file": path.name, "media_type": CONTENT_TYPE_OF[request.response_format], "rows": rows}


def find_job(job_id: UUID) -> Job:
    """Find a job of a list.

    Raises
    ------
    NotFoundError
        If there is none of that identifier.
    """
    job = Job.objects.filter(job_id=job_id, kind=KIND).first()
    if job is None:
        raise NotFoundError(f"there is no job {job_id} of upper limits; results are kept for some days")
    return job


def result_path(job: Job) -> Path:
    """Path of the answer of a completed job.

    Raises
    ------
    NotFoundError
        If it has none.
    """
    path = _folder(job.job_id) / str((job.result or {}).get("file", "-"))
    if job.phase != Job.Phase.COMPLETED or not path.is_file():
        raise NotFoundError(f"job {job.job_id} is {job.phase} and has no result: {job.message}".rstrip(": "))
    return path


def _folder(job_id: UUID) -> Path:
    return Path(settings.RESULTS_ROOT) / str(job_id)
