"""Geometry of the plot of limits over energy: plain numbers for an inline SVG, no drawing library."""

import math
from dataclasses import dataclass

from upper_limits.frame import LANDSCAPE, Axis, Frame, Tick
from upper_limits.limits import DETECTION, LIMIT
from upper_limits.table import Columns

_LADDER_KEV = (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1000, 2000)


@dataclass(frozen=True, slots=True)
class Mark:
    """One band: a horizontal bar at `y` from `x1` to `x2`; an arrow down for a limit, an error bar for a detection.

    Attributes
    ----------
    band : instrument and edges in keV, as ``isgri 20-40``
    value : flux with its error or limit with its sign, erg cm-2 s-1
    """

    x1: float
    x2: float
    middle: float
    y: float
    error_top: float
    error_bottom: float
    detection: bool
    simulated: bool
    band: str
    value: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Everything the template draws."""

    marks: tuple[Mark, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    frame: Frame = LANDSCAPE


def plan_plot(rows: Columns) -> Plot | None:
    """Place limits and detections of one position in energy flux (erg cm-2 s-1); None when there is nothing to show."""
    shown = [
        index
        for index, status in enumerate(rows["status"])
        if status in {LIMIT, DETECTION} and _number(rows, "upper_limit_erg", index) > 0.0
    ]
    if not shown:
        return None
    values = [_value(rows, index) for index in shown]
    low, high = math.floor(math.log10(min(values)) - 0.15), math.ceil(math.log10(max(values)) + 0.15)
    energies = [_number(rows, name, index) for index in shown for name in ("erg_min_kev", "erg_max_kev")]
    x_axis = Axis(min(energies) * 10**-0.06, max(energies) * 10**0.06, logarithmic=True)
    y_axis = Axis(10.0**low, 10.0**high, logarithmic=True)
    ladder = [energy for energy in _LADDER_KEV if x_axis.low < energy < x_axis.high]
    return Plot(
        tuple(_mark(rows, index, x_axis, y_axis) for index in shown),
        tuple(Tick(LANDSCAPE.place_x(x_axis, energy), f"{energy}") for energy in ladder),
        tuple(Tick(LANDSCAPE.place_y(y_axis, 10.0**power), f"{power}") for power in range(low, high + 1)),
    )


def _value(rows: Columns, index: int) -> float:
    name = "flux_erg" if rows["status"][index] == DETECTION else "upper_limit_erg"
    return _number(rows, name, index)


def _mark(rows: Columns, index: int, x_axis: Axis, y_axis: Axis) -> Mark:
    low, high = _number(rows, "erg_min_kev", index), _number(rows, "erg_max_kev", index)
    flux, error = _number(rows, "flux_erg", index), _number(rows, "flux_error_erg", index)
    detection = rows["status"][index] == DETECTION
    value = _value(rows, index)
    return Mark(
        LANDSCAPE.place_x(x_axis, low),
        LANDSCAPE.place_x(x_axis, high),
        LANDSCAPE.place_x(x_axis, math.sqrt(low * high)),
        LANDSCAPE.place_y(y_axis, value),
        LANDSCAPE.place_y(y_axis, flux + error),
        LANDSCAPE.place_y(y_axis, flux - error),
        detection,
        bool(rows["simulated"][index]),
        f"{rows['instrument'][index]} {rows['band'][index]}",
        f"{value:.3g} ± {error:.2g}" if detection else f"< {value:.3g}",
    )


def _number(rows: Columns, name: str, index: int) -> float:
    value = rows[name][index]
    return value if isinstance(value, float) else math.nan
