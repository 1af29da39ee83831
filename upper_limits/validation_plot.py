"""Geometry of the plots of the method page: curves and published points on two axes, for an inline SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from upper_limits.frame import LANDSCAPE, Axis, Frame, Tick

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Curve:
    """A line of SVG points with its name; `kind` 0, 1, 2 chooses the stroke."""

    points: str
    label: str
    kind: int


@dataclass(frozen=True, slots=True)
class Dot:
    """One published value."""

    x: float
    y: float
    title: str


@dataclass(frozen=True, slots=True)
class ValidationPlot:
    """Everything the template draws."""

    title: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    dots: tuple[Dot, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    frame: Frame = LANDSCAPE


def plan_validation(
    labels: tuple[str, str, str],
    axes: tuple[Axis, Axis],
    curves: Sequence[tuple[str, Points]],
    dots: Sequence[tuple[float, float, str]] = (),
) -> ValidationPlot:
    """Place curves and dots; `labels` are the title and the names of the two axes."""
    x_axis, y_axis = axes
    place_x, place_y = partial(LANDSCAPE.place_x, x_axis), partial(LANDSCAPE.place_y, y_axis)
    return ValidationPlot(
        *labels,
        tuple(
            Curve(" ".join(f"{place_x(x)},{place_y(y)}" for x, y in points), label, number % 3)
            for number, (label, points) in enumerate(curves)
        ),
        tuple(Dot(place_x(x), place_y(y), title) for x, y, title in dots),
        tuple(Tick(place_x(value), f"{value:g}") for value in x_axis.marks),
        tuple(Tick(place_y(value), f"{value:g}") for value in y_axis.marks),
    )


def decades(values: Sequence[float]) -> Axis:
    """Logarithmic axis of whole decades that holds the values.

    Examples
    --------
    >>> decades([0.3, 40.0]).marks
    (0.1, 1.0, 10.0, 100.0)
    """
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    return Axis(10.0**low, 10.0**high, tuple(10.0**power for power in range(low, high + 1)), logarithmic=True)
