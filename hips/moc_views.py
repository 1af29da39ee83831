"""Coverages over HTTP: the list, one by name, and set operations between them."""

from __future__ import annotations

import dataclasses
import json
import re
from itertools import zip_longest
from urllib.parse import urlencode

import numpy as np
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext, pgettext_lazy
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from archive.errors import ArchiveError, UnavailableError, UsageError
from archive.faults import find_fault
from archive.pictures import encode_png, mollweide_sky
from hips import mocs, services
from hips.localisations import Localisation, decode_localisation
from hips.moc import at_order, contains, encode_moc
from hips.moc_files import MAX_BYTES, decode_moc, encode_ascii, encode_json
from hips.mocs import NamedMoc
from hips.pages import tell_cells, tell_title

FORMATS = {
    "fits": "application/fits", "json": "application/json", "ascii": "text/plain; charset=utf-8", "png": "image/png",
}  # fmt: skip
CACHE = "public, max-age=300"
_INLINE = re.compile(r"\s*(?:[0-9]{1,2}/|\{)")
_NUMBER = r"\s+([-+]?[0-9]{1,3}(?:\.[0-9]{0,9})?)"
_CIRCLE = re.compile(rf"\s*circle{_NUMBER}{_NUMBER}{_NUMBER}\s*", re.ASCII | re.IGNORECASE)
_PICTURE_WIDTH = 900
# Galactic sky of pictures: nothing, unobserved, covered.
_PICTURE_COLOURS = bytes([0, 0, 0, 28, 36, 56, 110, 205, 214]) + bytes(759)
_UPLOAD = "upload"
# An example for each field of the form on the page; the API takes more.
_EXAMPLES = ("isgri-mission", "jemx-mission", "circle 266.4 -29 20")
OPERATIONS = {
    "union": pgettext_lazy("a set operation", "union"),
    "intersection": pgettext_lazy("a set operation", "intersection"),
    "difference": pgettext_lazy("a set operation", "difference"),
}
_PARAMETERS = {"op", "moc", "format", "order", "credible", "csrfmiddlewaretoken"}


@require_safe
def moc_list(request: HttpRequest) -> HttpResponse:
    """Page of all coverages and how to combine them."""
    try:
        maps, sentence = [(moc, _tell_map(moc)) for moc in mocs.list_map_mocs()], ""
    except UnavailableError as error:
        maps, sentence = [], str(error)
    given = request.GET.getlist("moc")[: len(_EXAMPLES)]
    context = _show_result(request) | {
        "section": "hips",
        "maps": maps,
        "sentence": sentence,
        "kinds": mocs.find_footprint_kinds(),
        "instruments": mocs.INSTRUMENTS,
        "operations": OPERATIONS.items(),
        "op": request.GET.get("op", "difference"),
        "operands": [
            {"text": text, "example": example} for text, example in zip_longest(given, _EXAMPLES, fillvalue="")
        ],
        "base_url": settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "hips/mocs.html", context, status=400 if context.get("fault") else 200)


def _show_result(request: HttpRequest) -> dict[str, object]:
    """What the page says of the coverages that its form asks to combine."""
    texts = [text for text in request.GET.getlist("moc") if text.strip()]
    if not texts:
        return {}
    try:
        operation = request.GET.get("op", "difference")
        operands = [_read_operand(request, text, None, "") for text in texts]
        result = mocs.combine_mocs(operation, operands)
    except ArchiveError as error:
        return {"fault": str(error)}
    query = urlencode([("op", operation), *(("moc", text) for text in texts)])
    return {
        "result": result,
        "result_title": f" {OPERATIONS[operation]} ".join(operand.name for operand in operands),
        "percent": f"{100 * result.coverage.sky_fraction:.3g}",
        "cells": tell_cells(result.coverage),
        "query": query,
    }


def _tell_map(moc: NamedMoc) -> str:
    """What the coverage of a map is, in the language of the page; the API says it in English."""
    survey_id, _, depth = moc.name.partition("-over-")
    title = tell_title(services.open_survey(services.current_version(), survey_id).survey)
    if depth:
        return gettext("%(map)s above %(depth)s ks") % {"map": title, "depth": depth.removesuffix("ks")}
    return gettext("Coverage of %(map)s") % {"map": title}


@require_safe
def moc_file(request: HttpRequest, name: str, file_format: str) -> HttpResponse:
    """One coverage by name."""
    try:
        if file_format == "fits" and (found := mocs.find_space_time(name)) is not None:
            response = HttpResponse(found[0], content_type=FORMATS["fits"])
            mark = "-simulated" if found[1] else ""
            response["Content-Disposition"] = f'inline; filename="{name}{mark}.fits"'
            return _open(response)
        return _send(mocs.find_moc(name), {"txt": "ascii"}.get(file_format, file_format))
    except ArchiveError as error:
        return _explain(error)


@csrf_exempt  # it only computes: nothing is stored and nobody is logged in
@require_http_methods(["GET", "HEAD", "POST"])
def combine(request: HttpRequest) -> HttpResponse:
    """Union, intersection or difference of MOCs that are named, written in the request or uploaded."""
    try:
        params = request.POST if request.method == "POST" else request.GET
        if unknown := set(params) - _PARAMETERS:
            raise UsageError(f"There is no parameter {min(unknown)[:40]!r}; expected op, moc, format, order, credible.")
        file_format = params.get("format", "fits")
        if file_format not in {*FORMATS, "info"}:
            raise UsageError(f"format is {file_format[:40]!r}; expected one of {', '.join(FORMATS)}, info.")
        texts = params.getlist("moc")
        if len(texts) > mocs.MAX_OPERANDS:
            raise UsageError(f"{len(texts)} MOCs were given; name 1 to {mocs.MAX_OPERANDS} with moc=...")
        localisation = _read_localisation(request)
        operands = [_read_operand(request, text, localisation, params.get("credible", "")) for text in texts]
        result = mocs.combine_mocs(params.get("op", "union"), operands)
        if order := params.get("order", ""):
            result = dataclasses.replace(result, coverage=at_order(result.coverage, _read_order(order)))
        return _send_info(result, localisation) if file_format == "info" else _send(result, file_format)
    except ArchiveError as error:
        return _explain(error)


def _read_localisation(request: HttpRequest) -> Localisation | None:
    """Probability map that was sent along, where what was sent is one."""
    file = request.FILES.get(_UPLOAD)
    if file is None:
        return None
    found = decode_localisation(file.read(MAX_BYTES + 1))
    file.seek(0)
    return found


def _read_operand(request: HttpRequest, text: str, localisation: Localisation | None, credible: str) -> NamedMoc:
    if text == _UPLOAD:
        file = request.FILES.get(_UPLOAD)
        if file is None:
            raise UsageError("moc=upload needs a file in the form field 'upload' of a POST request.")
        if localisation is not None:
            level = _read_level(credible)
            return NamedMoc(f"{level:.0%} of {_UPLOAD}", _UPLOAD, False, localisation.credible_region(level))
        if credible:
            raise UsageError("credible goes with a localisation (columns UNIQ and PROBDENSITY, or PROB); a MOC came.")
        return NamedMoc(_UPLOAD, _UPLOAD, False, decode_moc(file.read(MAX_BYTES + 1)))
    if match := _CIRCLE.fullmatch(text):
        return mocs.make_circle(*(float(part) for part in match.groups()))
    if _INLINE.match(text):
        return NamedMoc("inline", "inline", False, decode_moc(text.encode("utf-8", "replace")))
    return mocs.find_moc(text)


def _read_level(text: str) -> float:
    """Credible level of a localisation; 0.9 where none is given, as alerts quote it."""
    try:
        level = float(text or "0.9")
    except ValueError:
        level = float("nan")
    if not 0 < level <= 1:
        raise UsageError(f"credible is {text[:40]!r}; expected a probability above 0, at most 1, like 0.9.")
    return level


def _read_order(text: str) -> int:
    if not re.fullmatch("[0-9]{1,2}", text, re.ASCII) or int(text) > 29:
        raise UsageError(f"order is {text[:40]!r}; expected a whole number from 0 to 29.")
    return int(text)


def _send(moc: NamedMoc, file_format: str) -> HttpResponse:
    if file_format == "png":
        body = _draw(moc)
    elif file_format == "fits":
        body = encode_moc(moc.coverage, simulated=moc.simulated)
    else:
        body = (encode_json if file_format == "json" else encode_ascii)(moc.coverage).encode()
    response = HttpResponse(body, content_type=FORMATS[file_format])
    ending = {"ascii": "txt"}.get(file_format, file_format)
    mark = "-simulated" if moc.simulated else ""
    response["Content-Disposition"] = f'inline; filename="{moc.name}{mark}.{ending}"'
    return _open(response)


def _draw(moc: NamedMoc) -> bytes:
    """Picture of the sky, Mollweide projection in Galactic coordinates, with the coverage in colour."""
    ra, dec, inside = mollweide_sky(_PICTURE_WIDTH)
    picture = np.zeros(inside.shape, dtype=np.uint8)
    picture[inside] = 1 + contains(moc.coverage, ra, dec)
    return encode_png(picture, _PICTURE_COLOURS)


def _send_info(moc: NamedMoc, localisation: Localisation | None) -> HttpResponse:
    facts = {
        "title": moc.title,
        "simulated": moc.simulated,
        "order": moc.coverage.order,
        "ranges": len(moc.coverage.ranges),
        "sky_fraction": moc.coverage.sky_fraction,
        "area_deg2": moc.area_deg2,
    }
    if localisation is not None:
        facts["probability"] = localisation.probability_within(moc.coverage)
    return _open(HttpResponse(json.dumps(facts), content_type="application/json"))


def _explain(error: ArchiveError) -> HttpResponse:
    response = HttpResponse(f"{error}\n", status=find_fault(error).status, content_type="text/plain; charset=utf-8")
    response["Access-Control-Allow-Origin"] = "*"
    return response


def _open(response: HttpResponse) -> HttpResponse:
    response["Access-Control-Allow-Origin"] = "*"
    response["Cache-Control"] = CACHE
    return response
