"""The frame of a plot: where its axes lie, and where a value stands between them. Plain numbers, SVG units."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tick:
    """A label and where it stands, SVG units."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Axis:
    """Range, the numbers written beside it, and whether it is logarithmic.

    Examples
    --------
    >>> Axis(0.0, 4.0).share(1.0), Axis(1.0, 100.0, logarithmic=True).share(10.0), Axis(0.0, 4.0).share(9.0)
    (0.25, 0.5, 1.0)
    """

    low: float
    high: float
    marks: tuple[float, ...] = ()
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Where a value stands, 0 to 1; beyond the ends it is drawn at the end."""
        low, high = self.low, self.high
        if self.logarithmic:
            value, low, high = math.log10(max(value, 1e-300)), math.log10(low), math.log10(high)
        return min(max((value - low) / (high - low), 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Frame:
    """Size of a drawing and the edges of its plot; y grows downwards.

    Examples
    --------
    >>> frame = Frame(width=720, height=300, left=74, right=706, top=14, bottom=256)
    >>> frame.place_x(Axis(0.0, 4.0), 2.0), frame.place_y(Axis(1.0, 100.0, logarithmic=True), 100.0)
    (390.0, 14.0)
    """

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int

    def place_x(self, axis: Axis, value: float) -> float:
        """Place a value on the horizontal axis."""
        return round(self.left + axis.share(value) * (self.right - self.left), 1)

    def place_y(self, axis: Axis, value: float) -> float:
        """Place a value on the vertical axis."""
        return round(self.bottom - axis.share(value) * (self.bottom - self.top), 1)


LANDSCAPE = Frame(width=720, height=300, left=74, right=706, top=14, bottom=256)
"""The plots over energy and those of the method page."""
