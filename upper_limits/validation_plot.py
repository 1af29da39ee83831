"""Geometry of the plots of the method page: curves and published points on two axes, for an inline SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from upper_limits.plot import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Tick

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Axis:
    """Range, whether it is logarithmic, and the numbers written beside it."""

    low: float
    high: float
    marks: tuple[float, ...]
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Where a value stands, 0 to 1; beyond the ends it is drawn at the end."""
        low, high = self.low, self.high
        if self.logarithmic:
            value, low, high = math.log10(max(value, 1e-300)), math.log10(low), math.log10(high)
        return min(max((value - low) / (high - low), 0.0), 1.0)


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
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    bottom: int = HEIGHT - BOTTOM
    right: int = WIDTH - RIGHT
    top: int = TOP


def plan_validation(
    labels: tuple[str, str, str],
    axes: tuple[Axis, Axis],
    curves: Sequence[tuple[str, Points]],
    dots: Sequence[tuple[float, float, str]] = (),
) -> ValidationPlot:
    """Place curves and dots; `labels` are the title and the names of the two axes."""
    x_axis, y_axis = axes

    def place_x(value: float) -> float:
        return round(LEFT + x_axis.share(value) * (WIDTH - LEFT - RIGHT), 1)

    def place_y(value: float) -> float:
        return round(HEIGHT - BOTTOM - y_axis.share(value) * (HEIGHT - TOP - BOTTOM), 1)

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
