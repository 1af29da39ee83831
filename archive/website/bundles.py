"""Bundles over HTTP: tar and zip as a stream with ranges and a strong validator (RFC 9110 sections 8.8, 14)."""

import re
from collections.abc import Iterator, Sequence
from typing import Literal as OneOf

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from archive.bundles import Member, bundle_tag, check_members, read_tar, read_zip, tar_size, zip_size
from archive.website.downloads import matches_etag, read_range

_MEDIA_TYPES = {"tar": "application/x-tar", "zip": "application/zip"}


def send_bundle(
    request: HttpRequest, members: Sequence[Member], *, stem: str, kind: OneOf["tar", "zip"] = "tar"
) -> HttpResponseBase:
    """Answer with files as one tar or zip, named after `stem`, in which only letters, digits, ``_+-`` are kept.

    Raises
    ------
    StorageError
        If a file is missing or has another size than was recorded; nothing is sent then.
    TooLargeError
        If the files do not fit a zip.
    """
    check_members(members)
    size = tar_size(members) if kind == "tar" else zip_size(members)
    etag = f'"{bundle_tag(kind, members)}"'
    span = read_range(request, size, etag)
    if matches_etag(request.headers.get("If-None-Match", ""), etag):
        response: HttpResponseBase = HttpResponse(status=304)
    elif span is None:
        response = HttpResponse(f"The bundle has {size} bytes.\n", status=416, content_type="text/plain; charset=utf-8")
        response["Content-Range"] = f"bytes */{size}"
    else:
        response = _content(request, members, kind, span, size)
        # The name stands last and alone: clients take everything after "filename=" for it.
        response["Content-Disposition"] = f'attachment; filename="{safe_stem(stem)}.{kind}"'
    response["ETag"] = etag
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "no-cache"
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Expose-Headers"] = "ETag, Content-Length, Content-Range, Content-Disposition"
    return response


def safe_stem(text: str) -> str:
    """Return a file name without its extension: ASCII, and no point, because clients cut at the first one.

    Examples
    --------
    >>> safe_stem("IGR J17354.1-3255 ibis")
    'IGR_J17354_1-3255_ibis'
    """
    return re.sub(r"[^A-Za-z0-9_+-]+", "_", text)[:120].strip("_") or "archipelago"


def _content(
    request: HttpRequest, members: Sequence[Member], kind: str, span: tuple[int, int, int], size: int
) -> HttpResponseBase:
    first, last, status = span
    if request.method == "HEAD":
        response: HttpResponseBase = HttpResponse(status=status)
    else:
        read = read_tar if kind == "tar" else read_zip
        response = StreamingHttpResponse(_cut(read(members, first), last - first + 1), status=status)
    response["Content-Type"] = _MEDIA_TYPES[kind]
    response["Content-Length"] = str(last - first + 1)
    if status == 206:
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    return response


def _cut(chunks: Iterator[bytes], length: int) -> Iterator[bytes]:
    for chunk in chunks:
        if length <= len(chunk):
            yield chunk[:length]
            return
        length -= len(chunk)
        yield chunk
