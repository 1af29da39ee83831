"""Uploads by address: results of this archive's own jobs, read from disk, and tables on hosts that are allowed.

From elsewhere nothing is fetched for a user, so there is no address by which this server could be made to ask another
one. As installed no host is allowed.
"""

import http.client
import re
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings

from archive.errors import NotFoundError, TooLargeError, UsageError
from archive.models.job import Job
from vo.tap.params import MOST_UPLOAD_BYTES
from vo.uws.services import RESULT_NAME, find_job, is_of_account, job_directory

FETCH_PATIENCE_S = 60
_PIECE = 2**20
_RESULT = re.compile(r"(?:/tap)?/tap/async/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/results/result")


def is_address(part: str) -> bool:
    """Whether UPLOAD names an address and no part of the request."""
    return part.lower().startswith(("http://", "https://"))


def read_address(address: str, owner: str = "") -> bytes:
    """Return the result of one of this archive's jobs, or a table on a host of ``settings.UPLOAD_HOSTS``.

    `owner` is who asks, as the job table names owners: a job of an account gives its result to that account only.

    Raises
    ------
    UsageError
        If the address is any other, the job has no result, or the host does not send the table.
    TooLargeError
        If it has more bytes than uploads may have, or takes too long.
    """
    base = settings.PUBLIC_URL
    match = _RESULT.fullmatch(address.removeprefix(base)) if address.startswith(base) else None
    if match is None and _is_allowed(address):
        return _fetch(address)
    if match is None:
        msg = (
            f"UPLOAD of {address[:200]!r} is not possible: this service fetches nothing from elsewhere, only the "
            f"results of its own jobs ({base}/tap/async/.../results/result); "
            "send the table in the request: UPLOAD=name,param:part"
        )
        raise UsageError(msg)
    path = job_directory(UUID(match[1])) / RESULT_NAME
    try:
        job = find_job(UUID(match[1]))
        theirs = is_of_account(job) and job.owner != owner
        finished = job.phase == Job.Phase.COMPLETED and not theirs
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


def _is_allowed(address: str) -> bool:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.username is not None or parts.password is not None:
        return False
    return (f"{host}:{port}" if port else host) in {allowed.lower() for allowed in settings.UPLOAD_HOSTS}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would lead away from the hosts that are allowed."""

    def redirect_request(self, *_arguments: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Follow none."""


def _fetch(address: str) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
    end = time.monotonic() + FETCH_PATIENCE_S
    content = bytearray()
    try:
        with opener.open(address, timeout=FETCH_PATIENCE_S / 2) as response:
            while piece := response.read1(_PIECE):
                content += piece
                if len(content) > MOST_UPLOAD_BYTES or time.monotonic() > end:
                    msg = f"UPLOAD of {address[:200]!r}: more than {MOST_UPLOAD_BYTES} bytes or {FETCH_PATIENCE_S} s"
                    raise TooLargeError(msg)
    except urllib.error.HTTPError as error:
        msg = f"UPLOAD of {address[:200]!r} is not possible: that host answered with status {error.code}"
        raise UsageError(msg) from None
    except (OSError, http.client.HTTPException, ValueError):
        msg = f"UPLOAD of {address[:200]!r} is not possible: that host does not answer, or not in HTTP"
        raise UsageError(msg) from None
    return bytes(content)
