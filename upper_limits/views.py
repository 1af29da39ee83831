"""The page of the upper limits: a form, a table, a plot, and the code that gives the same numbers."""

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy, gettext_noop, pgettext_lazy
from django.views.decorators.http import require_GET

from archive import selectors
from archive.errors import ArchiveError, UnavailableError, UsageError
from archive.faults import find_fault
from archive.models import Source
from archive.templatetags.archive_tags import sig
from upper_limits import epoch_services, services, validation_services
from upper_limits.around import SIDE_DEG, BrightSource, bright_around, draw_surroundings
from upper_limits.flux import CRABS
from upper_limits.history_plot import plan_history
from upper_limits.limits import BAD, DETECTION, LIMIT, OUTSIDE, Options, plan_conversion
from upper_limits.params import PARAMETERS, EpochChoice, LimitRequest, read_request
from upper_limits.plot import plan_plot
from upper_limits.positions import Target
from upper_limits.snippet import python_snippet
from upper_limits.store import LimitStore

CONFIDENCES = (
    ("0.9", "90 %"),
    ("0.95", "95 %"),
    ("0.97724986805182", "97.72 % (2 sigma)"),
    ("0.99865010196837", "99.865 % (3 sigma)"),
)
DEFAULT_CONFIDENCE = CONFIDENCES[-1][0]
MAX_PAGE_POSITIONS = 20
MAX_MARKED, MAX_BRIGHT = 60, 5
EXAMPLE = "Crab · 83.633 22.014 · 05 34 31.9 +22 00 52 · gal 184.56 -5.78"
# What answers say in English, for programs too, and the page in the language of its reader.
STATUS_WORDS = {
    LIMIT: pgettext_lazy("result of a measurement", "limit"),
    DETECTION: pgettext_lazy("result of a measurement", "detection"),
    OUTSIDE: gettext_lazy("outside coverage"),
    BAD: gettext_lazy("bad position"),
}
PICTURE_TITLES = {
    "limit": gettext_lazy("Upper limit"),
    "significance": gettext_lazy("Significance"),
    "exposure": gettext_lazy("Exposure"),
}
CRAB_SPECTRA = (
    gettext_noop("10 E^-2.1 ph cm-2 s-1 keV-1 (as Krivonos et al. 2007)"),
    gettext_noop("9.7 E^-2.1 ph cm-2 s-1 keV-1"),
    gettext_noop("broken power law 2.07 / 2.24 at 100 keV, 6.6e-4 there (after SPI, values from memory)"),
)
SAME_SOURCE_DEG = 0.25
"""A bright peak in a map and a source of the catalogue this near to it are the same."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of a group of check boxes."""

    value: str
    label: str
    checked: bool


@require_GET
def upper_limits(request: HttpRequest) -> HttpResponse:
    asked = {name.lower(): [value for value in values if value.strip()] for name, values in request.GET.lists()}
    shown_map = _first(asked, "map")
    asked = {name: values for name, values in asked.items() if values and name not in {"format", "map"}}
    context: dict[str, object] = {"section": "upper-limits", "confidences": CONFIDENCES, "example": EXAMPLE}
    context["crabs"] = [(crab.name, gettext(crab.description)) for crab in CRABS.values()]
    status = 200
    try:
        store, notices = services.find_store(_first(asked, "version"))
        context |= {"store": store, "notices": notices, **_form(store, asked)}
        if {"position", "name", "ra", "dec"} & set(asked):
            context |= _result(request, asked, shown_map)
    except ArchiveError as error:
        status = find_fault(error).status
        context |= {"error": str(error), "form": {name: _first(asked, name) for name in PARAMETERS}}
    return render(request, "upper_limits/upper_limits.html", context, status=status)


@require_GET
def method(request: HttpRequest) -> HttpResponse:
    """Explain the limits and show what the last validation found."""
    found = validation_services.read_validation()
    context = {
        "section": "upper-limits",
        "found": found,
        "plots": validation_services.plan_plots(found) if found else [],
    }
    return render(request, "upper_limits/method.html", context)


def _result(request: HttpRequest, asked: dict[str, list[str]], shown_map: str) -> dict[str, object]:
    limit_request = read_request({"confidence": [DEFAULT_CONFIDENCE], **asked} if "sigma" not in asked else asked)
    found = services.answer(_shortened(limit_request))
    columns = next(services.iter_rows(found))
    width = len(columns["index"]) // len(found.targets)
    rows = [_row(dict(zip(columns, values, strict=True))) for values in zip(*columns.values(), strict=True)]
    groups = [
        {
            "target": target,
            "rows": rows[number * width : (number + 1) * width],
            "plot": plan_plot(
                {name: values[number * width : (number + 1) * width] for name, values in columns.items()}
            ),
            "history": _history(asked, limit_request, target),
        }
        for number, target in enumerate(found.targets)
    ]
    head = services.describe(found)
    bands = [one.totals.bands[number] for one in found.selections for number in one.numbers]
    mission = {name: values for name, values in asked.items() if name not in {"history", "t_min", "t_max"}}
    query = urlencode(sorted(mission.items()), doseq=True)
    base = settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")
    here = f"{reverse('upper-limits-api')}?{query}"
    api = f"{base}{here}"
    return {
        "groups": groups,
        "around": _around(found, groups[0], shown_map) if len(groups) == 1 else None,
        "address": urlencode(sorted(asked.items()), doseq=True),
        "head": head,
        "crab": gettext(limit_request.options.crab.description),
        "n_dropped": len(limit_request.targets) - len(found.targets),
        "has_detection": DETECTION in columns["status"],
        "has_limit": LIMIT in columns["status"],
        "has_simulated_rows": found.simulated,
        "conventions": _conventions(found, limit_request.options),
        "api": api,
        "json": here,
        "csv": f"{here}&format=csv",
        "votable": f"{here}&format=votable",
        "permanent": f"{base}{reverse('upper-limits')}?{_pinned(asked, found.store)}",
        "curl": f"curl {shlex.quote(api)}",
        "python": python_snippet(api, limit_request.options, bands),
    }


def _row(values: dict[str, object]) -> dict[str, object]:
    """One row of the table with its status in the language of the page."""
    return values | {"status_words": STATUS_WORDS[str(values["status"])], "unseen": values["status"] == OUTSIDE}


def _history(asked: dict[str, list[str]], limit_request: LimitRequest, target: Target) -> dict[str, object] | None:
    """Plots of the epochs at one position; None where no history is built, or none of it lies in the bands asked."""
    if target.problem or limit_request.version:
        return None
    try:
        found = epoch_services.answer_epochs(
            replace(
                limit_request, targets=(target,), epochs=replace(limit_request.epochs or EpochChoice(), listed=True)
            )
        )
    except (UsageError, UnavailableError):
        return None
    rows = next(epoch_services.iter_epoch_rows(found))
    bands = [
        {
            "plot": plan_history(rows, str(mean["instrument"]), str(mean["band"])),
            "mean": mean,
            "limit": _write_limit(mean),
        }
        for mean in epoch_services.combined_rows(found)
        if mean["epoch_count"]
    ]
    if not bands:
        return None
    kept = {name: values for name, values in asked.items() if name not in {"position", "name", "ra", "dec"}}
    place = {"ra": [f"{target.ra:.7f}"], "dec": [f"{target.dec:.7f}"], "history": ["1"]}
    query = urlencode(sorted({**kept, **place}.items()), doseq=True)
    return {"bands": bands, "notices": found.notices, "api": f"{reverse('upper-limits-api')}?{query}"}


def _write_limit(mean: Mapping[str, object]) -> str:
    """Limit of the mean in the unit of the map, and in mCrab where that is another."""
    limit, mcrab = (float(str(mean[name])) for name in ("upper_limit", "upper_limit_mcrab"))
    text = f"{sig(limit)} {mean['unit']}"
    return text if math.isnan(mcrab) or mean["unit"] == "mCrab" else f"{text} = {sig(mcrab)} mCrab"


def _around(found: services.Answer, group: dict[str, Any], shown_map: str) -> dict[str, object] | None:
    """Maps around one position: of the band asked for with `map`, else of the first band that saw it."""
    target: Target = group["target"]
    bands = [(one.totals, number) for one in found.selections for number in one.numbers]
    seen = {
        f"{totals.instrument}:{totals.bands[number].band}": (totals, number, row)
        for (totals, number), row in zip(bands, group["rows"], strict=True)
        if row["status"] in {LIMIT, DETECTION}
    }
    if shown_map and shown_map not in seen:
        known = ", ".join(seen) or "none"
        raise UsageError(f"map is {shown_map[:40]!r}; bands that saw this position are {known}")
    if not seen:
        return None
    key = shown_map or next(iter(seen))
    totals, number, row = seen[key]
    sources = selectors.within_cone(selectors.current_rows(Source), target.ra, target.dec, SIDE_DEG / math.sqrt(2.0))
    known_sources = list(sources.values_list("name", "ra", "dec")[:MAX_MARKED])
    bright = bright_around(totals, number, target.ra, target.dec)
    drawn = draw_surroundings(
        totals, number, (target.ra, target.dec), found.request.options, known_sources, bright[:MAX_MARKED]
    )
    return {
        "drawn": drawn,
        "pictures": [(picture, PICTURE_TITLES[picture.name]) for picture in drawn.pictures] if drawn else [],
        "bright": [_tell_bright(one) for one in bright[:MAX_BRIGHT]],
        "more_bright": max(0, len(bright) - MAX_BRIGHT),
        "row": row,
        "choices": [
            {
                "key": one,
                "label": f"{t.instrument} {t.bands[n].energy_min_kev:g}–{t.bands[n].energy_max_kev:g} keV",
                "current": one == key,
            }
            for one, (t, n, _) in seen.items()
        ],
    }


def _tell_bright(one: BrightSource) -> str:
    name = _name_at(one.ra, one.dec) or gettext("a source at %(ra)s° %(dec)s°") % {
        "ra": f"{one.ra:.2f}",
        "dec": f"{one.dec:.2f}",
    }
    return gettext("%(name)s (%(flux)s %(unit)s, %(separation)s° away)") % {
        "name": name,
        "flux": sig(one.flux, 3),
        "unit": one.unit,
        "separation": f"{one.separation_deg:.1f}",
    }


def _name_at(ra: float, dec: float) -> str:
    nearest = selectors.within_cone(selectors.current_rows(Source), ra, dec, SAME_SOURCE_DEG).first()
    return nearest.name if nearest else ""


def _shortened(request: LimitRequest) -> LimitRequest:
    if len(request.targets) <= MAX_PAGE_POSITIONS:
        return request
    return replace(request, targets=request.targets[:MAX_PAGE_POSITIONS])


def _conventions(found: services.Answer, options: Options) -> list[str]:
    """Bands whose unit cannot be turned into an energy flux, said on the page rather than left blank."""
    return [
        f"{one.totals.instrument} {one.totals.bands[number].band} keV ({one.totals.bands[number].unit})"
        for one in found.selections
        for number in one.numbers
        if math.isnan(plan_conversion(one.totals.bands[number], options).to_erg)
    ]


def _form(store: LimitStore, asked: dict[str, list[str]]) -> dict[str, object]:
    bands = {
        (band.energy_min_kev, band.energy_max_kev): f"{band.energy_min_kev:g}-{band.energy_max_kev:g}"
        for totals in store.totals
        for band in totals.bands
    }
    instruments = sorted({totals.instrument for totals in store.totals})
    wanted_bands, wanted_instruments = set(asked.get("band", ())), set(asked.get("instrument", ()))
    confidence = _first(asked, "confidence") or ("" if "sigma" in asked else DEFAULT_CONFIDENCE)
    return {
        "form": {name: _first(asked, name) for name in PARAMETERS} | {"confidence": confidence},
        "instrument_choices": [Choice(name, name, name in wanted_instruments) for name in instruments],
        "band_choices": [Choice(bands[key], bands[key], bands[key] in wanted_bands) for key in sorted(bands)],
        "other_confidence": confidence if confidence not in dict(CONFIDENCES) else "",
    }


def _pinned(asked: dict[str, list[str]], store: LimitStore) -> str:
    return urlencode(sorted({**asked, "version": [store.name]}.items()), doseq=True)


def _first(asked: dict[str, list[str]], name: str) -> str:
    return asked.get(name, [""])[0].strip()
