"""HTTP doors of TAP: sync queries, examples, and the page for people."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from archive.errors import ArchiveError, UsageError
from archive.published import Table
from vo.tap.examples import EXAMPLES
from vo.tap.formats import FORMATS
from vo.tap.params import DEFAULT_MAXREC, HARD_MAXREC, merge_parameters, read_request
from vo.tap.responses import base_address, protocol_view
from vo.tap.services import preview_query, published_tables, run_query
from vo.tap.upload_parts import check_size, read_part


def _pairs(query: object) -> list[tuple[str, str]]:
    return [(name, value) for name, values in query.lists() for value in values]  # pyright: ignore[reportAttributeAccessIssue]  # a QueryDict


@csrf_exempt
@protocol_view
def sync(request: HttpRequest) -> HttpResponseBase:
    """Run a query and stream its result (TAP 1.1 section 2.2)."""
    if request.method not in {"GET", "HEAD", "POST"}:
        msg = f"{request.method} is not allowed here; use GET or POST"
        raise UsageError(msg)
    check_size(request)
    parameters = merge_parameters(_pairs(request.GET), _pairs(request.POST))
    tap_request = read_request(parameters)
    contents = {part: read_part(request, part) for _, part in tap_request.uploads}
    result = run_query(tap_request, contents=contents)
    form = tap_request.result_format
    response = StreamingHttpResponse(result.content, content_type=form.media_type)
    response["Content-Disposition"] = f'inline; filename="result.{form.extension}"'
    response["Cache-Control"] = "no-cache"
    # Tells a proxy in front to pass the rows on as they come.
    response["X-Accel-Buffering"] = "no"
    return response


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The form where people write ADQL, and the first rows of what they asked."""
    query = request.GET.get("QUERY", "")
    preview, error = None, ""
    if query.strip():
        try:
            preview = preview_query(query)
        except ArchiveError as failure:
            error = str(failure)
    schemas: dict[str, list[Table]] = {}
    for table in published_tables().values():
        schemas.setdefault(table.schema, []).append(table)
    context = {
        "section": "tap",
        "examples": EXAMPLES,
        "formats": FORMATS,
        "schemas": schemas,
        "query": query or EXAMPLES[0].query,
        "preview": preview,
        "error": error,
        "default_maxrec": DEFAULT_MAXREC,
        "hard_maxrec": HARD_MAXREC,
        "address": f"{settings.PUBLIC_URL}/tap",
    }
    return render(request, "tap/page.html", context, status=400 if error else 200)


@protocol_view
@require_safe
def examples(request: HttpRequest) -> HttpResponse:
    """Queries to try, as DALI-examples (DALI 1.1 section 2.3)."""
    return render(
        request,
        "tap/examples.html",
        {"examples": EXAMPLES, "address": base_address(request)},
        content_type="application/xhtml+xml",
    )
