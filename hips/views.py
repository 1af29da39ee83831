"""HiPS over HTTP: tiles and documents for sky viewers, and the page that shows them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext

from archive.errors import ArchiveError, NotFoundError, UnavailableError
from archive.faults import find_fault
from archive.skymaps import MapVersion
from hips import services
from hips.addresses import Address, DocumentAddress, parse_address
from hips.catalogues import RANKINGS, catalogue_properties, list_catalogues, make_catalogue_document, open_catalogue
from hips.colour import (
    ColourSurvey,
    OpenColour,
    colour_properties,
    find_colours,
    is_colour,
    make_colour_document,
    open_colour,
)
from hips.documents import Document
from hips.pages import (
    FULL_QUANTITIES,
    QUANTITIES,
    first_look,
    tell_area,
    tell_cells,
    tell_epoch,
    tell_facts,
    tell_title,
    write_catalogue_code,
    write_map_code,
)
from hips.properties import format_list
from hips.surveys import Survey, find_sequence, find_surveys

# The path without a version shows a new release soon; the path with one never changes.
CACHE_CURRENT = "public, max-age=300"
CACHE_IMMUTABLE = "public, max-age=31536000, immutable"
CACHE_ABSENT = "public, max-age=60"
MOST_EPOCHS_LISTED = 40
_METHODS = ("GET", "HEAD", "OPTIONS")


def index(request: HttpRequest) -> HttpResponse:
    return _show_page(request, None)


def survey_list(request: HttpRequest) -> HttpResponse:
    if refusal := _refuse_method(request):
        return refusal
    try:
        text = _list_everything(_base_url(request))
    except ArchiveError as error:
        return _explain(error)
    etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:24]}"'
    document = Document(text.encode(), "text/plain; charset=utf-8")
    response = _not_modified(request, etag) or _send(request, document)
    return _finish(response, etag=etag, cache=CACHE_CURRENT)


def survey_file(request: HttpRequest, survey_id: str, path: str = "", version_name: str | None = None) -> HttpResponse:
    if refusal := _refuse_method(request):
        return refusal
    try:
        address = parse_address(path)
        if survey_id in RANKINGS and version_name is None:
            return _send_catalogue(request, survey_id, address)
        version = services.find_published_version(version_name)
        if is_colour(survey_id):
            return _send_colour(request, open_colour(version, survey_id), address, forever=version_name is not None)
        opened = services.open_survey(version, survey_id)
        if address == DocumentAddress("index.html"):
            return _show_page(request, opened)
        style = services.parse_style({name: str(value) for name, value in request.GET.items()})
        etag = services.make_etag(opened, address, style)
        response = _not_modified(request, etag)
        if response is None:
            response = _send(request, services.make_document(opened, address, style))
    except ArchiveError as error:
        return _explain(error)
    return _finish(response, etag=etag, cache=CACHE_CURRENT if version_name is None else CACHE_IMMUTABLE)


def _list_everything(base_url: str) -> str:
    """Text of the list of all HiPS: the maps where there are any, and the catalogues."""
    found = list_catalogues()
    try:
        maps = services.list_surveys(services.current_version(), base_url=base_url)
        colours = _list_colours(services.current_version(), base_url)
    except UnavailableError:
        if not found:
            raise
        maps, colours = "", []
    records = colours + [
        {**catalogue_properties(opened), "hips_service_url": f"{base_url}/{opened.facts.survey_id}"} for opened in found
    ]
    return "\n".join(text for text in (maps, format_list(records)) if text)


def _list_colours(version: MapVersion, base_url: str) -> list[dict[str, str]]:
    opened = (open_colour(version, survey.survey_id) for survey in find_colours(version))
    return [colour_properties(one) | {"hips_service_url": f"{base_url}/{one.survey.survey_id}"} for one in opened]


def _send_catalogue(request: HttpRequest, survey_id: str, address: Address) -> HttpResponse:
    opened = open_catalogue(survey_id)
    make = partial(make_catalogue_document, opened)
    if address == DocumentAddress("index.html"):
        url = f"{_base_url(request)}/{survey_id}"
        context = {
            "section": "hips",
            "opened": opened,
            "brightest_by": gettext(opened.facts.brightest_by),
            "properties": catalogue_properties(opened),
            "address": url,
            "coverage": (tell_area(opened.coverage), tell_cells(opened.coverage)),
            "codes": write_catalogue_code(
                url, f"{_root(request)}{reverse('tap')}".rstrip("/"), opened.facts.table.name
            ),
        }
        return render(request, "hips/catalogue.html", context)
    return _send_part(request, opened.digest, address, make, CACHE_CURRENT)


def _send_colour(request: HttpRequest, opened: OpenColour, address: Address, *, forever: bool) -> HttpResponse:
    if address == DocumentAddress("index.html"):
        return _show_page(request, opened)
    make = partial(make_colour_document, opened)
    return _send_part(request, opened.digest, address, make, CACHE_IMMUTABLE if forever else CACHE_CURRENT)


def _send_part(
    request: HttpRequest, digest: str, address: Address, make: Callable[[Address], Document], cache: str
) -> HttpResponse:
    etag = f'"{hashlib.sha256(f"{digest} {address}".encode()).hexdigest()[:24]}"'
    response = _not_modified(request, etag) or _send(request, make(address))
    return _finish(response, etag=etag, cache=cache)


def _show_page(request: HttpRequest, opened: services.OpenSurvey | OpenColour | None) -> HttpResponse:
    try:
        version = services.current_version() if opened is None else opened.version
        surveys, colours = find_surveys(version), find_colours(version)
        if not surveys:
            raise UnavailableError(f"Map version {version.name} holds no flux, significance or exposure map to show.")
        catalogues = list_catalogues()
    except ArchiveError as error:
        context = {"section": "hips", "sentence": str(error)}
        return render(request, "hips/empty.html", context, status=find_fault(error).status)
    if opened is None:
        totals = [survey for survey in surveys if not survey.epoch_kind] or surveys
        shown = next((survey for survey in totals if survey.quantity == "significance"), totals[0])
        opened = services.open_survey(version, shown.survey_id)
    survey_id, base = opened.survey.survey_id, reverse("hips-index").rstrip("/")
    steps = [] if isinstance(opened, OpenColour) else find_sequence(surveys, opened.survey)
    listed = _choose_listed(surveys, colours, steps, opened.survey)
    viewer = {
        "root": f"{base}/v/{version.name}",
        "survey": _describe(opened.survey),
        "look": first_look(opened),
        "sequence": [{"id": step.survey_id, "label": tell_epoch(step)} for step in steps],
        "catalogues": [
            {
                "id": catalogue.facts.survey_id,
                "url": f"{base}/{catalogue.facts.survey_id}",
                "title": catalogue.facts.table.title,
            }
            for catalogue in catalogues
        ],
    }
    address, cutout = f"{_base_url(request)}/{survey_id}", ""
    if isinstance(opened, services.OpenSurvey):
        view = opened.facts.view
        place = f"ra={view.ra:.3f}&dec={view.dec:.3f}&size=10"
        cutout = f"{_root(request)}{reverse('api-cutout')}?survey={survey_id}&{place}"
    context = {
        "section": "hips",
        "opened": opened,
        "title": tell_title(opened.survey),
        "epoch": tell_epoch(opened.survey),
        "groups": _group(listed),
        "properties": _properties(opened),
        "total": len(surveys) + len(colours),
        "others": len(surveys) + len(colours) - len(listed),
        "catalogues": catalogues,
        "version": version,
        "viewer": viewer,
        "address": address,
        "facts": tell_facts(opened),
        "cutout": cutout,
        "codes": write_map_code(address, cutout),
    }
    return render(request, "hips/index.html", context)


def _describe(survey: Survey | ColourSurvey) -> dict[str, object]:
    """What the viewer has to know of a survey."""
    colour = isinstance(survey, ColourSurvey)
    return {
        "id": survey.survey_id,
        "title": tell_title(survey),
        "quantity": "colour" if colour else survey.quantity,
        "legend": "" if colour else str(FULL_QUANTITIES[survey.quantity]),
        "unit": "" if colour else survey.unit,
        "simulated": survey.simulated,
    }


def _properties(opened: services.OpenSurvey | OpenColour) -> Mapping[str, str]:
    return colour_properties(opened) if isinstance(opened, OpenColour) else services.survey_properties(opened)


def _choose_listed(
    surveys: Sequence[Survey], colours: Sequence[ColourSurvey], steps: Sequence[Survey], shown: Survey | ColourSurvey
) -> list[Survey | ColourSurvey]:
    """Maps for the list beside the viewer: those of the mission, and of single epochs those that go with the shown one.

    There can be thousands of revolutions; the sequence in time and the list of all HiPS lead to each.
    """
    epoch = shown.main.epoch if isinstance(shown, Survey) else shown.members[0].main.epoch
    found: list[Survey | ColourSurvey] = [one for one in colours if one.members[0].main.epoch in {"", epoch}]
    found += [one for one in surveys if not one.main.epoch or one.main.epoch == epoch]
    if len(steps) <= MOST_EPOCHS_LISTED:
        found += [step for step in steps if step not in found]
    return found if shown in found else [*found, shown]


def _group(listed: Sequence[Survey | ColourSurvey]) -> list[dict[str, object]]:
    """Surveys of one instrument, band and epoch together, for the list beside the viewer; those in colour first."""
    groups: dict[str, list[dict[str, object]]] = {}
    for survey in listed:
        if isinstance(survey, ColourSurvey):
            first = survey.members[0]
            title, label = gettext("In colour"), f"{first.instrument_name} {tell_epoch(survey)}".rstrip()
        else:
            title = f"{survey.instrument_name} {survey.band_name} {tell_epoch(survey)}".rstrip()
            label = str(QUANTITIES[survey.quantity])
        groups.setdefault(title, []).append(_describe(survey) | {"label": label})
    return [{"title": title, "surveys": members} for title, members in groups.items()]


def _base_url(request: HttpRequest) -> str:
    return f"{_root(request)}{reverse('hips-index').rstrip('/')}"


def _root(request: HttpRequest) -> str:
    return settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")


def _refuse_method(request: HttpRequest) -> HttpResponse | None:
    if request.method == "OPTIONS":
        response = HttpResponse(status=204)
        response["Access-Control-Allow-Methods"] = ", ".join(_METHODS)
        response["Access-Control-Allow-Headers"] = "Range, If-None-Match"
        return _finish(response, cache=CACHE_CURRENT)
    if request.method in _METHODS:
        return None
    response = HttpResponse("A HiPS can only be read.\n", status=405, content_type="text/plain; charset=utf-8")
    response["Allow"] = ", ".join(_METHODS)
    return _finish(response)


def _not_modified(request: HttpRequest, etag: str) -> HttpResponse | None:
    known = request.headers.get("If-None-Match", "")
    tags = [tag.strip().removeprefix("W/") for tag in known.split(",")]
    return HttpResponse(status=304) if etag in tags or known.strip() == "*" else None


def _send(request: HttpRequest, document: Document) -> HttpResponse:
    body = b"" if request.method == "HEAD" else document.body
    response = HttpResponse(body, content_type=document.content_type)
    response["Content-Length"] = str(len(document.body))
    return response


def _explain(error: ArchiveError) -> HttpResponse:
    status = find_fault(error).status
    response = HttpResponse(f"{error}\n", status=status, content_type="text/plain; charset=utf-8")
    return _finish(response, cache=CACHE_ABSENT if isinstance(error, NotFoundError) else "no-store")


def _finish(response: HttpResponse, *, etag: str | None = None, cache: str = "no-store") -> HttpResponse:
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Expose-Headers"] = "ETag, Content-Length"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    response["Cache-Control"] = cache
    if etag is not None:
        response["ETag"] = etag
    return response
