"""The mission on one axis of time, and how much the archive is used."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from archive.api import schemas
from archive.api.schemas import answers
from archive.errors import NotFoundError
from archive.models import UsageCount
from archive.usage import SUMS
from archive.website.request_values import read_text
from archive.website.timeline import INSTRUMENTS, Span, belt_spans, read_orbits, read_span, read_timeline


@extend_schema(
    summary="Good time of each instrument, gaps and radiation belts in a span of time",
    parameters=schemas.TIMELINE_PARAMETERS,
    responses=answers(schemas.TIMELINE),
)
@api_view()
def timeline(request: Request) -> Response:
    """Answer what the page of the timeline draws."""
    start, stop = (read_text(request.query_params, name, 40) for name in ("from", "to"))
    orbits = read_orbits()
    if orbits is None:
        raise NotFoundError("This archive has no science window yet.")
    span = read_span(start, stop, orbits.span)
    found = read_timeline(span, orbits)
    return Response(
        {
            **_ends(span),
            "unit": found.unit,
            "instruments": list(INSTRUMENTS),
            "slices": [
                {
                    "label": one.label,
                    "tstart_mjd_tt": one.start,
                    "tstop_mjd_tt": one.stop,
                    "science_windows": one.windows,
                    "good_s": dict(zip(INSTRUMENTS, one.good_s, strict=True)),
                    "simulated": one.simulated,
                }
                for one in found.slices
            ],
            "slices_left_out": found.cut,
            "gaps": [_ends(gap) for gap in found.gaps],
            "radiation_belts": [_ends(belt) for belt in belt_spans(span)],
        }
    )


def _ends(span: Span) -> dict[str, float]:
    return {"tstart_mjd_tt": span.start, "tstop_mjd_tt": span.stop}


@extend_schema(
    summary="How often each service was asked, by month; counts only",
    parameters=[],
    responses=answers(schemas.USAGE),
)
@api_view()
def usage(request: Request) -> Response:
    """Answer the counts of the page of usage."""
    rows = UsageCount.objects.values("day__year", "day__month", "service").annotate(**SUMS)
    return Response(
        {
            "months": [
                {"month": f"{row.pop('day__year')}-{row.pop('day__month'):02d}", **row}
                for row in rows.order_by("day__year", "day__month", "service")
            ]
        }
    )
