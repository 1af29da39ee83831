"""HTTP doors of SSA 1.1."""

import logging

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from archive.faults import explain
from vo.services import capabilities_response, read_parameters
from vo.ssa.query import LIGHT_CURVES, SPECTRA, Offer, present, wants_fields_only, write_spectrum_query
from vo.tables import stream_table
from vo.tap.params import read_maxrec
from vo.tap.responses import error_response, protocol_view
from vo.votable import CONTENT_TYPE, Info

logger = logging.getLogger(__name__)

_PROTOCOL = Info("SERVICE_PROTOCOL", "1.1", "SSAP")


@csrf_exempt
@protocol_view
def query(request: HttpRequest) -> HttpResponseBase:
    """Find spectra."""
    return _search(request, SPECTRA)


@csrf_exempt
@protocol_view
def light_curves(request: HttpRequest) -> HttpResponseBase:
    """Find light curves with the words of SSA, as other archives offer theirs."""
    return _search(request, LIGHT_CURVES)


def _search(request: HttpRequest, offer: Offer) -> HttpResponseBase:
    """Search; a failure is a VOTable with QUERY_STATUS ERROR and status 200 (SSA 1.1 section 8.10)."""
    try:
        parameters = read_parameters(request)
        maxrec = 0 if wants_fields_only(parameters) else read_maxrec(parameters)
        content = stream_table(
            write_spectrum_query(parameters, offer),
            maxrec=maxrec,
            present=present,
            infos=[_PROTOCOL],
            cutouts=offer is LIGHT_CURVES,
        )
    except Exception as error:  # noqa: BLE001 - explain() logs what is no answer
        return error_response(str(explain(error)), 200)
    response = StreamingHttpResponse(content, content_type=CONTENT_TYPE)
    response["Cache-Control"] = "no-cache"
    return response


@protocol_view
@require_safe
def capabilities(request: HttpRequest) -> HttpResponse:
    """VOSI capabilities of the service for spectra."""
    return _capabilities(request, f"{settings.PUBLIC_URL}/ssa")


@protocol_view
@require_safe
def light_curve_capabilities(request: HttpRequest) -> HttpResponse:
    """VOSI capabilities of the service for light curves."""
    return _capabilities(request, f"{settings.PUBLIC_URL}/ssa/lightcurves")


def _capabilities(request: HttpRequest, address: str) -> HttpResponse:
    return capabilities_response(request, [("ivo://ivoa.net/std/SSA", address, "1.1")], address)
