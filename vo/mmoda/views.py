"""HTTP doors of the MMODA protocol. Errors are JSON with the statuses that `oda_api` turns into its own classes."""

import gzip
import json
import logging
import re
from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from archive.errors import BusyError, UsageError
from archive.faults import explain, find_fault
from vo.mmoda.encode import guard_texts
from vo.mmoda.offer import INSTRUMENTS, describe, parameters_of
from vo.mmoda.params import ForbiddenError, find_instrument, find_product_name, read_query
from vo.mmoda.services import answer

logger = logging.getLogger(__name__)

_WORTH_PACKING = 100_000
_SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _json_errors(view: Callable[[HttpRequest], object]) -> Callable[[HttpRequest], HttpResponse]:
    """Write what a view returns, or its failure, as JSON. A token in the request is neither read nor written down."""

    @csrf_exempt
    @wraps(view)
    def wrapped(request: HttpRequest) -> HttpResponse:
        if request.method not in {"GET", "HEAD", "POST"}:
            return _send(request, {"error": f"{request.method} is not allowed here; use GET or POST"}, 405)
        try:
            return _send(request, view(request), 200)
        except ForbiddenError as error:
            return _send(request, {"exit_status": {"status": 1, "message": str(error)}, "error": str(error)}, 403)
        except Exception as error:  # noqa: BLE001 - explain() logs what is no answer
            said = explain(error)
            status = find_fault(said).status
            # The client waits and asks again 200 times after 502, 503 and 504, which is meant for short outages only.
            status = 400 if 400 <= status < 500 else 500
            # It gives up at once after 429, and says so.
            status = 429 if isinstance(said, BusyError) else status
            return _send(request, {"error": str(said), "error_message": str(said)}, status)

    return wrapped


def _send(request: HttpRequest, document: object, status: int) -> HttpResponse:
    content = json.dumps(document if status == 200 else guard_texts(document), allow_nan=False).encode()
    packed = len(content) > _WORTH_PACKING and "gzip" in request.headers.get("Accept-Encoding", "")
    content = gzip.compress(content, compresslevel=1) if packed else content
    response = HttpResponse(content, status=status, content_type="application/json")
    if packed:
        response["Content-Encoding"] = "gzip"
    response["Vary"] = "Accept-Encoding"
    response["Cache-Control"] = "no-cache"
    response["Access-Control-Allow-Origin"] = "*"
    return response


def _given(request: HttpRequest) -> dict[str, tuple[str, ...]]:
    merged: dict[str, tuple[str, ...]] = {}
    for source in (request.GET, request.POST):
        for name, values in source.lists():
            merged[name] = (*merged.get(name, ()), *map(str, values))
    return merged


@_json_errors
def run_analysis(request: HttpRequest) -> object:
    """Answer a query with stored products, at once."""
    session = str(request.POST.get("session_id") or request.GET.get("session_id") or "")
    if session and not _SESSION.fullmatch(session):
        raise UsageError("session_id must be 1 to 64 letters, digits, - or _")
    return answer(read_query(_given(request)), session)


@_json_errors
def instruments(_request: HttpRequest) -> object:
    """List the instruments."""
    return list(INSTRUMENTS)


@_json_errors
def parameter_names(request: HttpRequest) -> object:
    """List the names of the parameters of a product, or of all products of an instrument."""
    instrument = find_instrument(request.GET.get("instrument"))
    asked = request.GET.get("product_type")
    products = [find_product_name(instrument, asked)] if asked else list(instrument.products)
    return sorted({one.name for product in products for one in parameters_of(instrument, product)})


@_json_errors
def meta_data(request: HttpRequest) -> object:
    """Describe an instrument, or one of its products."""
    instrument = find_instrument(request.GET.get("instrument"))
    asked = request.GET.get("product_type")
    return describe(instrument, find_product_name(instrument, asked) if asked else None)
