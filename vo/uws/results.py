"""Sends the result of a job, whole or in part (RFC 9110 sections 13 and 14)."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from archive.errors import NotFoundError

CHUNK_BYTES = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})|bytes=-(\d{1,18})")


def send_file(request: HttpRequest, path: Path, *, sha256: str, name: str, media_type: str) -> HttpResponseBase:
    """Answer with a file or the range of it that was asked for; the SHA-256 is its ETag.

    Raises
    ------
    NotFoundError
        If the file is not there any more.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        msg = "the result of this job is not there any more; run the job again"
        raise NotFoundError(msg) from None
    size = path.stat().st_size
    etag = f'"{sha256}"'
    tags = {tag.strip().removeprefix("W/") for tag in request.headers.get("If-None-Match", "").split(",")}
    first, last, status = _range(request, size, etag)
    if etag in tags or status == 416 or request.method == "HEAD":
        file.close()
        response: HttpResponseBase = HttpResponse(status=304 if etag in tags else status)
    else:
        response = StreamingHttpResponse(_read(file, first, last - first + 1), status=status)
    if response.status_code in {200, 206}:
        response["Content-Type"] = media_type
        response["Content-Length"] = str(last - first + 1)
        response["Content-Disposition"] = f'inline; filename="{name}"'
    if status in {206, 416}:
        response["Content-Range"] = f"bytes {first}-{last}/{size}" if status == 206 else f"bytes */{size}"
    response["ETag"] = etag
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "private, no-cache"
    return response


def _range(request: HttpRequest, size: int, etag: str) -> tuple[int, int, int]:
    """Return first and last byte and the status; what is no single range of bytes gets the whole file."""
    match = _RANGE.fullmatch(request.headers.get("Range", "").replace(" ", ""))
    if match is None or request.headers.get("If-Range", etag) != etag:
        return 0, size - 1, 200
    if match[3]:
        length = min(int(match[3]), size)
        return (size - length, size - 1, 206) if length else (0, 0, 416)
    first, last = int(match[1]), min(int(match[2] or size), size - 1)
    if match[2] and int(match[2]) < first:
        return 0, size - 1, 200
    return (first, last, 206) if first < size else (0, 0, 416)


def _read(file: BinaryIO, first: int, length: int) -> Iterator[bytes]:
    with file:
        file.seek(first)
        while length > 0 and (chunk := file.read(min(CHUNK_BYTES, length))):
            length -= len(chunk)
            yield chunk
