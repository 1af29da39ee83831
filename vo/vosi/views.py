"""HTTP doors of VOSI 1.1."""

import hashlib

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import parse_etags, quote_etag
from django.views.decorators.http import require_safe

from archive.errors import NotFoundError, UsageError
from archive.probes import QUERIES, probe_parts
from vo.tap.responses import base_address, protocol_view
from vo.tap.services import published_tables
from vo.vosi.documents import (
    add_tapplus_flags,
    availability_document,
    capabilities_document,
    table_document,
    tables_document,
)


def _xml(request: HttpRequest, document: str) -> HttpResponse:
    """Answer with a document, or with 304 if the client has it."""
    content = document.encode()
    etag = quote_etag(hashlib.sha256(content).hexdigest()[:32])
    if etag in parse_etags(request.headers.get("If-None-Match", "")):
        response = HttpResponse(status=304)
    else:
        response = HttpResponse(content, content_type="text/xml")
    response["ETag"] = etag
    response["Cache-Control"] = "no-cache"
    return response


@protocol_view
@require_safe
def capabilities(request: HttpRequest) -> HttpResponseBase:
    """What the service can do."""
    return _xml(request, capabilities_document(base_address(request)))


@protocol_view
@require_safe
def availability(_request: HttpRequest) -> HttpResponseBase:
    """Whether a query would be answered now: one is tried. Parts of the archive that do not work are notes."""
    parts = probe_parts()
    available = next(part.good for part in parts if part.name == QUERIES)
    document = availability_document(
        available=available, notes=[f"{part.name}: {part.found}" for part in parts if not part.good]
    )
    response = HttpResponse(document, content_type="text/xml")
    response["Cache-Control"] = "no-store"
    return response


@protocol_view
@require_safe
def tables(request: HttpRequest) -> HttpResponseBase:
    """Every published table; detail=min leaves the columns out.

    TapPlus names neither itself nor what it takes, unlike every validator, and gets an attribute of its own.
    """
    detail = next((v for k, v in request.GET.items() if k.lower() == "detail"), "max").lower()
    if detail not in {"min", "max"}:
        msg = f"detail={detail[:40]!r} is not known; it is min or max"
        raise UsageError(msg)
    document = tables_document(published_tables(), columns=detail == "max")
    if not request.headers.get("Accept") and not request.headers.get("User-Agent"):
        document = add_tapplus_flags(document)
    response = _xml(request, document)
    response["Vary"] = "Accept, User-Agent"
    return response


@protocol_view
@require_safe
def table(request: HttpRequest, name: str) -> HttpResponseBase:
    """One published table."""
    found = published_tables().get(name)
    if found is None:
        msg = f"there is no table {name[:100]!r}; {request.path.rsplit('/', 1)[0]} lists all"
        raise NotFoundError(msg)
    return _xml(request, table_document(found))
