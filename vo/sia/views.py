"""HTTP doors of SIA 2.0."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from archive.errors import UsageError
from vo.services import capabilities_response, read_parameters
from vo.sia.query import write_image_query
from vo.tables import stream_table
from vo.tap.params import read_maxrec, single
from vo.tap.responses import protocol_view
from vo.votable import CONTENT_TYPE


@csrf_exempt
@protocol_view
def query(request: HttpRequest) -> HttpResponseBase:
    """Find images; the answer has the columns of ObsCore."""
    parameters = read_parameters(request)
    form = (single(parameters, "RESPONSEFORMAT") or "votable").replace(" ", "+").lower()
    if form not in {"votable", CONTENT_TYPE, "text/xml"}:
        raise UsageError(f"RESPONSEFORMAT {form[:60]!r} is not offered; this service writes VOTable")
    content = stream_table(write_image_query(parameters), maxrec=read_maxrec(parameters))
    response = StreamingHttpResponse(content, content_type=CONTENT_TYPE)
    response["Cache-Control"] = "no-cache"
    return response


@protocol_view
@require_safe
def capabilities(request: HttpRequest) -> HttpResponse:
    """VOSI capabilities of the service."""
    address = f"{settings.PUBLIC_URL}/sia2"
    return capabilities_response(request, [("ivo://ivoa.net/std/SIA#query-2.0", f"{address}/query", "2.0")], address)
