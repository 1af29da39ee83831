"""The mission on one axis of time: how much of each span every instrument spent in good time, gaps and belts.

The science windows of a release are summed by revolution once; every wide view is cut out of these sums, and a view of
some days reads its science windows through the index of their start.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise

import numpy as np
from django.db.models import Count, F, Max, Min, Q, RowRange, Sum, Window
from django.utils.translation import gettext, pgettext_lazy
from numpy.typing import NDArray

from archive.errors import UsageError
from archive.models import Revolution, ScienceWindow
from archive.selectors import current_release, current_rows
from archive.times import SECONDS_PER_DAY, mjd_utc_from_mjd_tt, utc_iso_from_mjd_tt
from archive.website.query import RevolutionQuery, ScienceWindowQuery, TimeQuery, parse_query

FloatArray = NDArray[np.float64]

INSTRUMENTS = {
    "isgri": "IBIS/ISGRI", "picsit": "IBIS/PICsIT", "spi": "SPI", "jemx1": "JEM-X 1", "jemx2": "JEM-X 2", "omc": "OMC",
}  # fmt: skip
WINDOW_KINDS = {
    "pointing": pgettext_lazy("kind of science window", "pointing"),
    "slew": pgettext_lazy("kind of science window", "slew"),
    "engineering": pgettext_lazy("kind of science window", "engineering"),
}
WIDE_D, CLOSE_D = 200.0, 16.0
"""Longer spans are drawn in bins, shorter ones window by window, those between by revolution."""

BIN_WIDTHS_D = (10.0, 30.0, 90.0, 365.0)
MAX_BINS = 300
MAX_WINDOWS = 1500
GAP_D = 1.0
"""Time without a pointing that counts as a gap; the passages of perigee, 5 to 9 hours, do not."""

LEAST_SPAN_D = 1.0 / 1440.0


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, MJD (TT)."""

    start: float
    stop: float

    @property
    def length_d(self) -> float:
        """Days."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Orbits:
    """Sums of the science windows of each revolution; arrays of shape (n_revolution,), by start.

    `good_s` has a row for each of `INSTRUMENTS`, s; times are MJD (TT).
    """

    number: NDArray[np.int64]
    start: FloatArray
    stop: FloatArray
    windows: NDArray[np.int64]
    pointings: NDArray[np.int64]
    simulated: NDArray[np.bool_]
    good_s: FloatArray
    gaps: tuple[Span, ...]

    @property
    def span(self) -> Span:
        """From the first start to the last end."""
        return Span(float(self.start[0]), float(self.stop.max()))


@dataclass(frozen=True, slots=True)
class Slice:
    """One bar of the timeline: a bin, a revolution or a science window."""

    label: str
    start: float
    stop: float
    windows: float
    simulated: bool
    good_s: tuple[float, ...]
    share: tuple[float, ...]
    link: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """What a span of time holds, ready to be drawn and listed."""

    span: Span
    whole: Span
    unit: str
    slices: tuple[Slice, ...]
    gaps: tuple[Span, ...]
    cut: int


def read_orbits() -> Orbits | None:
    """Return the sums by revolution of the current release, None when it has no science window."""
    release = current_release()
    return _read_orbits(release.number, release.published_at) if release else None


@lru_cache(maxsize=4)
def _read_orbits(number: int, published_at: datetime) -> Orbits | None:
    """Read them once; a release never changes."""
    del number, published_at
    sums = {name: Sum(f"good_{name}_s", default=0.0) for name in INSTRUMENTS}
    rows = list(
        current_rows(ScienceWindow)
        .order_by()
        .values_list("revolution")
        .annotate(
            first=Min("tstart_mjd_tt"),
            last=Max("tstop_mjd_tt"),
            n=Count("id"),
            pointings=Count("id", filter=Q(kind="pointing")),
            made_up=Count("id", filter=Q(simulated=True)),
            **sums,
        )
        .order_by("first")
    )
    if not rows:
        return None
    columns = list(zip(*rows, strict=True))
    return Orbits(
        np.array(columns[0]),
        np.array(columns[1]),
        np.array(columns[2]),
        np.array(columns[3]),
        np.array(columns[4]),
        np.array(columns[5]) > 0,
        np.array(columns[6:], dtype=np.float64),
        _read_gaps(),
    )


def _read_gaps() -> tuple[Span, ...]:
    """Return the stretches between pointings that are longer than `GAP_D`, by start."""
    # The latest end of all before, because windows of real and simulated data may overlap.
    before = Window(Max("tstop_mjd_tt"), order_by=F("tstart_mjd_tt").asc(), frame=RowRange(start=None, end=-1))
    pointings = current_rows(ScienceWindow).filter(kind="pointing").order_by().annotate(before=before)
    gaps = pointings.filter(tstart_mjd_tt__gt=F("before") + GAP_D).values_list("before", "tstart_mjd_tt")
    return tuple(Span(start, stop) for start, stop in sorted(gaps))


def read_span(start: str, stop: str, whole: Span) -> Span:
    """Read the limits of a view in any notation of time, or as revolutions or science windows; empty = the whole.

    Raises
    ------
    UsageError
        If a limit is no time, or they are less than a minute apart.
    """
    low = _read_limit("from", start, first=True) if start else whole.start
    high = _read_limit("to", stop, first=False) if stop else whole.stop
    if not high - low >= LEAST_SPAN_D:
        raise UsageError(
            f"the timeline goes from {start or 'its start'!r} to {stop or 'its end'!r}: the end must be at least a "
            "minute after the start."
        )
    return Span(low, high)


def _read_limit(name: str, text: str, *, first: bool) -> float:
    query = parse_query(text)
    match query:
        case TimeQuery(tstart_mjd_tt=low, tstop_mjd_tt=high):
            return low if first or high == low else high
        case RevolutionQuery(revolution=number):
            rows = current_rows(ScienceWindow).filter(revolution=number)
        case ScienceWindowQuery(scw_id=scw_id):
            rows = current_rows(ScienceWindow).filter(scw_id=scw_id)
        case _:
            raise UsageError(
                f"{name} is {text[:60]!r}; expected a time (2003-02-27, MJD 52697, IJD 1153.5), a revolution (rev 46) "
                "or a science window."
            )
    found = rows.aggregate(first=Min("tstart_mjd_tt"), last=Max("tstop_mjd_tt"))["first" if first else "last"]
    if found is None:
        raise UsageError(f"{name} is {text[:60]!r}, of which this release has no science window.")
    return float(found)


def read_timeline(span: Span, orbits: Orbits) -> Timeline:
    """Cut a span of time into bars."""
    whole = orbits.span
    gaps = tuple(gap for gap in orbits.gaps if gap.start < span.stop and gap.stop > span.start)
    if span.length_d > WIDE_D:
        return Timeline(span, whole, "bin", bin_orbits(orbits, span), gaps, 0)
    if span.length_d > CLOSE_D:
        return Timeline(span, whole, "revolution", _revolutions(orbits, span), gaps, 0)
    slices, cut = _windows(span)
    return Timeline(span, whole, "science window", slices, gaps, cut)


def bin_orbits(orbits: Orbits, span: Span) -> tuple[Slice, ...]:
    """Sum revolutions in bins from whole multiples of their width in MJD, cut to `span` at both ends.

    A revolution counts evenly along its length.
    """
    width = next((w for w in BIN_WIDTHS_D if span.length_d / w <= MAX_BINS), span.length_d / MAX_BINS)
    first = np.floor(span.start / width)
    marks = (first + np.arange(np.ceil(span.stop / width) - first + 1)) * width
    edges = np.unique(np.clip(marks, span.start, span.stop))
    good = [_spread(orbits, values, edges) for values in orbits.good_s]
    windows = _spread(orbits, orbits.windows, edges)
    made_up = _spread(orbits, orbits.simulated, edges) > 0
    return tuple(
        Slice(
            f"{utc_iso_from_mjd_tt(low)[:10]}",
            float(low),
            float(high),
            float(windows[i]),
            bool(made_up[i]),
            tuple(float(values[i]) for values in good),
            _shares([values[i] for values in good], float(high - low)),
            f"/timeline?from=MJD+{mjd_utc_from_mjd_tt(low):.5f}&to=MJD+{mjd_utc_from_mjd_tt(high):.5f}",
        )
        for i, (low, high) in enumerate(pairwise(edges))
    )


def _spread(orbits: Orbits, values: NDArray[np.generic], edges: FloatArray) -> FloatArray:
    """Sum values of revolutions between edges (n,), each in the proportion that lies there; shape (n - 1,)."""
    total = np.zeros(len(edges) - 1)
    length = np.maximum(orbits.stop - orbits.start, 1e-6)
    amounts = values.astype(np.float64)
    first = np.clip(np.searchsorted(edges, orbits.start, side="right") - 1, 0, len(edges) - 2)
    last = np.clip(np.searchsorted(edges, orbits.stop, side="left") - 1, 0, len(edges) - 2)
    for step in range(int((last - first).max(initial=0)) + 1):
        place = np.minimum(first + step, last)
        low, high = np.maximum(orbits.start, edges[place]), np.minimum(orbits.stop, edges[place + 1])
        share = np.where(first + step <= last, np.clip(high - low, 0.0, None) / length, 0.0)
        np.add.at(total, place, amounts * share)
    return total


def _revolutions(orbits: Orbits, span: Span) -> tuple[Slice, ...]:
    inside = np.flatnonzero((orbits.start < span.stop) & (orbits.stop > span.start))
    label = gettext("revolution %(number)s")
    return tuple(
        Slice(
            label % {"number": f"{orbits.number[i]:04d}"},
            float(orbits.start[i]),
            float(orbits.stop[i]),
            float(orbits.windows[i]),
            bool(orbits.simulated[i]),
            tuple(map(float, orbits.good_s[:, i])),
            _shares(orbits.good_s[:, i], float(orbits.stop[i] - orbits.start[i])),
            f"/revolutions/{orbits.number[i]}",
        )
        for i in inside
    )


def _windows(span: Span) -> tuple[tuple[Slice, ...], int]:
    """Return the science windows of a span, and how many more there are than are drawn."""
    rows = current_rows(ScienceWindow).filter(
        tstart_mjd_tt__lt=span.stop, tstart_mjd_tt__gt=span.start - 4.0, tstop_mjd_tt__gt=span.start
    )
    names = [f"good_{name}_s" for name in INSTRUMENTS]
    found = rows.order_by("tstart_mjd_tt", "scw_id").values_list(
        "scw_id", "tstart_mjd_tt", "tstop_mjd_tt", "kind", "simulated", *names
    )
    read = list(found[: MAX_WINDOWS + 1])
    cut = rows.count() - MAX_WINDOWS if len(read) > MAX_WINDOWS else 0
    kinds = {kind: str(words) for kind, words in WINDOW_KINDS.items()}
    slices = []
    for scw_id, start, stop, kind, simulated, *good in read[:MAX_WINDOWS]:
        seconds = tuple(float(value or 0.0) for value in good)
        shares = _shares(seconds, stop - start)
        label = f"{scw_id} {kinds.get(kind, kind)}"
        slices.append(Slice(label, start, stop, 1.0, simulated, seconds, shares, f"/scw/{scw_id}"))
    return tuple(slices), cut


def _shares(good_s: Sequence[float] | FloatArray, length_d: float) -> tuple[float, ...]:
    return tuple(min(1.0, float(value) / max(length_d * SECONDS_PER_DAY, 1.0)) for value in good_s)


def belt_spans(span: Span) -> tuple[Span, ...]:
    """Return when the spacecraft was below the exit and entry of the radiation belts, for spans drawn by revolution.

    From the entry of one revolution, over perigee, to the exit of the next.
    """
    if span.length_d > WIDE_D:
        return ()
    rows = current_rows(Revolution).filter(tstart_mjd_tt__lt=span.stop, tstop_mjd_tt__gt=span.start)
    found = []
    for start, leave, enter, stop in rows.values_list(
        "tstart_mjd_tt", "belt_exit_mjd_tt", "belt_entry_mjd_tt", "tstop_mjd_tt"
    ):
        found += [Span(start, leave)] if leave is not None else []
        found += [Span(enter, stop)] if enter is not None else []
    return tuple(found)
