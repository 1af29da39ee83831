"""Compresses pages for whoever takes gzip: HTML, JSON and SVG that are ready as a whole, and nothing else.

What is written row by row (TAP, the other VO services, bundles) stays a stream, whose first row would have to wait;
files, tiles and pictures go out byte for byte as they are, with their ranges, lengths and digests.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

Respond = Callable[[HttpRequest], HttpResponseBase]
COMPRESSED = frozenset(
    {"text/html", "application/json", "image/svg+xml", "application/x-ipynb+json", "application/ld+json"}
)
_OF_FILES = ("Accept-Ranges", "Content-Range", "Repr-Digest")


def compress_pages(get_response: Respond) -> Respond:
    """Compress what a browser waits for.

    Django's middleware does it, with a random name in the header, so that the length of a page says little of a secret
    in it (BREACH, https://www.breachattack.com; Gluck, Harris and Prado 2013), and makes an ETag a weak one.
    """
    gzip = GZipMiddleware(get_response)  # pyright: ignore[reportArgumentType]  # its stub knows of whole answers only

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        media_type = response.get("Content-Type", "").partition(";")[0].strip()
        whole = isinstance(response, HttpResponse)
        if not whole or media_type not in COMPRESSED or any(response.has_header(name) for name in _OF_FILES):
            return response
        return gzip.process_response(request, response)

    return answer
