"""Targets of the Optical Monitoring Camera: what the catalogue says, the light curve in V, folded with a period."""

import re
from dataclasses import dataclass
from urllib.parse import urlencode

import numpy as np
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe
from numpy.typing import NDArray

from archive.api.points import read_product_series
from archive.errors import NotFoundError, StorageError, UsageError
from archive.formats import FormatError, TimeSeries
from archive.models import OmcCatalogueEntry, Product, ProductFile, Source
from archive.selectors import current_rows
from archive.website import adql
from archive.website.dot_plot import DotPlot, Points, lay_out_points
from archive.website.folding import Profile, mean_profile, phase_of
from archive.website.paging import read_size, take_page
from archive.website.request_values import read_choice, read_number, read_text, read_whole

FloatArray = NDArray[np.float64]

SHORTEST_D, LONGEST_D = 1e-4, 1e4
BINS, MOST_BINS = 20, 100
MOST_CURVES = 20
LIGHT_TRAVEL_S = 499.0
"""Light time of one astronomical unit (IAU 2012 B2: 149,597,870,700 m): so much a place near the Earth is off."""

SORTS = {"id": "omc_id", "-id": "-omc_id", "name": "name", "-name": "-name"}


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded light curve and how it was made; times MJD (TT)."""

    period_d: float
    epoch_mjd_tt: float
    known: bool
    used: int
    left_out: int
    profile: Profile
    plot: DotPlot
    blur: float

    @property
    def rows(self) -> list[tuple[float, float, float, int]]:
        """The mean profile as rows: phase, mean, error, number of points."""
        found = self.profile
        return list(
            zip(found.phase.tolist(), found.value.tolist(), found.error.tolist(), found.count.tolist(), strict=True)
        )


def omc_number(text: str) -> str:
    """Return the ten digits of an OMC identifier.

    Raises
    ------
    NotFoundError
        If it is none.

    Examples
    --------
    >>> omc_number("IOMC 9900000001"), omc_number("iomc_9900000001"), omc_number("9900000001")
    ('9900000001', '9900000001', '9900000001')
    """
    match = re.fullmatch(r"(?:IOMC[ _+]?)?(\d{10})", text.strip(), re.IGNORECASE)
    if match is None:
        raise NotFoundError(f"{text[:40]!r} is no OMC identifier; it is IOMC and 10 digits.")
    return match[1]


@require_safe
def omc_list(request: HttpRequest) -> HttpResponse:
    """List the targets of the catalogue by `name`, `type` of variability, and whether a `period` is known."""
    params = request.GET
    sort = read_choice(params, "sort", tuple(SORTS), "id")
    with_period = read_choice(params, "period", ("", "known"), "")
    kind = read_text(params, "type", 24)
    text = read_text(params, "name", 80)
    if re.fullmatch(r"(?:IOMC[ _+]?)?\d{10}", text, re.IGNORECASE):
        return redirect("omc-target", omc_number(text))
    rows, conditions = current_rows(OmcCatalogueEntry), []
    if with_period:
        rows = rows.filter(period_d__gt=0)
        conditions.append("period_d > 0")
    if kind:
        rows = rows.filter(variability_type=kind)
        conditions.append(adql.equals("variability_type", kind))
    if text:
        rows = rows.filter(name__icontains=text)
        conditions.append(f"LOWER(name) LIKE {adql.quote(f'%{text.lower()}%')}")
    page = take_page(
        rows, order=SORTS[sort], key="omc_id", mark=params.get("page", ""), size=read_size(params.get("size", ""))
    )
    query = adql.select("integral.omc_catalogue", conditions, "omc_id")
    context = {
        "section": "tables",
        "page": page,
        "total": rows.order_by().count(),
        "sort": sort,
        "period": with_period,
        "type": kind,
        "name": text,
        "types": sorted(
            set(current_rows(OmcCatalogueEntry).order_by().values_list("variability_type", flat=True).distinct()) - {""}
        ),
        "exports": adql.export_links(query),
        "query": query,
    }
    return render(request, "archive/omc_list.html", context)


@require_safe
def omc_target(request: HttpRequest, omc_id: str) -> HttpResponse:
    """Show one target; `period` (d), `epoch` (MJD TT) and `bins` fold its light curve."""
    number = omc_number(omc_id)
    if omc_id != number:
        return redirect("omc-target", number)
    name = f"IOMC {number}"
    entry = (
        current_rows(OmcCatalogueEntry)
        .filter(omc_id__in=(name, number, f"IOMC_{number}"))
        .select_related("delivery", "release_from")
        .order_by("-catalogue_version")
        .first()
    )
    products = list(
        current_rows(Product).filter(instrument="omc", metadata__omc_id=name).order_by("tstart_mjd_tt", "product_id")
    )
    if entry is None and not products:
        raise NotFoundError(f"This release has neither a catalogue row nor a light curve of {name}.")
    with_file = _with_file(products)
    drawn = [p for p in products if p.product_id in with_file][:MOST_CURVES]
    source_id = entry.source_id if entry else products[0].source_id
    folded = _fold(request, entry, drawn)
    context = {
        "section": "tables",
        "name": name,
        "entry": entry,
        "row": entry or products[0],
        "source": current_rows(Source).filter(source_id=source_id).first() if source_id else None,
        "products": products,
        "drawn": drawn,
        "without_file": len(products) - len(with_file),
        "folded": folded,
        "form": {key: read_text(request.GET, key, 40) for key in ("period", "epoch", "bins")},
        "pyvo": adql.pyvo_code(adql.select("integral.omc_catalogue", [adql.equals("omc_id", entry.omc_id)]))
        if entry
        else "",
        "code": _code(drawn[0], folded) if drawn else "",
        "field": urlencode({"ra": entry.ra, "dec": entry.dec, "radius": 1}) if entry else "",
    }
    return render(request, "archive/omc_target.html", context)


def _with_file(products: list[Product]) -> set[str]:
    files = current_rows(ProductFile).filter(
        product_id__in=[p.product_id for p in products], role=ProductFile.Role.SCIENCE
    )
    return set(files.values_list("product_id", flat=True))


def _fold(request: HttpRequest, entry: OmcCatalogueEntry | None, products: list[Product]) -> Folded | str | None:
    """Fold the light curves; None without a period, a sentence when it cannot be done."""
    given = read_number(request.GET, "period", SHORTEST_D, LONGEST_D)
    epoch = read_number(request.GET, "epoch", 0.0, 100_000.0)
    bins = read_whole(request.GET, "bins", MOST_BINS) or BINS
    period = given or (entry.period_d if entry else None)
    if not period or not products:
        return None
    if not SHORTEST_D <= period <= LONGEST_D:
        raise UsageError(f"The catalogue's period of {period:g} d is outside {SHORTEST_D:g} to {LONGEST_D:g} d.")
    try:
        series = [one for product in products for one in read_product_series(product) if one.quantity == "magnitude"]
    except (FormatError, StorageError) as error:
        return gettext("The light curve cannot be folded: %(reason)s") % {"reason": error}
    time, value, error, left_out = _good_points(series)
    if not len(time):
        return gettext("The light curve cannot be folded: no point has a magnitude with an error.")
    zero = float(time.min()) if epoch is None else epoch
    phase = phase_of(time, period, zero)
    profile = mean_profile(phase, value, error, bins)
    plot = lay_out_points(
        [_twice("points", phase, value, error), _twice("means", profile.phase, profile.value, profile.error)],
        (0.0, 2.0),
        x_label=gettext("phase, shown twice"),
        y_label="V (mag)",
        downwards=True,
    )
    blur = LIGHT_TRAVEL_S / (period * 86400.0) if any(one.timeref != "SOLARSYSTEM" for one in series) else 0.0
    return Folded(period, zero, given is None, len(time), left_out, profile, plot, blur)


def _good_points(series: list[TimeSeries]) -> tuple[FloatArray, FloatArray, FloatArray, int]:
    """Return time, magnitude and error of the points that can be averaged, and how many cannot."""
    parts, left_out = [], 0
    for one in series:
        good = np.isfinite(one.rate) & np.isfinite(one.error) & (one.error > 0)
        if one.problems is not None:
            good &= one.problems == 0
        parts.append((one.time_mjd_tt[good], one.rate[good], one.error[good]))
        left_out += int((~good).sum())
    empty = np.zeros(0)
    time, value, error = (np.concatenate([part[i] for part in parts] or [empty]) for i in range(3))
    return time, value, error, left_out


def _twice(style: str, phase: FloatArray, value: FloatArray, error: FloatArray) -> Points:
    return Points(style, np.concatenate([phase, phase + 1.0]), np.tile(value, 2), np.tile(error, 2))


def _code(product: Product, folded: Folded | str | None) -> str:
    """Return Python that reads the light curve as VOTable and folds it."""
    period, epoch = (
        (folded.period_d, repr(folded.epoch_mjd_tt)) if isinstance(folded, Folded) else (1.0, "curve['time'].min()")
    )
    address = f"{settings.PUBLIC_URL}/votable/{product.product_id}"
    return (
        "from astropy.table import Table\n\n"
        f"curve = Table.read({address!r}, format='votable')\n"
        "print(curve.colnames)\n"
        f"period, epoch = {period!r}, {epoch}   # days, MJD (TT)\n"
        "curve['phase'] = ((curve['time'] - epoch) / period) % 1\n"
    )
