"""The timeline of the mission."""

from urllib.parse import urlencode

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext, ngettext, pgettext

from archive.models import Observation
from archive.selectors import current_rows
from archive.times import mjd_utc_from_mjd_tt, utc_iso_from_mjd_tt
from archive.website import adql
from archive.website.paging import take_page
from archive.website.request_values import read_text
from archive.website.timeline import INSTRUMENTS, Span, Timeline, belt_spans, read_orbits, read_span, read_timeline
from archive.website.timeline_drawing import calendar_ticks, draw_lanes, draw_spans, full_height

OBSERVATIONS, DRAWN_OBSERVATIONS, LISTED_GAPS = 25, 400, 15
CLOSEST_D = 0.25


def timeline(request: HttpRequest) -> HttpResponse:
    """Show `from` to `to`: good time of each instrument, gaps, belts, revolutions and observations."""
    start, stop = read_text(request.GET, "from", 40), read_text(request.GET, "to", 40)
    orbits = read_orbits()
    if orbits is None:
        return render(request, "archive/timeline.html", {"section": "timeline", "timeline": None})
    whole = orbits.span
    span = read_span(start, stop, whole)
    found = read_timeline(span, orbits)
    observations = current_rows(Observation).filter(
        Q(tstart_mjd_tt__gte=span.start) | Q(tstop_mjd_tt__gt=span.start), tstart_mjd_tt__lt=span.stop
    )
    page = take_page(
        observations, order="tstart_mjd_tt", key="obs_id", mark=request.GET.get("page", ""), size=OBSERVATIONS
    )
    query = adql.select(
        "integral.science_windows",
        [f"tstart_mjd_tt < {span.stop:.6f}", f"tstop_mjd_tt > {span.start:.6f}"],
        "tstart_mjd_tt",
    )
    context = {
        "section": "timeline",
        "timeline": found,
        "whole_view": not start and not stop,
        "start": start or utc_iso_from_mjd_tt(span.start)[:10],
        "stop": stop or utc_iso_from_mjd_tt(span.stop)[:10],
        "first_utc_mjd": float(mjd_utc_from_mjd_tt(span.start)),
        "last_utc_mjd": float(mjd_utc_from_mjd_tt(span.stop)),
        "lanes": draw_lanes(found, full_height(found)),
        "words": _words(found, 100.0 * full_height(found)),
        "ticks": calendar_ticks(span),
        "gap_path": draw_spans(found.gaps, span),
        "belt_path": draw_spans(belt_spans(span), span),
        "observation_path": _observation_path(observations, span) if found.unit != "bin" else "",
        "window_count": round(sum(item.windows for item in found.slices)) + found.cut,
        "gaps": sorted(found.gaps, key=lambda gap: -gap.length_d)[:LISTED_GAPS],
        "gap_count": len(found.gaps),
        "gap_days": sum(min(gap.stop, span.stop) - max(gap.start, span.start) for gap in found.gaps),
        "instruments": INSTRUMENTS.values(),
        "years": _years(whole),
        "moves": _moves(span, whole),
        "page": page,
        "total": observations.order_by().count(),
        "between": f"{span.start:.5f}..{span.stop:.5f}",
        "exports": adql.export_links(query),
        "query": query,
        "pyvo": adql.pyvo_code(query),
    }
    return render(request, "archive/timeline.html", context)


def _observation_path(observations: QuerySet[Observation], span: Span) -> str:
    ends = observations.order_by("tstart_mjd_tt").values_list(
        "tstart_mjd_tt", Coalesce(F("tstop_mjd_tt"), F("tstart_mjd_tt"))
    )
    return draw_spans((Span(a, b) for a, b in ends[:DRAWN_OBSERVATIONS]), span)


def _years(whole: Span) -> list[tuple[int, str]]:
    """Return each year of the archive with the address of its view."""
    first, last = (int(utc_iso_from_mjd_tt(moment)[:4]) for moment in (whole.start, whole.stop))
    return [(year, f"?from={year}-01-01&to={year}-12-31") for year in range(first, last + 1)]


def _words(found: Timeline, top_percent: float) -> dict[str, str]:
    """Return what the page says of its bars: the head of their column, how many there are, and how high they are."""
    count = len(found.slices)
    match found.unit:
        case "bin":
            head = pgettext("of time", "Bin")
            table = ngettext("The same as a table: %(count)d bin", "The same as a table: %(count)d bins", count)
            scale = gettext(
                "Height of a bar: good time as a share of its bin, the top of a lane is %(top)s %%; the percentage is "
                "that of the whole span shown."
            )
        case "revolution":
            head = gettext("Revolution")
            table = ngettext(
                "The same as a table: %(count)d revolution", "The same as a table: %(count)d revolutions", count
            )
            scale = gettext(
                "Height of a bar: good time as a share of its revolution, the top of a lane is %(top)s %%; the "
                "percentage is that of the whole span shown."
            )
        case _:
            head = gettext("Science window")
            table = ngettext(
                "The same as a table: %(count)d science window", "The same as a table: %(count)d science windows", count
            )
            scale = gettext(
                "Height of a bar: good time as a share of its science window, the top of a lane is %(top)s %%; the "
                "percentage is that of the whole span shown."
            )
    return {"head": head, "table": table % {"count": count}, "scale": scale % {"top": f"{top_percent:.4g}"}}


def _moves(span: Span, whole: Span) -> list[tuple[str, str]]:
    """Return the steps from this view to its neighbours: words and addresses; '' where there is nothing to see."""
    middle, half = (span.start + span.stop) / 2, span.length_d / 2
    wider = Span(max(middle - 3 * half, whole.start), min(middle + 3 * half, whole.stop))
    moves = (
        (gettext("← earlier"), Span(span.start - half, span.stop - half), span.start > whole.start),
        (gettext("later →"), Span(span.start + half, span.stop + half), span.stop < whole.stop),
        (gettext("closer"), Span(middle - half / 3, middle + half / 3), span.length_d / 3 >= CLOSEST_D),
        (gettext("wider"), wider, span.start > whole.start or span.stop < whole.stop),
    )
    return [(name, _address(to) if possible else "") for name, to, possible in moves]


def _address(span: Span) -> str:
    text = [utc_iso_from_mjd_tt(moment) for moment in (span.start, span.stop)]
    day = span.length_d > 30
    # A date as the end of a view means its whole day.
    return "?" + urlencode({"from": text[0][:10] if day else text[0][:16], "to": text[1][:10] if day else text[1][:16]})
