"""HTTP doors of DataLink: the links of products, and their files as one tar."""

from itertools import islice

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from archive.errors import NotFoundError, TooLargeError, UsageError
from archive.website.bundles import send_bundle
from vo.datalink.document import CONTENT_TYPE, write_links
from vo.datalink.package import find_members
from vo.datalink.services import MAX_IDS, find_links, product_id_of
from vo.services import capabilities_response, read_parameters
from vo.tap.params import Parameters, single
from vo.tap.responses import protocol_view

_FORMATS = {"votable", "application/x-votable+xml", CONTENT_TYPE, "text/xml"}


def _read_ids(parameters: Parameters) -> list[str]:
    """Return the values of ID in order, each once; nothing in an ID is a separator (DataLink 1.1 section 2.1.1)."""
    return list(dict.fromkeys(value for value in parameters.get("ID", ()) if value.strip()))


@csrf_exempt
@protocol_view
def links(request: HttpRequest) -> HttpResponseBase:
    """Answer with the links of each ID; without an ID with an empty table."""
    parameters = read_parameters(request)
    form = (single(parameters, "RESPONSEFORMAT") or "votable").replace(" ", "").lower()
    if form.replace("x-votablexml", "x-votable+xml") not in _FORMATS:
        raise UsageError(f"RESPONSEFORMAT {form[:60]!r} is not offered; this service writes VOTable")
    ids = _read_ids(parameters)
    found = find_links(list(islice(ids, MAX_IDS)))
    content = write_links(found, overflow=len(ids) > MAX_IDS)
    response = StreamingHttpResponse(content, content_type=CONTENT_TYPE)
    response["Cache-Control"] = "no-cache"
    return response


@csrf_exempt
@protocol_view
def package(request: HttpRequest) -> HttpResponseBase:
    """Send all files of the products named by ID as one tar, with a manifest of their SHA-256 digests."""
    ids = _read_ids(read_parameters(request))
    if not ids:
        raise UsageError("the parameter ID is missing: give the identifier of a product, once for each")
    if len(ids) > MAX_IDS:
        raise TooLargeError(f"{len(ids)} products in one request are more than {MAX_IDS}; ask in parts")
    wanted = [product_id_of(value.strip()) for value in ids]
    members, missing = find_members(wanted)
    if missing:
        raise NotFoundError(f"there is no product {missing[0][:120]!r} in this release; nothing was sent")
    stem = wanted[0] if len(wanted) == 1 else f"archipelago_{len(wanted)}_products"
    return send_bundle(request, members, stem=stem)


@protocol_view
@require_safe
def capabilities(request: HttpRequest) -> HttpResponse:
    """VOSI capabilities of the service."""
    address = f"{settings.PUBLIC_URL}/datalink"
    return capabilities_response(
        request,
        [("ivo://ivoa.net/std/DataLink#links-1.1", f"{address}/links", "1.1")],
        address,
    )
