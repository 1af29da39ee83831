"""Error pages in the archive's own dress; they ask nothing of the database."""

import logging
import sys
import uuid

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

logger = logging.getLogger(__name__)

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
    return error_page(f"This archive has no page at {request.path[:200]!r}.", 404)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django refuses."""
    return error_page("The request cannot be understood: its address, host or form is malformed.", 400)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a bug with a reference that leads to its log entry."""
    reference = uuid.uuid4().hex[:12]
    logger.error(
        "internal error, reference %s, %s %s", reference, request.method, request.path, exc_info=sys.exc_info()
    )
    return error_page(
        f"An internal error happened and was written down under the reference {reference}; please report it.", 500
    )
