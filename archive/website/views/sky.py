"""The sky view: Aladin Lite on the archive's own HiPS, sources and footprints."""

from typing import Any
from urllib.parse import urlencode

import numpy as np
from django.db.models import F, Max, Min, OuterRef, Subquery
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from numpy.typing import NDArray

from archive.models import Observation, ReferenceCatalogueEntry, Source
from archive.selectors import current_map_version, current_rows, within_cone
from archive.times import utc_iso_from_mjd_tt
from archive.website import adql
from archive.website.request_values import read_cone, read_number, read_text
from archive.website.sky_polygon import Polygon, inside, read_polygon

GALACTIC_CENTRE = (266.41683, -29.00781)
MAX_MARKS = 4000
MOST_POLYGON_CHARACTERS = 4000
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


def sky_polygon(request: HttpRequest) -> HttpResponse:
    """Lead to the ADQL page with the query for the observations in `polygon`: what the form does without JavaScript."""
    polygon = read_polygon(read_text(request.GET, "polygon", MOST_POLYGON_CHARACTERS))
    query = adql.select("integral.observations", [_contained(polygon)], "tstart_mjd_tt")
    return redirect(f"{reverse('tap')}?{urlencode({'QUERY': query})}")


def _contained(polygon: Polygon) -> str:
    return f"1 = CONTAINS(POINT(ra, dec), {polygon.adql})"


def sky_marks(request: HttpRequest) -> JsonResponse:
    """Give sources, brightest first, and observation fields for the viewer; the totals say what was cut."""
    if text := read_text(request.GET, "polygon", MOST_POLYGON_CHARACTERS):
        return _polygon_marks(read_polygon(text))
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
    return _marks(sources, rows.count(), observations, fields.count())


def _polygon_marks(polygon: Polygon) -> JsonResponse:
    """Give sources by name and observations, newest first, whose position lies in a polygon."""
    around = (polygon.ra, polygon.dec, polygon.radius_deg)
    sources = list(
        within_cone(current_rows(Source), *around)
        .order_by("name", "source_id")
        .values_list("source_id", "name", "ra", "dec", "simulated")
    )
    observations = list(
        within_cone(current_rows(Observation), *around)
        .order_by("-tstart_mjd_tt")
        .values_list("obs_id", "target_name", "ra", "dec", "simulated", "tstart_mjd_tt")
    )
    kept_sources, kept = (
        [row for row, is_in in zip(rows, inside(polygon, *_places(rows)), strict=True) if is_in]
        for rows in (sources, observations)
    )
    query = adql.select("integral.observations", [_contained(polygon)], "tstart_mjd_tt")
    windows = adql.select("integral.science_windows", [_contained(polygon)], "tstart_mjd_tt")
    links = [
        [name, f"{reverse('tap')}?{urlencode({'QUERY': text})}"]
        for name, text in (
            ("observations", query),
            ("science_windows", windows),
            ("sources", adql.select("integral.sources", [_contained(polygon)], "name")),
            ("products", adql.select("integral.products", [_contained(polygon)], "product_id")),
        )
    ]
    return _marks(kept_sources[:MAX_MARKS], len(kept_sources), kept[:MAX_MARKS], len(kept), links=links)


def _places(rows: list[tuple[Any, ...]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.array([row[2] for row in rows], dtype=np.float64), np.array([row[3] for row in rows], dtype=np.float64)


def _marks(
    sources: list[tuple[Any, ...]],
    source_total: int,
    observations: list[tuple[Any, ...]],
    observation_total: int,
    **more: object,
) -> JsonResponse:
    response = JsonResponse(
        {
            **more,
            "sources": sources,
            "source_total": source_total,
            "observations": observations,
            "observation_total": observation_total,
        }
    )
    response["Cache-Control"] = "public, max-age=300"
    return response
