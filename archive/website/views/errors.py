"""Error pages in the archive's own dress; they ask nothing of the database."""

import sys

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from archive.errors import ArchiveError, NotFoundError, UsageError
from archive.faults import explain, find_fault

_API = "/api/"

TITLES = {
    400: "That cannot be read",
    403: "Not allowed",
    404: "Not here",
    410: "Withdrawn",
    500: "Something broke",
    503: "Not available now",
}


def error_page(sentence: str, status: int) -> HttpResponse:
    """Show one sentence, and where to go from here."""
    context = {"status": status, "title": TITLES.get(status, "Error"), "sentence": sentence}
    return HttpResponse(render_to_string("archive/error.html", context), status=status)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address that no page has."""
    if request.path.startswith(_API):
        return _api_error(NotFoundError(f"There is no address {request.path[:200]!r}; /api/v1/docs names them all."))
    return error_page(f"This archive has no page at {request.path[:200]!r}.", 404)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django refuses."""
    sentence = "The request cannot be understood: its address, host or form is malformed."
    return _api_error(UsageError(sentence)) if request.path.startswith(_API) else error_page(sentence, 400)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a bug with a reference that leads to its log entry."""
    error = sys.exc_info()[1]
    said = explain(error if isinstance(error, Exception) else RuntimeError(f"{request.method} {request.path}"))
    return _api_error(said) if request.path.startswith(_API) else error_page(f"An {said}.", 500)


def _api_error(error: ArchiveError) -> HttpResponse:
    fault = find_fault(error)
    return JsonResponse({"error": {"fault": fault.name, "message": str(error)}}, status=fault.status)
