"""Named coverages of the archive: of its maps, of exposure above a depth, and of pointings with a field of view."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from django.db.models import Max, Min, Q, QuerySet

from archive.errors import NotFoundError, UnavailableError, UsageError
from archive.models import Instrument, ScienceWindow
from archive.selectors import current_release, current_rows
from archive.times import mjd_tt_from_utc, utc_iso_from_mjd_tt
from hips import services
from hips.footprints import cover_circles
from hips.moc import Coverage, difference, intersection, observed_coverage, union
from hips.surveys import find_surveys
from hips.tiles import Pixels

DEPTHS_KS = (1, 10, 100, 1000, 10000)
MAX_OPERANDS = 16
OPERATIONS = {"union": union, "intersection": intersection, "difference": difference}
# Columns of good time of each instrument; a pointing with none of it is left out, one without a word is kept.
_GOOD_TIMES = {
    "isgri": ("good_isgri_s",), "picsit": ("good_picsit_s",), "jemx": ("good_jemx1_s", "good_jemx2_s"),
    "jemx1": ("good_jemx1_s",), "jemx2": ("good_jemx2_s",), "spi": ("good_spi_s",), "omc": ("good_omc_s",),
}  # fmt: skip
INSTRUMENTS = tuple(_GOOD_TIMES)
_FOOTPRINT = re.compile(
    rf"({'|'.join(_GOOD_TIMES)})-(?:(mission)|rev-([0-9]{{4}})|year-([0-9]{{4}})|obs-([0-9A-Za-z]{{1,11}}))"
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
        release = current_release()
        if release is None:
            raise UnavailableError("This archive holds no release yet, so it has no footprints.")
        return _make_footprint(release.number, name, match[1], match[3] or "", match[4] or "", match[5] or "")
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


def list_map_mocs() -> list[NamedMoc]:
    """Coverage of every exposure map and of its exposure above each depth that some of the sky reaches."""
    version = services.current_version()
    found = []
    for survey in find_surveys(version):
        if survey.quantity == "exposure":
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


@lru_cache(maxsize=256)
def _make_footprint(
    release_number: int, name: str, instrument: str, revolution: str, year: str, obs_id: str
) -> NamedMoc:
    rows = _pointings()
    what = "the mission"
    if revolution:
        rows, what = rows.filter(revolution=int(revolution)), f"revolution {revolution}"
    elif year:
        start, stop = (float(mjd_tt_from_utc(f"{int(year) + ahead:04d}-01-01")) for ahead in (0, 1))
        rows, what = rows.filter(tstart_mjd_tt__gte=start, tstart_mjd_tt__lt=stop), f"the year {year}"
    elif obs_id:
        rows, what = rows.filter(obs_id=obs_id), f"observation {obs_id}"
    idle = Q()
    for column in _GOOD_TIMES[instrument]:
        idle &= Q(**{column: 0})
    found = np.array(list(rows.exclude(idle).order_by().values_list("ra", "dec", "simulated")), dtype=np.float64)
    detector = Instrument.objects.get(pk=instrument)
    if found.size == 0:
        raise NotFoundError(f"Release {release_number} has no pointing of {detector.title} in {what}.")
    width = detector.zero_response_field_deg
    if width is None:
        raise NotFoundError(f"{detector.title} has no field of view.")
    coverage = cover_circles(found[:, 0], found[:, 1], width / 2)
    title = f"{detector.title} in {what}: circles of {width:g} degrees around {len(found)} pointings"
    return NamedMoc(name, title, bool(found[:, 2].any()), coverage)


def _cover_depth(opened: services.OpenSurvey, name: str, depth_ks: float) -> NamedMoc:
    if opened.survey.quantity != "exposure" or opened.survey.unit != "s":
        raise NotFoundError(f"{opened.survey.survey_id} is no exposure map in seconds, so it has no depth.")

    def read(start: int, stop: int) -> np.ndarray:
        seconds = opened.pixels.read(start, stop)
        with np.errstate(invalid="ignore"):
            return np.where(seconds > depth_ks * 1000, seconds, np.float32(np.nan))

    coverage = observed_coverage(Pixels(opened.pixels.order, read))
    return NamedMoc(name, f"{opened.survey.title} above {depth_ks:g} ks", opened.survey.simulated, coverage)
