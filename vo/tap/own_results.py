"""Uploads by address: results of this archive's own jobs, read from disk.

Nothing is ever fetched from a network for a user, so there is no address by which a server could be made to ask
another one.
"""

import re
from uuid import UUID

from django.conf import settings

from archive.errors import NotFoundError, TooLargeError, UsageError
from archive.models.job import Job
from vo.tap.params import MOST_UPLOAD_BYTES
from vo.uws.services import RESULT_NAME, find_job, job_directory

_RESULT = re.compile(r"(?:/tap)?/tap/async/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/results/result")


def is_address(part: str) -> bool:
    """Whether UPLOAD names an address and no part of the request."""
    return part.lower().startswith(("http://", "https://"))


def read_own_result(address: str) -> bytes:
    """Return the result of one of this archive's jobs.

    Raises
    ------
    UsageError
        If the address is any other, or the job has no result.
    """
    base = settings.PUBLIC_URL
    match = _RESULT.fullmatch(address.removeprefix(base)) if address.startswith(base) else None
    if match is None:
        msg = (
            f"UPLOAD of {address[:200]!r} is not possible: this service fetches nothing from elsewhere, only the "
            f"results of its own jobs ({base}/tap/async/.../results/result); "
            "send the table in the request: UPLOAD=name,param:part"
        )
        raise UsageError(msg)
    path = job_directory(UUID(match[1])) / RESULT_NAME
    try:
        finished = find_job(UUID(match[1])).phase == Job.Phase.COMPLETED
        size = path.stat().st_size if finished else 0
    except (NotFoundError, FileNotFoundError):
        size = 0
    if not size:
        msg = f"UPLOAD of {address[:200]!r} is not possible: there is no such result"
        raise UsageError(msg)
    if size > MOST_UPLOAD_BYTES:
        msg = f"the result at {address[:200]!r} has {size} bytes; uploads may have {MOST_UPLOAD_BYTES} bytes together"
        raise TooLargeError(msg)
    return path.read_bytes()
