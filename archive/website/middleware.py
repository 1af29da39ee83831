"""Response headers that keep pages from reaching or being reached by anyone else."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from archive.errors import ArchiveError
from archive.faults import find_fault
from archive.selectors import one_release
from archive.website.views.errors import error_page

# Aladin Lite compiles its own WebAssembly and starts workers from blobs; nothing is loaded from another host.
# A SAMP hub (SAMP 1.3 section 5.2.1: port 21012) is asked only when the reader presses a button that sends to it.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; "
    "script-src 'self' 'wasm-unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; "
    "connect-src 'self' data: blob: http://localhost:21012 http://127.0.0.1:21012; "
    "font-src 'self' data:; "
    "worker-src 'self' blob:; "
    "object-src 'none'; "
    "base-uri 'self'; "
    "form-action 'self'; "
    "frame-ancestors 'self'"
)


def security_headers(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Add the content security policy to every page, and let each page read one release."""

    def add_headers(request: HttpRequest) -> HttpResponse:
        if request.path.isprintable():
            with one_release():
                response = get_response(request)
        else:
            response = error_page(
                "The address holds characters that cannot be printed; no page has such an address.", 404
            )
        response.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        return response

    # Django calls this when a view raises (Django documentation, Middleware, process_exception).
    add_headers.process_exception = explain_error  # pyright: ignore[reportFunctionMemberAccess]
    return add_headers


def explain_error(request: HttpRequest, error: Exception) -> HttpResponse | None:
    """Turn an error that was raised on purpose into a page with its sentence; a bug goes on to the 500 page."""
    return error_page(str(error), find_fault(error).status) if isinstance(error, ArchiveError) else None
