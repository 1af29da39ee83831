"""Cut-outs over HTTP (the parameters of SODA 1.0 where they fit)."""

from __future__ import annotations

import math

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from archive.errors import ArchiveError, NotFoundError, UsageError
from archive.faults import find_fault
from archive.selectors import resolve_name
from archive.skymaps import MapVersion
from hips import services
from hips.cutouts import Region, parse_circle, parse_polygon, parse_range, region_of_polygon
from hips.properties import KEV_METRE
from hips.surveys import Survey, find_surveys, get_survey

_DEFAULT_SIZE_DEG = 10.0
_PARAMETERS = {
    "survey", "id", "name", "ra", "dec", "size", "pixels", "projection", "format", "pos", "circle", "polygon", "band",
    "time", "colormap", "min", "max", "stretch",
}  # fmt: skip


@require_safe
def cutout(request: HttpRequest) -> HttpResponse:
    """A part of a map as FITS or PNG."""
    try:
        params = _read_params(request)
        version = services.current_version()
        opened = services.open_survey(version, choose_survey(version, params))
        region = read_region(params)
        file_format = params.get("format", "fits")
        if file_format not in {"fits", "png"}:
            raise UsageError(f"format is {file_format[:40]!r}; expected fits or png.")
        style = services.parse_style(params)
        document = services.make_cutout(opened, region, file_format, style)
    except ArchiveError as error:
        body = f"{error}\n"
        response = HttpResponse(body, status=find_fault(error).status, content_type="text/plain; charset=utf-8")
        response["Access-Control-Allow-Origin"] = "*"
        return response
    response = HttpResponse(document.body, content_type=document.content_type)
    mark = "-simulated" if opened.survey.simulated else ""
    response["Content-Disposition"] = f'inline; filename="{opened.survey.survey_id}{mark}.{file_format}"'
    response["Access-Control-Allow-Origin"] = "*"
    response["Cache-Control"] = "public, max-age=300"
    return response


def read_region(params: dict[str, str]) -> Region:
    """Find out which part of the sky is wanted: a name, ra and dec, or a circle."""
    projection, side = params.get("projection", "TAN").upper(), params.get("pixels", "")
    if side and not (side.isascii() and side.isdigit() and int(side[:9]) > 0):
        raise UsageError(f"pixels is {side[:40]!r}; expected a whole number above 0.")
    ways = [way for way in ("name", "ra", "pos", "circle", "polygon") if params.get(way)]
    if len(ways) != 1:
        raise UsageError(f"Say once what to cut, found {' and '.join(ways) or 'nothing'}: name, ra and dec, or pos.")
    if ways[0] in {"pos", "circle", "polygon"}:
        if params.get("size") or params.get("dec"):
            raise UsageError("A region has its own size and centre: leave size, ra and dec away.")
        return _read_shape(ways[0], params[ways[0]], projection, int(side[:9] or 0))
    size = _number(params, "size", _DEFAULT_SIZE_DEG)
    if ways[0] == "name":
        source = resolve_name(params["name"][:80])
        return Region(source.ra, source.dec, size, projection, int(side[:9] or 0))
    return Region(_number(params, "ra"), _number(params, "dec"), size, projection, int(side[:9] or 0))


def _read_params(request: HttpRequest) -> dict[str, str]:
    """Parameters by their names in small letters, as DALI wants it; each once."""
    params: dict[str, str] = {}
    for name, values in request.GET.lists():
        key = name.lower()
        if key not in _PARAMETERS:
            raise UsageError(f"There is no parameter {name[:40]!r}; expected {', '.join(sorted(_PARAMETERS))}.")
        if key in params or len(values) > 1:
            raise UsageError(f"{key} is given more than once; one cut-out is made at a time.")
        params[key] = str(values[0])
    return params


def choose_survey(version: MapVersion, params: dict[str, str]) -> str:
    """Map that is meant: `survey` (or `id`), and else the one flux map that `band` and `time` leave.

    `band` is one or two wavelengths in metres and `time` one or two MJD, as SODA 1.0 has them (sections 3.3.4, 3.3.5);
    ``-Inf`` and ``+Inf`` are open ends. Without a time it is a map of the whole mission; with one, the map of the
    shortest span that has all of it: a revolution, a year or the mission.

    Raises
    ------
    NotFoundError
        If no map has the band and the time.
    UsageError
        If several have.
    """
    name = params.get("survey") or params.get("id") or ""
    if params.get("survey") and params.get("id"):
        raise UsageError("survey and id are two names of one parameter: give one.")
    shortest, longest = _read_interval(params, "band", "wavelengths in metres")
    first, last = _read_interval(params, "time", "MJD")

    def matches(survey: Survey) -> bool:
        sky_map = survey.main
        reaches = KEV_METRE / sky_map.energy_max_kev <= longest and KEV_METRE / sky_map.energy_min_kev >= shortest
        return reaches and sky_map.tstart_mjd_tt <= last and sky_map.tstop_mjd_tt >= first

    surveys = find_surveys(version)
    if name:
        if not matches(get_survey(version, name)):
            raise NotFoundError(f"{name[:80]} has nothing of this band or time.")
        return name
    if not surveys:
        raise UsageError(f"Map version {version.name} holds no map to cut.")
    found = _of_shortest_span([one for one in surveys if one.quantity == "flux" and matches(one)], first, last)
    fluxes = [survey.survey_id for survey in found]
    if not params.get("band") and not params.get("time"):
        return fluxes[0] if fluxes else surveys[0].survey_id
    if not fluxes:
        raise NotFoundError("No flux map has this band and time; /hips/list tells the bands (em_min, em_max in m).")
    if len(fluxes) > 1:
        shown = ", ".join(fluxes[:12])
        raise UsageError(f"{len(fluxes)} flux maps have this band and time: name one with survey=... ({shown}).")
    return fluxes[0]


def _of_shortest_span(surveys: list[Survey], first: float, last: float) -> list[Survey]:
    """Leave those of the shortest span that has the whole time asked for; all of them where none has."""
    if math.isinf(first) and math.isinf(last):
        return [survey for survey in surveys if not survey.main.epoch] or surveys
    whole = [one for one in surveys if one.main.tstart_mjd_tt <= first and one.main.tstop_mjd_tt >= last]
    rank = {"revolution": 0, "span": 1, "year": 2, "": 3}
    best = min((rank[survey.epoch_kind] for survey in whole), default=None)
    return surveys if best is None else [survey for survey in whole if rank[survey.epoch_kind] == best]


def _read_shape(way: str, text: str, projection: str, side: int) -> Region:
    """Region of POS, CIRCLE or POLYGON."""
    word = text.split(maxsplit=1)[0].upper() if text.split() else ""
    if way == "polygon" or word == "POLYGON":
        return region_of_polygon(parse_polygon(text), projection, side)
    if word == "RANGE" and way == "pos":
        ra1, ra2, dec1, dec2 = parse_range(text)
        width, height = (ra2 - ra1) % 360 or 360.0, dec2 - dec1
        ra, dec = (ra1 + width / 2) % 360, (dec1 + dec2) / 2
        return Region(ra, dec, max(width, height), "CAR", side, bounds=(width, dec1, dec2))
    ra, dec, radius = parse_circle(text)
    return Region(ra, dec, 2 * radius, projection, side, circle=True)


def _read_interval(params: dict[str, str], name: str, what: str) -> tuple[float, float]:
    text = params.get(name, "")
    try:
        ends = [float(word) for word in text.split()[:3]]
    except ValueError:
        ends = [math.nan]
    if not ends:
        return -math.inf, math.inf
    low, high = (ends[0], ends[-1]) if len(ends) < 3 else (math.nan, math.nan)
    if not low <= high:
        raise UsageError(f"{name} is {text[:40]!r}; expected one or two {what}, the lower first.")
    return low, high


def _number(params: dict[str, str], name: str, default: float | None = None) -> float:
    text = params.get(name, "")
    if not text and default is not None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not -1e6 < value < 1e6:
        raise UsageError(f"{name} is {text[:40]!r}; expected a number, in degrees.")
    return value
