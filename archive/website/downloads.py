"""Files over HTTP: ranges, strong validators and digests (RFC 9110 sections 8.8, 13, 14; RFC 9530)."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from archive.errors import StorageError
from archive.storage import file_path

CHUNK_BYTES = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def send_stored_file(request: HttpRequest, *, sha256: str, size: int, name: str, media_type: str) -> HttpResponseBase:
    """Answer a request for a file of the store.

    The ETag is the SHA-256, so that a resumed download joins the same bytes or starts again.

    Raises
    ------
    StorageError
        If the file is missing or has another size than was recorded.
    """
    if request.method not in {"GET", "HEAD"}:
        response = HttpResponse("A file can only be read.\n", status=405, content_type="text/plain; charset=utf-8")
        response["Allow"] = "GET, HEAD"
        return response
    path = file_path(sha256)
    if not path.is_file() or path.stat().st_size != size:
        found = f"{path.stat().st_size} bytes" if path.is_file() else "no file"
        raise StorageError(
            f"The stored content of {name} is damaged: found {found}, expected {size} bytes. Nothing was sent."
        )
    etag = f'"{sha256}"'
    if matches_etag(request.headers.get("If-None-Match", ""), etag):
        return _finish(HttpResponse(status=304), sha256)
    span = read_range(request, size, etag)
    if span is None:
        response = HttpResponse(f"The file has {size} bytes.\n", status=416, content_type="text/plain; charset=utf-8")
        response["Content-Range"] = f"bytes */{size}"
        return response
    first, last, status = span
    length = last - first + 1
    if request.method == "HEAD":
        response = HttpResponse(status=status)
    else:
        response = StreamingHttpResponse(_read_chunks(path, first, length), status=status)
    response["Content-Type"] = media_type
    response["Content-Length"] = str(length)
    if status == 206:
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    ascii_name = re.sub(r"[^A-Za-z0-9._+-]", "_", name)
    response["Content-Disposition"] = f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"
    return _finish(response, sha256)


def matches_etag(header: str, etag: str) -> bool:
    """Say whether an If-None-Match header names the tag."""
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return header.strip() == "*" or etag in tags


def read_range(request: HttpRequest, size: int, etag: str) -> tuple[int, int, int] | None:
    """Return first byte, last byte and status; None when the range cannot be satisfied.

    Several ranges, another unit or an outdated If-Range get the whole file, as RFC 9110 section 14.2 allows.
    """
    whole = (0, size - 1, 200)
    match = _RANGE.fullmatch(request.headers.get("Range", "").replace(" ", ""))
    condition = request.headers.get("If-Range")
    if match is None or not (match[1] or match[2]) or (condition is not None and condition.strip() != etag):
        return whole
    if not match[1]:
        length = min(int(match[2]), size)
        return (size - length, size - 1, 206) if length else None
    first, last = int(match[1]), min(int(match[2]) if match[2] else size - 1, size - 1)
    if match[2] and int(match[2]) < first:
        return whole
    return (first, last, 206) if first < size else None


def _read_chunks(path: Path, first: int, length: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(first)
        while length:
            chunk = file.read(min(CHUNK_BYTES, length))
            if not chunk:
                raise StorageError(f"{path.name} ended {length} bytes early")
            length -= len(chunk)
            yield chunk


def _finish(response: HttpResponseBase, sha256: str) -> HttpResponseBase:
    response["ETag"] = f'"{sha256}"'
    response["Accept-Ranges"] = "bytes"
    response["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"
    response["Cache-Control"] = "public, max-age=3600"
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Expose-Headers"] = "ETag, Content-Length, Content-Range, Repr-Digest"
    response["X-Content-Type-Options"] = "nosniff"
    return response
