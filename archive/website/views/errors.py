"""Error pages in the archive's own dress; they ask nothing of the database."""

import sys

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext, gettext_lazy

from archive.errors import ArchiveError, NotFoundError, UsageError
from archive.faults import explain, find_fault

_API = "/api/"

TITLES = {
    400: gettext_lazy("That cannot be read"),
    403: gettext_lazy("Not allowed"),
    404: gettext_lazy("Not here"),
    410: gettext_lazy("Withdrawn"),
    500: gettext_lazy("Something broke"),
    503: gettext_lazy("Not available now"),
}


def error_page(sentence: str, status: int, *, translated: bool = False) -> HttpResponse:
    """Show one sentence, and where to go from here; a sentence that is not `translated` is English."""
    context = {
        "status": status,
        "title": TITLES.get(status, gettext("Error")),
        "sentence": sentence,
        "translated": translated,
    }
    return HttpResponse(render_to_string("archive/error.html", context), status=status)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address that no page has."""
    if request.path.startswith(_API):
        return _api_error(NotFoundError(f"There is no address {request.path[:200]!r}; /api/v1/docs names them all."))
    sentence = gettext("This archive has no page at %(address)r.") % {"address": request.path[:200]}
    return error_page(sentence, 404, translated=True)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django refuses."""
    sentence = "The request cannot be understood: its address, host or form is malformed."
    return _api_error(UsageError(sentence)) if request.path.startswith(_API) else error_page(sentence, 400)


def form_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without its token (Django documentation, CSRF_FAILURE_VIEW)."""
    sentence = (
        f"This {request.method} came without the token of a form of this archive, and nothing is changed: open the "
        "page anew, with cookies allowed, and press the button again."
    )
    return _api_error(UsageError(sentence), 403) if request.path.startswith(_API) else error_page(sentence, 403)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a bug with a reference that leads to its log entry."""
    error = sys.exc_info()[1]
    said = explain(error if isinstance(error, Exception) else RuntimeError(f"{request.method} {request.path}"))
    return _api_error(said) if request.path.startswith(_API) else error_page(f"An {said}.", 500)


def _api_error(error: ArchiveError, status: int | None = None) -> HttpResponse:
    fault = find_fault(error)
    return JsonResponse({"error": {"fault": fault.name, "message": str(error)}}, status=status or fault.status)
