"""Compresses pages, style sheets and scripts for whoever takes gzip, and nothing else.

What is written row by row (TAP, the other VO services, bundles) stays a stream, whose first row would have to wait;
products, tiles and pictures go out byte for byte as they are, with their ranges, lengths and digests.
"""

import gzip
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import IO

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware, re_accepts_gzip
from django.utils.cache import patch_vary_headers
from whitenoise.middleware import WhiteNoiseFileResponse

Respond = Callable[[HttpRequest], HttpResponseBase]
COMPRESSED = frozenset(
    {"text/html", "application/json", "image/svg+xml", "application/x-ipynb+json", "application/ld+json"}
)
"""Media types of pages; HTML, JSON and SVG that are ready as a whole."""

STATIC = frozenset({"text/css", "text/javascript", "image/svg+xml"})
_OF_FILES = ("Accept-Ranges", "Content-Range", "Repr-Digest")
_LEAST_BYTES = 1_000


def compress_pages(get_response: Respond) -> Respond:
    """Compress what a browser waits for.

    Django's middleware compresses pages, with a random name in the header, so that the length of a page says little of
    a secret in it (BREACH, https://www.breachattack.com; Gluck, Harris and Prado 2013), and makes an ETag a weak one.
    """
    pages = GZipMiddleware(get_response)  # pyright: ignore[reportArgumentType]  # its stub knows of whole answers only

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        media_type = response.get("Content-Type", "").partition(";")[0].strip()
        if isinstance(response, WhiteNoiseFileResponse):
            return _compress_static(request, response) if media_type in STATIC else response
        whole = isinstance(response, HttpResponse)
        if not whole or media_type not in COMPRESSED or any(response.has_header(name) for name in _OF_FILES):
            return response
        return pages.process_response(request, response)

    return answer


def _compress_static(request: HttpRequest, response: WhiteNoiseFileResponse) -> HttpResponseBase:
    """Compress a style sheet or script once for each process; its ETag serves both, as where whitenoise has a .gz."""
    patch_vary_headers(response, ("Accept-Encoding",))
    file: IO[bytes] | None = vars(response)["file_to_stream"]  # none for HEAD
    small = int(response.get("Content-Length", "0")) < _LEAST_BYTES
    accepted = re_accepts_gzip.search(request.META.get("HTTP_ACCEPT_ENCODING", ""))
    if file is None or response.status_code != HTTPStatus.OK or small or not accepted:
        return response
    with file:
        content = _pack(file.name, response.get("ETag", ""))
    packed = HttpResponse(content, headers=dict(response.items()))
    packed["Content-Encoding"] = "gzip"
    packed["Content-Length"] = str(len(content))
    return packed


@lru_cache(maxsize=128)
def _pack(path: str, etag: str) -> bytes:
    """Return a file compressed; `etag` is another one when the file is."""
    del etag
    return gzip.compress(Path(path).read_bytes(), 6, mtime=0)
