"""HTTP doors of SODA 1.0. Errors are text/plain and begin with a word of its section 5.2."""

import logging
from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from archive.errors import ArchiveError, BusyError, UnavailableError, UsageError
from archive.faults import explain, find_fault
from archive.website.downloads import send_stored_file
from vo.datalink.descriptors import SODA, SODA_ASYNC
from vo.services import capabilities_response, read_parameters
from vo.soda.params import MultiValuedParamError, read_cut, read_format
from vo.soda.services import WholeFile, make_cutout
from vo.tap.responses import allow_any_origin, protocol_view

logger = logging.getLogger(__name__)


def _word(error: ArchiveError) -> str:
    match error:
        case MultiValuedParamError():
            return "MultiValuedParamNotSupported"
        case UsageError():
            return "UsageError"
        case BusyError() | UnavailableError():
            return "ServiceUnavailable"
        case _:
            return "Error"


def _failure(message: str, status: int) -> HttpResponse:
    return HttpResponse(f"{message}\n", status=status, content_type="text/plain; charset=utf-8")


def _plain_errors(view: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Say every failure in plain text."""

    @wraps(view)
    def wrapped(request: HttpRequest) -> HttpResponseBase:
        try:
            response = view(request)
        except Exception as error:  # noqa: BLE001 - explain() logs what is no answer
            said = explain(error)
            response = _failure(f"{_word(said)}: {said}", find_fault(said).status)
        return allow_any_origin(response)

    return wrapped


@csrf_exempt
@_plain_errors
def sync(request: HttpRequest) -> HttpResponseBase:
    """Send a cut-out; 204 without content where a product has nothing in the region, band or time asked for."""
    if request.method not in {"GET", "HEAD", "POST"}:
        response = _failure("UsageError: cut-outs are asked for with GET or POST", 405)
        response["Allow"] = "GET, HEAD, POST"
        return response
    parameters = read_parameters(request)
    identifier, cut = read_cut(parameters)
    made = make_cutout(identifier, cut, read_format(parameters))
    if made is None:
        return HttpResponse(status=204)
    if isinstance(made, WholeFile):
        file = made.file
        return send_stored_file(
            request, sha256=file.sha256, size=file.size_bytes, name=file.file_name, media_type=file.media_type
        )
    if isinstance(made.content, bytes):
        response = HttpResponse(made.content, content_type=made.media_type)
    else:
        response = StreamingHttpResponse(made.content, content_type=made.media_type)
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._+-") else "_" for c in made.file_name)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-cache"
    return response


@protocol_view
@require_safe
def capabilities(request: HttpRequest) -> HttpResponse:
    """VOSI capabilities of the service."""
    address = f"{settings.PUBLIC_URL}/soda"
    interfaces = [(SODA, f"{address}/sync", "1.0"), (SODA_ASYNC, f"{address}/async", "1.0")]
    return capabilities_response(request, interfaces, address)
