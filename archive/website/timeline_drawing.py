"""The timeline as numbers that a template draws as SVG: bars of each lane, marks of the calendar."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from archive.times import mjd_tt_from_utc, utc_iso_from_mjd_tt
from archive.website.timeline import INSTRUMENTS, Slice, Span, Timeline

WIDTH, HEIGHT = 1000.0, 100.0
MOST_TICKS = 8
_MONTHS = (48, 24, 12, 6, 3, 2, 1)
_HOURS = (240, 120, 48, 24, 12, 6, 3, 1)


@dataclass(frozen=True, slots=True)
class Lane:
    """One instrument: its bars as two paths in a box of `WIDTH` by `HEIGHT`, its good time, its share of the span."""

    name: str
    title: str
    real: str
    simulated: str
    good_s: float
    percent: float


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of the calendar, in percent of the width."""

    percent: float
    label: str


def full_height(timeline: Timeline) -> float:
    """Return the share of good time that reaches the top of a lane: 1, or less where all bars would be low."""
    most = max((share for item in timeline.slices for share in item.share), default=0.0)
    return next((top for top in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if 0 < most <= top), 1.0)


def draw_lanes(timeline: Timeline, top: float) -> tuple[Lane, ...]:
    """Lay out the lanes of the instruments; a share of `top` is as high as a lane."""
    lanes = []
    for place, (name, title) in enumerate(INSTRUMENTS.items()):
        good = sum(item.good_s[place] for item in timeline.slices)
        lanes.append(
            Lane(
                name,
                title,
                "".join(_bars(timeline.slices, place, timeline.span, top, simulated=False)),
                "".join(_bars(timeline.slices, place, timeline.span, top, simulated=True)),
                good,
                min(100.0, 100.0 * good / (timeline.span.length_d * 86400.0)),
            )
        )
    return tuple(lanes)


def _bars(slices: Sequence[Slice], place: int, span: Span, top: float, *, simulated: bool) -> Iterator[str]:
    for item in slices:
        if item.simulated == simulated and item.share[place] > 0:
            x, width = _place(item.start, item.stop, span)
            tall = HEIGHT * min(1.0, item.share[place] / top)
            yield f"M{x:.2f} {HEIGHT:g}v{-tall:.1f}h{width:.2f}v{tall:.1f}z"


def draw_spans(spans: Iterable[Span], span: Span) -> str:
    """Lay out spans that fill the whole height, as one path.

    Examples
    --------
    >>> draw_spans([Span(1.0, 2.0)], Span(0.0, 10.0))
    'M100.00 0h100.00v100h-100.00z'
    """
    parts = []
    for item in spans:
        x, width = _place(item.start, item.stop, span)
        parts.append(f"M{x:.2f} 0h{width:.2f}v{HEIGHT:g}h{-width:.2f}z")
    return "".join(parts)


def _place(start: float, stop: float, span: Span) -> tuple[float, float]:
    """Return the left edge and the width of a stretch, clipped to the view and wide enough to be seen."""
    low, high = max(start, span.start), min(stop, span.stop)
    x = WIDTH * (low - span.start) / span.length_d
    return x, max(0.4, WIDTH * (high - low) / span.length_d)


def calendar_ticks(span: Span) -> tuple[Tick, ...]:
    """Mark years, months, days or hours (UTC), at most `MOST_TICKS` of them.

    Examples
    --------
    >>> [tick.label for tick in calendar_ticks(Span(52640.0, 53000.0))]
    ['2003-01', '2003-03', '2003-05', '2003-07', '2003-09', '2003-11']
    """
    start, stop = _calendar(span.start), _calendar(span.stop)
    chosen: list[datetime] = []
    form = ""
    for months in _MONTHS:
        found = list(_months(start, stop, months))
        if len(found) > MOST_TICKS:
            break
        chosen, form = found, "%Y" if months >= 12 else "%Y-%m"
    if len(chosen) < 3:
        for hours in _HOURS:
            found = list(_hours(start, stop, hours))
            if len(found) > MOST_TICKS:
                break
            chosen, form = found, "%Y-%m-%d" if hours >= 24 else "%m-%d %Hh"
    return tuple(
        Tick(100.0 * (mjd_tt_from_utc(when.strftime("%Y-%m-%dT%H:%M:%S")) - span.start) / span.length_d, label)
        for when in chosen
        if (label := when.strftime(form))
    )


def _calendar(mjd_tt: float) -> datetime:
    """Return the time in UTC; a leap second, which ``datetime`` does not know, as the second before."""
    return datetime.fromisoformat(utc_iso_from_mjd_tt(mjd_tt).replace(":60", ":59")).replace(tzinfo=UTC)


def _months(start: datetime, stop: datetime, step: int) -> Iterator[datetime]:
    count = -(-(start.year * 12 + start.month - 1) // step) * step
    while True:
        when = datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC)
        if when > stop:
            return
        if when >= start:
            yield when
        count += step


def _hours(start: datetime, stop: datetime, step: int) -> Iterator[datetime]:
    zero = datetime(2000, 1, 1, tzinfo=UTC)
    count = -(-(start - zero) // timedelta(hours=step))
    while (when := zero + timedelta(hours=step) * count) <= stop:
        yield when
        count += 1
