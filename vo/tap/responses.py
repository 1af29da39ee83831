"""HTTP around TAP documents: errors as VOTables, headers that let pages of other sites read them."""

import logging
from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from archive.faults import explain, find_fault
from vo.votable import CONTENT_TYPE, error_document

logger = logging.getLogger(__name__)

View = Callable[..., HttpResponseBase]


def allow_any_origin(response: HttpResponseBase) -> HttpResponseBase:
    """Let scripts of any page read the response: everything here is public and asks for no credentials."""
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Expose-Headers"] = "Location, Content-Disposition"
    return response


def error_response(message: str, status: int) -> HttpResponse:
    """Return a VOTable that says what went wrong (DALI 1.1 section 4.2)."""
    return HttpResponse(error_document(message), status=status, content_type=CONTENT_TYPE)


def protocol_view(view: View) -> View:
    """Answer every failure of a view with a VOTable, OPTIONS with what a browser asks before a cross-site POST."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if request.method == "OPTIONS":
            response: HttpResponseBase = HttpResponse(status=204)
            response["Access-Control-Allow-Methods"] = "GET, HEAD, POST, DELETE, OPTIONS"
            response["Access-Control-Allow-Headers"] = "Accept, Authorization, Content-Type"
            response["Access-Control-Max-Age"] = "86400"
            return allow_any_origin(response)
        try:
            response = view(request, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - explain() logs what is no answer
            said = explain(error)
            response = error_response(str(said), find_fault(said).status)
        return allow_any_origin(response)

    return wrapped


def base_address(request: HttpRequest) -> str:
    """Return the address of the service whose sibling (sync, tables, ...) was asked for.

    The same service answers at /tap and at /tap/tap, so its address is that of the request without the last part.
    """
    return f"{settings.PUBLIC_URL}{request.path.rstrip('/').rsplit('/', 1)[0]}"
