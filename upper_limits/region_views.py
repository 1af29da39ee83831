"""``/api/v1/upper-limits/region``, ``coverage`` and ``sensitivity``: how deep, where, and as a map."""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import orjson
from astropy.io import fits
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from archive.errors import UsageError
from upper_limits import regions, services
from upper_limits.compatible_views import door
from upper_limits.services import choose_bands
from upper_limits.store import LimitStore, Totals

MAX_SIDE = 1024
Parameters = Mapping[str, Sequence[str]]
_LISTS = ("instrument", "band")
_MAPS = (*_LISTS, "version", "sigma")


@door
@require_GET
def region(request: HttpRequest) -> HttpResponse:
    """Depth of a cone (`ra`, `dec`, `radius`) or a MOC (`moc`) in each band; `flux` asks for the area below it."""
    asked = _read(request, (*_MAPS, "ra", "dec", "radius", "moc", "flux"))
    if asked.get("moc") and any(asked.get(name) for name in ("ra", "dec", "radius")):
        raise UsageError("a region is a moc, or a cone of ra, dec and radius; both were given")
    store, notices = services.find_store(_text(asked, "version"))
    n_sigma, below = _number(asked, "sigma", 5.0), _number(asked, "flux", math.nan)
    results = []
    for totals, numbers in _chosen(asked, store):
        order = totals.readout.order
        if moc := _text(asked, "moc"):
            ipix = regions.moc_pixels(order, moc)
        else:
            place = [_number(asked, name, math.nan) for name in ("ra", "dec", "radius")]
            ipix = regions.cone_pixels(order, place[0], place[1], place[2])
        for number in numbers:
            band = totals.bands[number]
            facts = {"instrument": totals.instrument, "band": band.band, "unit": band.unit, "simulated": band.simulated}
            depth = regions.measure_region(totals, number, ipix, n_sigma=n_sigma, below=below)
            results.append(facts | {f"{name}": value for name, value in asdict(depth).items()})
    head = {"map_version": store.map_version, "sigma": n_sigma, "flux": below, "notices": notices}
    return HttpResponse(orjson.dumps(head | {"results": results}), content_type="application/json")


@door
@require_GET
def coverage(request: HttpRequest) -> HttpResponse:
    """Return the MOC (`format` json or fits) of where the sensitivity of one band is at most `depth`."""
    asked = _read(request, (*_MAPS, "depth", "format"))
    store, _ = services.find_store(_text(asked, "version"))
    totals, number = _one(asked, store)
    n_sigma, depth = _number(asked, "sigma", 5.0), _number(asked, "depth", math.nan)
    if not depth > 0.0:
        raise UsageError("depth is missing; give the flux, in the unit of the map, that must have been visible")
    moc = regions.coverage_moc(totals, number, n_sigma=n_sigma, depth=depth)
    form = _text(asked, "format") or "json"
    if form == "fits":
        stream = io.BytesIO()
        moc.serialize("fits").writeto(stream)
        return HttpResponse(stream.getvalue(), content_type="application/fits")
    if form != "json":
        raise UsageError(f"format is {form[:40]!r}; expected json or fits")
    return HttpResponse(orjson.dumps(moc.serialize("json")), content_type="application/json")


@door
@require_GET
def sensitivity(request: HttpRequest) -> HttpResponse:
    """Return a FITS image of the sensitivity of one band around `ra`, `dec`, `size` degrees wide."""
    asked = _read(request, (*_MAPS, "ra", "dec", "size", "pixels"))
    store, _ = services.find_store(_text(asked, "version"))
    totals, number = _one(asked, store)
    n_sigma = _number(asked, "sigma", 5.0)
    ra, dec, size = (
        _number(asked, name, default) for name, default in (("ra", math.nan), ("dec", math.nan), ("size", 10.0))
    )
    side = _number(asked, "pixels", 256)
    pixels = int(side)
    if pixels != side:
        raise UsageError(f"pixels is {side:g}; expected a whole number, 1 to {MAX_SIDE}")
    if not (0.0 <= ra <= 360.0 and abs(dec) <= 90.0 and 0.0 < size <= 90.0 and 1 <= pixels <= MAX_SIDE):
        raise UsageError(f"expected ra and dec (ICRS degrees), size up to 90 degrees and pixels up to {MAX_SIDE}")
    image, wcs = regions.sensitivity_image(totals, number, ra, dec, size, pixels, n_sigma)
    band, header = totals.bands[number], wcs.to_header()
    header["BUNIT"] = band.unit
    header["INSTRUME"] = totals.instrument
    header["E_MIN"], header["E_MAX"] = (band.energy_min_kev, "keV"), (band.energy_max_kev, "keV")
    header["NSIGMA"] = (n_sigma, "the image is this many sigma")
    header["MAPVERS"] = store.map_version
    header["SIMULATD"] = (band.simulated, "T: made by a simulation, not measured")
    stream = io.BytesIO()
    fits.PrimaryHDU(image, header).writeto(stream)
    response = HttpResponse(stream.getvalue(), content_type="application/fits")
    response["Content-Disposition"] = 'attachment; filename="sensitivity.fits"'
    return response


def _read(request: HttpRequest, known: Sequence[str]) -> Parameters:
    """Parameters by their names in small letters, as the service of the limits takes them; blank ones are not there."""
    asked: dict[str, list[str]] = {}
    for name, values in request.GET.lists():
        if name.lower() not in known:
            raise UsageError(f"there is no parameter {name[:40]!r}; there are {', '.join(known)}")
        asked.setdefault(name.lower(), []).extend(value.strip() for value in values if value.strip())
    for name, values in asked.items():
        if len(values) > 1 and name not in _LISTS:
            raise UsageError(f"{name} is given {len(values)} times; expected once")
    return asked


def _text(asked: Parameters, name: str) -> str:
    return next(iter(asked.get(name, ())), "")


def _chosen(asked: Parameters, store: LimitStore) -> tuple[tuple[Totals, list[int]], ...]:
    return choose_bands(store.totals, asked.get("instrument", ()), asked.get("band", ()))


def _one(asked: Parameters, store: LimitStore) -> tuple[Totals, int]:
    found = [(totals, number) for totals, numbers in _chosen(asked, store) for number in numbers]
    if len(found) != 1:
        raise UsageError(f"instrument and band leave {len(found)} maps; name one of them")
    return found[0]


def _number(asked: Parameters, name: str, default: float) -> float:
    text = _text(asked, name)
    try:
        value = float(text) if text else default
    except ValueError:
        raise UsageError(f"{name} is {text[:40]!r}; expected a number") from None
    if text and not math.isfinite(value):
        raise UsageError(f"{name} is {text[:40]!r}; expected a finite number")
    return value
