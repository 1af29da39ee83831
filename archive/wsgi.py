"""The WSGI application that granian, or another server, runs."""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "archive.settings")

MOST_CHUNKED_BYTES = 80 * 2**20
_SPOOL_BYTES = 2**20

_django = get_wsgi_application()

if settings.KEEP_WARM:
    from archive.website.warm import start_keeping_warm  # it needs the models, which are loaded now

    start_keeping_warm()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer a request; one that comes in chunks (RFC 9112 section 7.1) is read first.

    Django reads as many bytes as Content-Length says. Java clients of the VO send uploads without it.
    """
    if environ.get("CONTENT_LENGTH") or environ.get("HTTP_TRANSFER_ENCODING", "").strip().lower() != "chunked":
        return _django(environ, start_response)
    body = tempfile.SpooledTemporaryFile(_SPOOL_BYTES)  # noqa: SIM115  # it is closed with the answer
    while chunk := environ["wsgi.input"].read(65_536):
        body.write(chunk)
        if body.tell() > MOST_CHUNKED_BYTES:
            body.close()
            start_response("413 Content Too Large", [("Content-Type", "text/plain; charset=utf-8")])
            return [f"The request has more than {MOST_CHUNKED_BYTES} bytes.\n".encode()]
    size = body.tell()
    body.seek(0)
    environ = {**environ, "wsgi.input": body, "CONTENT_LENGTH": str(size)}
    # Called here and not inside a generator: granian takes status and headers as soon as this function returns.
    return _closing_after(_django(environ, start_response), body)


def _closing_after(answer: Iterable[bytes], body: IO[bytes]) -> Iterator[bytes]:
    """Pass the answer on, then close the body that was read aside."""
    with body:
        try:
            yield from answer
        finally:
            answer.close()  # pyright: ignore[reportAttributeAccessIssue]  # Django's responses have it
