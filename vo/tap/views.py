"""HTTP doors of TAP: sync queries, what they would cost, and examples."""

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from archive.errors import UsageError
from vo.tap.estimate import estimate_query
from vo.tap.examples import EXAMPLES
from vo.tap.executor import Run
from vo.tap.limits import time_limit_s
from vo.tap.params import TapRequest, asks_estimate, merge_parameters, read_request
from vo.tap.responses import base_address, protocol_view
from vo.tap.services import run_query
from vo.tap.upload_parts import check_size, read_part
from vo.tap.user_tables import visible_tables

WITHOUT_OVERFLOW = {"csv", "tsv", "arrow"}
"""Formats with no place for the word OVERFLOW: a header states the limit, a result of so many rows may be cut off."""


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
    if asks_estimate(parameters):
        return _estimate(tap_request, time_limit_s(request.user))
    contents = {part: read_part(request, part) for _, part in tap_request.uploads}
    kept = visible_tables(request.user, tap_request.query)
    result = run_query(tap_request, Run(time_limit_s(request.user)), contents, kept)
    form = tap_request.result_format
    response = StreamingHttpResponse(result.content, content_type=form.media_type)
    response["Content-Disposition"] = f'inline; filename="result.{form.extension}"'
    response["Cache-Control"] = "no-cache"
    if form.writer in WITHOUT_OVERFLOW:
        response["X-Archipelago-Maxrec"] = str(tap_request.maxrec)
    # Tells a proxy in front to pass the rows on as they come.
    response["X-Accel-Buffering"] = "no"
    return response


def _estimate(tap_request: TapRequest, limit_s: float) -> HttpResponse:
    if tap_request.uploads:
        msg = "REQUEST=estimate takes no UPLOAD: what is not in the database has no statistics"
        raise UsageError(msg)
    estimate = estimate_query(tap_request)
    response = JsonResponse({**asdict(estimate), "time_limit_s": limit_s, "fits": estimate.seconds < limit_s})
    response["Cache-Control"] = "no-cache"
    return response


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
