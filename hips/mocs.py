"""Named coverages of the archive: of its maps, of exposure above a depth, and of pointings with a field of view."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from django.db.models import Max, Min, Q, QuerySet
from numpy.typing import NDArray

from archive.errors import NotFoundError, UnavailableError, UsageError
from archive.healpix import unit_vector
from archive.models import Instrument, ScienceWindow
from archive.selectors import current_release, current_rows
from archive.times import mjd_tt_from_utc, utc_iso_from_mjd_tt
from hips import services
from hips.footprints import ORDER, cover_circles, cover_squares
from hips.moc import Coverage, difference, intersection, observed_coverage, union
from hips.st_moc import encode_space_time, make_space_time, microseconds_tcb
from hips.surveys import find_surveys
from hips.tiles import Pixels

DEPTHS_KS = (1, 10, 100, 1000, 10000)
MAX_OPERANDS = 16
_SMALLEST_CIRCLE_DEG = 0.01
OPERATIONS = {"union": union, "intersection": intersection, "difference": difference}
# Columns of good time of each instrument; a pointing with none of it is left out, one without a word is kept.
_GOOD_TIMES = {
    "isgri": ("good_isgri_s",), "picsit": ("good_picsit_s",), "jemx": ("good_jemx1_s", "good_jemx2_s"),
    "jemx1": ("good_jemx1_s",), "jemx2": ("good_jemx2_s",), "spi": ("good_spi_s",), "omc": ("good_omc_s",),
}  # fmt: skip
INSTRUMENTS = tuple(_GOOD_TIMES)
# Their fields are squares along the axes of the spacecraft; those of JEM-X are circles, SPI's is nearly one.
SQUARE = ("isgri", "picsit", "omc")
_FOOTPRINT = re.compile(
    rf"({'|'.join(_GOOD_TIMES)})-(?:(mission)|rev-([0-9]{{4}})|year-([0-9]{{4}})|obs-([0-9A-Za-z]{{1,11}})"
    r"|from-([0-9]{4}-[0-9]{2}-[0-9]{2})-to-([0-9]{4}-[0-9]{2}-[0-9]{2}))(-stmoc)?"
)
_DEPTH = re.compile(r"([a-z0-9._-]{1,64})-over-([0-9]{1,6}(?:\.[0-9]{1,3})?)ks")


@dataclasses.dataclass(frozen=True, slots=True)
class NamedMoc:
    """A coverage, what it is in one line, and whether simulated data went into it."""

    name: str
    title: str
    simulated: bool
    coverage: Coverage

    @property
    def area_deg2(self) -> float:
        """Area on the sky."""
        return self.coverage.sky_fraction * 41252.96125


@dataclasses.dataclass(frozen=True, slots=True)
class Scope:
    """Which pointings: of an instrument, and of a revolution, year, observation or span of days where one is given."""

    instrument: str
    revolution: str = ""
    year: str = ""
    obs_id: str = ""
    first: str = ""
    end: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class FootprintKinds:
    """Which footprints there are."""

    first_year: int
    last_year: int
    first_revolution: int
    last_revolution: int
    simulated: bool


def find_moc(name: str) -> NamedMoc:
    """Make the coverage with this name.

    Raises
    ------
    NotFoundError
        If no map, observation, revolution or year of this release has it.
    """
    if match := _FOOTPRINT.fullmatch(name):
        if match[8]:
            raise NotFoundError(f"{name} is a space-time coverage: it is a FITS file, /mocs/{name}.fits.")
        return _make_footprint(_release_key(), name, Scope(*(part or "" for part in match.group(1, 3, 4, 5, 6, 7))))
    version = services.current_version()
    if match := _DEPTH.fullmatch(name):
        return _cover_depth(services.open_survey(version, match[1]), name, float(match[2]))
    try:
        opened = services.open_survey(version, name)
    except NotFoundError as error:
        raise NotFoundError(
            f"There is no MOC {name[:80]!r}; names are like isgri-20-40-exposure, isgri-20-40-exposure-over-100ks, "
            "isgri-rev-0082, jemx-year-2004, omc-obs-00200200001 or spi-mission; /mocs/ lists them."
        ) from error
    return NamedMoc(name, f"Coverage of {opened.survey.title}", opened.survey.simulated, opened.coverage)


def make_circle(ra: float, dec: float, radius_deg: float) -> NamedMoc:
    """Coverage of a circle, to pixels of 13.7 arcmin and for small ones of less than a sixteenth of its radius.

    Raises
    ------
    UsageError
        If the position is none, or the radius is not between 0.01 and 90 degrees.
    """
    if not (0 <= ra <= 360 and -90 <= dec <= 90 and _SMALLEST_CIRCLE_DEG <= radius_deg <= 90):
        raise UsageError(
            f"There is no circle of {radius_deg:g} degrees around {ra:g} {dec:+g}; expected ra from 0 to 360, "
            f"dec from -90 to 90 and a radius from {_SMALLEST_CIRCLE_DEG:g} to 90, in degrees."
        )
    order = max(ORDER, math.ceil(math.log2(16 * 58.6 / radius_deg)))
    name = f"circle-{ra:g}-{dec:g}-{radius_deg:g}"
    coverage = cover_circles(np.array([ra]), np.array([dec]), radius_deg, order=order)
    return NamedMoc(name, f"circle of {radius_deg:g} degrees around {ra:g} {dec:+g}", False, coverage)


def list_map_mocs() -> list[NamedMoc]:
    """Coverage of every exposure map of the mission and of its exposure above each depth that some of the sky reaches.

    Those of years and revolutions have theirs too, under their names; there can be thousands.
    """
    version = services.current_version()
    found = []
    for survey in find_surveys(version):
        if survey.quantity == "exposure" and not survey.main.epoch:
            found.append(find_moc(survey.survey_id))
            deeper = (find_moc(f"{survey.survey_id}-over-{depth}ks") for depth in DEPTHS_KS)
            found += [moc for moc in deeper if moc.coverage.ranges.size]
    return found


def find_footprint_kinds() -> FootprintKinds | None:
    """Years and revolutions with pointings; None when the release has none."""
    rows = _pointings()
    ends = rows.aggregate(
        first=Min("tstart_mjd_tt"), last=Max("tstart_mjd_tt"), low=Min("revolution"), high=Max("revolution")
    )
    if ends["first"] is None:
        return None
    first, last = (int(utc_iso_from_mjd_tt(ends[key])[:4]) for key in ("first", "last"))
    return FootprintKinds(first, last, ends["low"], ends["high"], rows.filter(simulated=True).exists())


def combine_mocs(operation: str, operands: Sequence[NamedMoc]) -> NamedMoc:
    """Apply a set operation from left to right: a difference takes all the others away from the first.

    Raises
    ------
    UsageError
        If there are no operands, too many, or no such operation.
    """
    if operation not in OPERATIONS:
        raise UsageError(f"op is {operation[:40]!r}; expected one of {', '.join(OPERATIONS)}.")
    if not 1 <= len(operands) <= MAX_OPERANDS:
        raise UsageError(f"{len(operands)} MOCs were given; name 1 to {MAX_OPERANDS} with moc=...")
    result = operands[0].coverage
    for operand in operands[1:]:
        result = OPERATIONS[operation](result, operand.coverage)
    title = f" {operation} ".join(operand.name for operand in operands)
    return NamedMoc(operation, title, any(operand.simulated for operand in operands), result)


def _pointings() -> QuerySet[ScienceWindow]:
    return current_rows(ScienceWindow).filter(kind="pointing", ra__isnull=False)


def find_space_time(name: str) -> tuple[bytes, bool] | None:
    """FITS file of the space-time coverage with this name, and whether simulated pointings are in it.

    None where the name is that of something else. Time cells last 38 h for the mission, 4.8 h for a year or a span,
    36 min for a revolution or an observation.
    """
    match = _FOOTPRINT.fullmatch(name)
    if match is None or not match[8]:
        return None
    return _make_space_time(_release_key(), Scope(*(part or "" for part in match.group(1, 3, 4, 5, 6, 7))))


def _release_key() -> tuple[str, dt.datetime]:
    """What tells one release from another, also in a database that began anew."""
    release = current_release()
    if release is None:
        raise UnavailableError("This archive holds no release yet, so it has no footprints.")
    return release.name, release.published_at


def _select(scope: Scope) -> tuple[QuerySet[ScienceWindow], str]:
    """Pointings of a scope in which the instrument had good time, or nothing says that it had none."""
    rows, what = _pointings(), "the mission"
    if scope.revolution:
        rows, what = rows.filter(revolution=int(scope.revolution)), f"revolution {scope.revolution}"
    elif scope.year:
        rows = _between(rows, f"{int(scope.year):04d}-01-01", f"{int(scope.year) + 1:04d}-01-01")
        what = f"the year {scope.year}"
    elif scope.obs_id:
        rows, what = rows.filter(obs_id=scope.obs_id), f"observation {scope.obs_id}"
    elif scope.first:
        rows, what = _between(rows, scope.first, scope.end), f"{scope.first} to {scope.end}"
    idle = Q()
    for column in _GOOD_TIMES[scope.instrument]:
        idle &= Q(**{column: 0})
    return rows.exclude(idle).order_by(), what


def _between(rows: QuerySet[ScienceWindow], first: str, end: str) -> QuerySet[ScienceWindow]:
    start, stop = (float(mjd_tt_from_utc(date)) for date in (first, end))
    return rows.filter(tstart_mjd_tt__gte=start, tstart_mjd_tt__lt=stop)


def _field_of(instrument: str) -> tuple[Instrument, float]:
    detector = Instrument.objects.get(pk=instrument)
    if detector.zero_response_field_deg is None:
        raise NotFoundError(f"{detector.title} has no field of view.")
    return detector, detector.zero_response_field_deg


def _read_pointings(
    release_name: str, scope: Scope, columns: tuple[str, ...]
) -> tuple[Instrument, float, str, NDArray[np.float64]]:
    """Return the instrument, the width of its field (deg), what the scope covers, and a row for each pointing."""
    rows, what = _select(scope)
    found = np.array(list(rows.values_list(*columns)), dtype=np.float64).reshape(-1, len(columns))
    detector, width = _field_of(scope.instrument)
    if found.size == 0:
        raise NotFoundError(f"Release {release_name} has no pointing of {detector.title} in {what}.")
    return detector, width, what, found


@lru_cache(maxsize=256)
def _make_footprint(release: tuple[str, dt.datetime], name: str, scope: Scope) -> NamedMoc:
    detector, width, what, found = _read_pointings(release[0], scope, ("ra", "dec", "ra_z", "dec_z", "simulated"))
    turned = np.isfinite(found[:, 2]) & np.isfinite(found[:, 3]) & (scope.instrument in SQUARE)
    plain = found[~turned]
    coverage = cover_circles(plain[:, 0], plain[:, 1], width / 2)
    shapes = [f"circles of {width:g} degrees around {len(plain)} pointings"] if len(plain) else []
    if turned.any():
        axis, upright = (np.stack(unit_vector(found[turned, at], found[turned, at + 1]), axis=1) for at in (0, 2))
        coverage = union(coverage, cover_squares(axis, upright, width / 2))
        shapes.insert(0, f"squares of {width:g} degrees around {int(turned.sum())} pointings")
    title = f"{detector.title} in {what}: {' and '.join(shapes)}"
    return NamedMoc(name, title, bool(found[:, 4].any()), coverage)


def _orders_of(scope: Scope) -> tuple[int, int]:
    """Orders of the cells in time and on the sky: the shorter the span, the finer."""
    if scope.revolution or scope.obs_id:
        return 30, 7
    return (27, 6) if scope.year or scope.first else (24, 6)


@lru_cache(maxsize=16)
def _make_space_time(release: tuple[str, dt.datetime], scope: Scope) -> tuple[bytes, bool]:
    columns = ("tstart_mjd_tt", "tstop_mjd_tt", "ra", "dec", "simulated")
    _, width, _, found = _read_pointings(release[0], scope, columns)
    time_order, space_order = _orders_of(scope)
    coverage = make_space_time(
        microseconds_tcb(found[:, 0]), microseconds_tcb(found[:, 1]), found[:, 2], found[:, 3],
        radius_deg=width / 2, time_order=time_order, space_order=space_order,
    )  # fmt: skip
    simulated = bool(found[:, 4].any())
    return encode_space_time(coverage, simulated=simulated), simulated


def _cover_depth(opened: services.OpenSurvey, name: str, depth_ks: float) -> NamedMoc:
    if opened.survey.quantity != "exposure" or opened.survey.unit != "s":
        raise NotFoundError(f"{opened.survey.survey_id} is no exposure map in seconds, so it has no depth.")

    def read(start: int, stop: int) -> np.ndarray:
        seconds = opened.pixels.read(start, stop)
        with np.errstate(invalid="ignore"):
            return np.where(seconds > depth_ks * 1000, seconds, np.float32(np.nan))

    coverage = observed_coverage(Pixels(opened.pixels.order, read))
    return NamedMoc(name, f"{opened.survey.title} above {depth_ks:g} ks", opened.survey.simulated, coverage)
