"""Did INTEGRAL look? The pointings that had a position in the field of view, by year and by revolution."""

import math
from dataclasses import dataclass
from functools import lru_cache

from django.db.models import Case, Count, F, IntegerField, Min, Sum, Value, When
from django.db.models.functions import Cast, Coalesce, Floor

from archive.models import ScienceWindow
from archive.selectors import current_release, current_rows, separation_deg, within_cone
from archive.website.charts import YearBars, year_bars
from archive.website.pictures import FULLY_CODED_RADIUS_DEG, ZERO_RESPONSE_RADIUS_DEG


@dataclass(frozen=True, slots=True)
class Coverage:
    """Pointings near a position."""

    bars: YearBars
    pointing_count: int
    fully_coded_count: int
    good_isgri_s: float


@dataclass(frozen=True, slots=True)
class ExposureTimeline:
    """Revolutions that had a position in the field: one dot each, time to the right, off-axis angle upwards."""

    real: str
    simulated: str
    count: int
    first_mjd_tt: float
    last_mjd_tt: float
    full_y: float


@dataclass(frozen=True, slots=True)
class Pointings:
    """The pointings near a position, for its page."""

    coverage: Coverage
    timeline: ExposureTimeline | None


def read_pointings(ra: float, dec: float) -> Pointings:
    """Read the pointings with a position (ICRS, deg) in the field of view, in one pass."""
    release = current_release()
    return _read(ra, dec, (release.number, release.published_at) if release else None)


@lru_cache(maxsize=2048)
def _read(ra: float, dec: float, release: object) -> Pointings:
    """Read them in the current release; a release never changes, so this is kept."""
    del release
    near = within_cone(
        current_rows(ScienceWindow).filter(kind="pointing", x__isnull=False), ra, dec, ZERO_RESPONSE_RADIUS_DEG
    ).order_by()
    # 4 sin^2(r / 2), as `within_cone` compares.
    full = _chord2(FULLY_CODED_RADIUS_DEG)
    rows = list(
        near.annotate(year=Cast(Floor((F("tstart_mjd_tt") - 51544.0) / 365.25) + 2000, IntegerField()))
        .values_list("revolution", "year", "simulated")
        .annotate(
            n=Count("id"),
            good=Sum(Coalesce(F("good_isgri_s"), F("elapsed_s"), Value(0.0))),
            coded=Sum(Case(When(separation_chord2__lte=full, then=1), default=0, output_field=IntegerField())),
            start=Min("tstart_mjd_tt"),
            nearest=Min("separation_chord2"),
        )
    )
    by_year: dict[int, list[float]] = {}
    for _, year, simulated, _, good, *_ in rows:
        by_year.setdefault(year, [0.0, 0.0])[simulated] += good / 1000.0
    bars = year_bars([(number, real, made_up) for number, (real, made_up) in sorted(by_year.items())], "ks")
    coverage = Coverage(bars, sum(row[3] for row in rows), sum(row[5] for row in rows), sum(row[4] for row in rows))
    dots = sorted((start, separation_deg(nearest), simulated) for _, _, simulated, _, _, _, start, nearest in rows)
    return Pointings(coverage, lay_out(dots) if dots else None)


def _chord2(angle_deg: float) -> float:
    return 4.0 * math.sin(math.radians(angle_deg) / 2.0) ** 2


def lay_out(found: list[tuple[float, float, bool]]) -> ExposureTimeline:
    """Lay out (start, off-axis angle in deg, simulated), by start, as dots of an SVG of 1000 by 150."""
    first, last = found[0][0], found[-1][0]
    span, tall = (last - first) or 1.0, 140.0

    def dots(*, simulated: bool) -> str:
        return "".join(
            f"M{5 + 990 * (start - first) / span:.1f} {5 + tall * (1 - angle / ZERO_RESPONSE_RADIUS_DEG):.1f}h0"
            for start, angle, made_up in found
            if made_up == simulated
        )

    full = 5 + tall * (1 - FULLY_CODED_RADIUS_DEG / ZERO_RESPONSE_RADIUS_DEG)
    return ExposureTimeline(dots(simulated=False), dots(simulated=True), len(found), first, last, full)
