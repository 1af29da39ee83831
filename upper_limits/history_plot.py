"""Geometry of the plot of epochs over time, one for each instrument and band: plain numbers for an inline SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from archive.times import mjd_tt_from_utc, utc_iso_from_mjd_tt
from upper_limits.frame import Axis, Frame, Tick
from upper_limits.limits import DETECTION, LIMIT
from upper_limits.table import Columns

FRAME = Frame(width=720, height=260, left=84, right=706, top=16, bottom=226)
_TWO_YEARS_D = 730.0
_MOST_TICKS = 9


@dataclass(frozen=True, slots=True)
class EpochMark:
    """One epoch: a bar from `x1` to `x2` at `y`; detections have an error bar, limits an arrow from `y` down.

    Attributes
    ----------
    day : UTC on which it begins
    value : flux with its error or limit with its sign, and the unit
    """

    x1: float
    x2: float
    middle: float
    y: float
    error_top: float
    error_bottom: float
    detection: bool
    simulated: bool
    epoch: str
    day: str
    value: str


@dataclass(frozen=True, slots=True)
class HistoryPlot:
    """Everything the template draws for one instrument and band."""

    instrument: str
    band: str
    unit: str
    marks: tuple[EpochMark, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    simulated: bool
    frame: Frame = FRAME


def plan_history(rows: Columns, instrument: str, band: str) -> HistoryPlot | None:
    """Place the epochs of one instrument and band, from `epoch_table.list_epochs`; None when no epoch saw the place.

    Counts per second are shown in mCrab where the Crab's rate is known for every epoch shown.
    """
    shown = [
        index
        for index, status in enumerate(rows["status"])
        if status in {LIMIT, DETECTION} and (rows["instrument"][index], rows["band"][index]) == (instrument, band)
    ]
    if not shown:
        return None
    starts, stops = ([_number(rows, name, index) for index in shown] for name in ("tstart_mjd_tt", "tstop_mjd_tt"))
    margin = max(0.03 * (max(stops) - min(starts)), 0.5)
    first, last = min(starts) - margin, max(stops) + margin
    rates = [_number(rows, "crab_rate", index) for index in shown]
    in_mcrab = all(math.isfinite(rate) for rate in rates)
    factors = {index: 1000.0 / rate if in_mcrab else 1.0 for index, rate in zip(shown, rates, strict=True)}
    unit = "mCrab" if in_mcrab else str(rows["unit"][shown[0]])

    def value_of(name: str, index: int) -> float:
        return factors[index] * _number(rows, name, index)

    tops = [value_of("flux", i) + value_of("flux_error", i) for i in shown]
    tops += [value_of("upper_limit", i) for i in shown if rows["status"][i] == LIMIT]
    bottoms = [value_of("flux", i) - value_of("flux_error", i) for i in shown if rows["status"][i] == DETECTION]
    levels = nice_levels(min([0.0, *bottoms]), max(tops))
    place_x, place_y = partial(FRAME.place_x, Axis(first, last)), partial(FRAME.place_y, Axis(levels[0], levels[-1]))
    marks = []
    for index in shown:
        flux, error = value_of("flux", index), value_of("flux_error", index)
        start, stop = _number(rows, "tstart_mjd_tt", index), _number(rows, "tstop_mjd_tt", index)
        detection = rows["status"][index] == DETECTION
        value = flux if detection else value_of("upper_limit", index)
        what = f"{value:.4g} ± {error:.2g}" if detection else f"< {value:.4g}"
        marks.append(
            EpochMark(
                place_x(start),
                place_x(stop),
                place_x(0.5 * (start + stop)),
                place_y(value),
                place_y(flux + error),
                place_y(flux - error),
                detection,
                bool(rows["simulated"][index]),
                str(rows["epoch"][index]),
                utc_iso_from_mjd_tt(start)[:10],
                f"{what} {unit}",
            )
        )
    return HistoryPlot(
        instrument,
        band,
        unit,
        tuple(marks),
        tuple(Tick(place_x(time), text) for time, text in date_ticks(first, last)),
        tuple(Tick(place_y(level), f"{level:g}") for level in levels),
        any(bool(rows["simulated"][index]) for index in shown),
    )


def nice_levels(low: float, high: float) -> list[float]:
    """Round levels that hold low and high, four to eight of them.

    Examples
    --------
    >>> nice_levels(0.0, 83.0)
    [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
    """
    span = high - low or 1.0
    power = 10.0 ** math.floor(math.log10(span / 4.0))
    step = next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if span / (factor * power) <= 6.0)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(step * number, 12) for number in range(first, max(last, first + 1) + 1)]


def date_ticks(first: float, last: float) -> Sequence[tuple[float, str]]:
    """Beginnings of years where the time span (MJD, TT) has more than two, else four dates.

    Examples
    --------
    >>> [text for _, text in date_ticks(53000.0, 54200.0)]
    ['2004', '2005', '2006', '2007']
    >>> [text for _, text in date_ticks(53000.0, 53010.0)]
    ['2003-12-28', '2003-12-30', '2004-01-02', '2004-01-04']
    """
    if last - first < _TWO_YEARS_D:
        times = [first + (last - first) * (part + 0.5) / 4 for part in range(4)]
        return [(time, utc_iso_from_mjd_tt(time)[:10]) for time in times]
    years = range(int(utc_iso_from_mjd_tt(first)[:4]), int(utc_iso_from_mjd_tt(last)[:4]) + 1)
    step = math.ceil(len(years) / _MOST_TICKS)
    found = [(mjd_tt_from_utc(f"{year}-01-01"), str(year)) for year in years if year % step == 0]
    return [tick for tick in found if first < tick[0] < last]


def _number(rows: Columns, name: str, index: int) -> float:
    value = rows[name][index]
    return value if isinstance(value, float) else math.nan
