"""The sky view: Aladin Lite on the archive's own HiPS, sources and footprints."""

from django.db.models import F, Max, Min, OuterRef, Subquery
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from archive.models import Observation, ReferenceCatalogueEntry, Source
from archive.selectors import current_map_version, current_rows, within_cone
from archive.times import utc_iso_from_mjd_tt
from archive.website.request_values import read_cone, read_number, read_text

GALACTIC_CENTRE = (266.41683, -29.00781)
MAX_MARKS = 4000
MOST_STILL_DEG = 60.0
"""Width of the still picture; wider ones would be distorted in a tangential projection."""


def sky(request: HttpRequest) -> HttpResponse:
    """Show the viewer at `ra`, `dec`, `fov` with `survey`; `q` may name a position instead."""
    params = request.GET
    fov = read_number(params, "fov", 0.02, 360)
    cone = read_cone(params, 1.0)
    ra, dec = (cone.ra, cone.dec) if cone else GALACTIC_CENTRE
    version = current_map_version()
    state = {"ra": ra, "dec": dec, "fov": fov or (10.0 if cone else 180.0), "survey": read_text(params, "survey", 100)}
    years = current_rows(Observation).aggregate(first=Min("tstart_mjd_tt"), last=Max("tstart_mjd_tt"))
    context = {
        "section": "sky",
        "state": state,
        "has_maps": version is not None,
        "years": _years(years["first"], years["last"]),
        "still_fov": min(state["fov"], MOST_STILL_DEG),
    }
    return render(request, "archive/sky.html", context)


def _years(first_mjd_tt: float | None, last_mjd_tt: float | None) -> range:
    """Return the years in which the archive has observations, for the choice of a coverage."""
    if first_mjd_tt is None or last_mjd_tt is None:
        return range(0)
    return range(int(utc_iso_from_mjd_tt(first_mjd_tt)[:4]), int(utc_iso_from_mjd_tt(last_mjd_tt)[:4]) + 1)


def sky_marks(request: HttpRequest) -> JsonResponse:
    """Give sources, brightest first, and observation fields for the viewer; the totals say what was cut."""
    cone = read_cone(request.GET, 180.0)
    rows, fields = current_rows(Source), current_rows(Observation)
    if cone is not None:
        rows = within_cone(rows, cone.ra, cone.dec, cone.radius_deg)
        fields = within_cone(fields, cone.ra, cone.dec, cone.radius_deg)
    rates = current_rows(ReferenceCatalogueEntry).filter(source_id=OuterRef("source_id"), isgri_20_60_cps__gt=0)
    brightness = Subquery(rates.order_by("-isgri_20_60_cps").values("isgri_20_60_cps")[:1])
    brightest = rows.annotate(brightness=brightness).order_by(F("brightness").desc(nulls_last=True), "source_id")
    sources = list(brightest.values_list("source_id", "name", "ra", "dec", "simulated")[:MAX_MARKS])
    observations = list(
        fields.order_by("-tstart_mjd_tt").values_list(
            "obs_id", "target_name", "ra", "dec", "simulated", "tstart_mjd_tt"
        )[:MAX_MARKS]
    )
    response = JsonResponse(
        {
            "sources": sources,
            "source_total": rows.count(),
            "observations": observations,
            "observation_total": fields.count(),
        }
    )
    response["Cache-Control"] = "public, max-age=300"
    return response
