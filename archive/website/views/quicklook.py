"""The quick-look form: what is stored of a place on the sky, for an interval and a band."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render

from archive.api.points import SERIES_KINDS
from archive.errors import ArchiveError, NotFoundError, UsageError
from archive.faults import find_fault
from archive.models import EnergyBand, Product
from archive.selectors import current_map_version, current_rows, resolve_name, within_cone
from archive.skymaps import SkyMap
from archive.times import mjd_tt_from_utc
from archive.website.query import NameQuery, PositionQuery, parse_query
from archive.website.request_values import read_choice, read_text

BINS = ("1", "10", "100")
SAME_PLACE_DEG = 0.1
"""Products without a source belong to a place this near, about the width of ISGRI's point spread function."""

CUT_SIDE_DEG = 10.0
MOST_SERIES, MOST_SPECTRA = 4, 2
MMODA = "https://www.astro.unige.ch/mmoda/"


@dataclass(frozen=True, slots=True)
class Place:
    """Where to look, ICRS degrees; `source_id` is empty for a position."""

    ra: float
    dec: float
    title: str
    source_id: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the form asks; times in MJD (TT), energies in keV, None where it asks nothing."""

    start_mjd_tt: float | None
    stop_mjd_tt: float | None
    band: str
    energies_kev: tuple[float, float] | None


def quicklook(request: HttpRequest) -> HttpResponse:
    """Show the form and, once `where` is given, what is stored there."""
    params, bands = request.GET, _bands()
    form = {name: params.get(name, "")[:200] for name in ("where", "from", "to", "band", "bin")}
    context: dict[str, object] = {"section": "quicklook", "form": form, "bands": list(bands), "bins": BINS}
    status = 200
    try:
        choice = _read_choice(params, bands)
        where = read_text(params, "where")
        if where:
            context |= _look(_find_place(where), choice, form)
    except ArchiveError as error:
        status = find_fault(error).status
        context["error"] = str(error)
    return render(request, "archive/quicklook.html", context, status=status)


def _bands() -> dict[str, tuple[float, float]]:
    rows = EnergyBand.objects.order_by("energy_min_kev", "energy_max_kev")
    return {f"{low:g}-{high:g} keV": (low, high) for low, high in rows.values_list("energy_min_kev", "energy_max_kev")}


def _read_choice(params: QueryDict, bands: dict[str, tuple[float, float]]) -> Choice:
    read_choice(params, "bin", ("", *BINS), "")
    band = read_choice(params, "band", ("", *bands), "")
    start, stop = (mjd_tt_from_utc(text) if (text := read_text(params, name, 40)) else None for name in ("from", "to"))
    if start is not None and stop is not None and stop <= start:
        raise UsageError("to must be later than from (dates in UTC, such as 2003-01-01).")
    return Choice(start, stop, band, bands.get(band))


def _find_place(where: str) -> Place:
    asked = parse_query(where)
    if isinstance(asked, NameQuery):
        try:
            source = resolve_name(asked.name)
        except NotFoundError:
            if asked.position is None:
                raise
            asked = asked.position
        else:
            return Place(source.ra, source.dec, source.name, source.source_id)
    if not isinstance(asked, PositionQuery):
        raise UsageError(
            f"where is {where[:80]!r}; expected the name of a source, or a position such as 83.633 22.0145."
        )
    return Place(asked.ra, asked.dec, asked.read_as)


def _look(place: Place, choice: Choice, form: dict[str, str]) -> dict[str, object]:
    rows = _fitting(place, choice)
    series, spectra = rows.filter(kind__in=SERIES_KINDS), rows.filter(kind=Product.Kind.SPECTRUM)
    found = [[row] for row in series[:MOST_SERIES]], list(spectra[:MOST_SPECTRA])
    sky_map = _find_map(choice)
    return {
        "place": place,
        "series": found[0],
        "spectra": found[1],
        "more": series.count() + spectra.count() - len(found[0]) - len(found[1]),
        "interval": _interval(choice),
        "sky_map": sky_map,
        "cutout": urlencode(
            {"survey": sky_map.map_id if sky_map else "", "ra": place.ra, "dec": place.dec, "size": CUT_SIDE_DEG}
        ),
        "mmoda": _mmoda(place, choice, form),
    }


def _fitting(place: Place, choice: Choice) -> QuerySet[Product]:
    """Products of the place that overlap interval and band; those without energies or times fit every one."""
    rows = current_rows(Product)
    if place.source_id:
        rows = rows.filter(source_id=place.source_id)
    else:
        rows = within_cone(rows, place.ra, place.dec, SAME_PLACE_DEG)
    if choice.start_mjd_tt is not None:
        rows = rows.filter(Q(tstop_mjd_tt__gte=choice.start_mjd_tt) | Q(tstop_mjd_tt=None))
    if choice.stop_mjd_tt is not None:
        rows = rows.filter(Q(tstart_mjd_tt__lte=choice.stop_mjd_tt) | Q(tstart_mjd_tt=None))
    if choice.energies_kev is not None:
        low, high = choice.energies_kev
        overlap = Q(energy_min_kev__lt=high, energy_max_kev__gt=low)
        rows = rows.filter(overlap | Q(energy_min_kev=None))
    return rows.order_by("kind", "tstart_mjd_tt", "product_id")


def _interval(choice: Choice) -> str:
    """Return TIME as SODA takes it: MJD (TT), open ends as infinities; empty for all times."""
    if choice.start_mjd_tt is None and choice.stop_mjd_tt is None:
        return ""
    ends = (choice.start_mjd_tt, "-Inf"), (choice.stop_mjd_tt, "+Inf")
    return "%20".join(f"{value:.6f}" if value is not None else endless.replace("+", "%2B") for value, endless in ends)


def _find_map(choice: Choice) -> SkyMap | None:
    version = current_map_version()
    maps = version.find(quantity="flux", epoch="") if version else ()
    if choice.energies_kev is not None:
        low, high = choice.energies_kev
        maps = [m for m in maps if (m.energy_min_kev, m.energy_max_kev) == (low, high)]
    return next((m for m in maps if m.instrument == "isgri"), next(iter(maps), None))


def _mmoda(place: Place, choice: Choice, form: dict[str, str]) -> str:
    """Return the address of MMODA's form, filled in; only a reader who follows it asks that site."""
    asked = {"instrument": "isgri", "product_type": "isgri_image", "RA": place.ra, "DEC": place.dec}
    asked |= {"src_name": place.title} if place.source_id else {}
    asked |= {"T_format": "isot"} if form["from"] or form["to"] else {}
    asked |= {name: form[key] for name, key in (("T1", "from"), ("T2", "to")) if form[key]}
    if choice.energies_kev is not None:
        asked |= {"E1_keV": choice.energies_kev[0], "E2_keV": choice.energies_kev[1]}
    return f"{MMODA}?{urlencode(asked)}"
