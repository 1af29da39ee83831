"""Cut-outs over HTTP (the parameters of SODA 1.0 where they fit)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from archive.errors import ArchiveError, UsageError
from archive.faults import find_fault
from archive.selectors import resolve_name
from hips import services
from hips.cutouts import Region, parse_circle
from hips.surveys import find_surveys

_DEFAULT_SIZE_DEG = 10.0
_PARAMETERS = {
    "survey", "name", "ra", "dec", "size", "pixels", "projection", "format", "pos", "circle", "colormap", "min", "max",
    "stretch",
}  # fmt: skip


@require_safe
def cutout(request: HttpRequest) -> HttpResponse:
    """A part of a map as FITS or PNG."""
    try:
        params = _read_params(request)
        version = services.current_version()
        opened = services.open_survey(version, params.get("survey") or _default_survey(version))
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
    ways = [way for way in ("name", "ra", "pos", "circle") if params.get(way)]
    if len(ways) != 1:
        raise UsageError(f"Say once what to cut, found {' and '.join(ways) or 'nothing'}: name, ra and dec, or pos.")
    if ways[0] in {"pos", "circle"}:
        if params.get("size") or params.get("dec"):
            raise UsageError("A circle has its own size and centre: leave size, ra and dec away.")
        ra, dec, radius = parse_circle(params[ways[0]])
        return Region(ra, dec, 2 * radius, projection, int(side[:9] or 0), circle=True)
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


def _default_survey(version: services.MapVersion) -> str:
    surveys = find_surveys(version)
    if not surveys:
        raise UsageError(f"Map version {version.name} holds no map to cut.")
    return next((survey.survey_id for survey in surveys if survey.quantity == "flux"), surveys[0].survey_id)


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
