"""Points with error bars and two axes as numbers that a template draws as SVG, without JavaScript. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
SIDE = 1000.0
"""Width and height of the drawing, which the page stretches."""


@dataclass(frozen=True, slots=True)
class Points:
    """One set of points: x, y and error, each of shape (n,), and the class by which the style sheet colours it.

    `error_up` is the error towards larger values where it differs.
    """

    style: str
    x: FloatArray
    y: FloatArray
    error: FloatArray
    error_up: FloatArray | None = None

    @property
    def top(self) -> FloatArray:
        """The upper ends of the error bars, (n,)."""
        return self.y + (self.error if self.error_up is None else self.error_up)


@dataclass(frozen=True, slots=True)
class Drawn:
    """Paths of one set."""

    style: str
    dots: str
    bars: str


@dataclass(frozen=True, slots=True)
class DotPlot:
    """What the template draws; ticks are pairs of percent and label, y from the top."""

    sets: tuple[Drawn, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    x_label: str
    y_label: str


def lay_out_points(
    sets: Sequence[Points],
    x_range: tuple[float, float],
    *,
    x_label: str,
    y_label: str,
    downwards: bool = False,
    log: bool = False,
) -> DotPlot:
    """Place points; y covers all values with their errors, larger values below when `downwards` (magnitudes).

    With `log` the numbers are decimal logarithms, and the ticks say what they are of.

    Examples
    --------
    >>> one = np.array([0.5])
    >>> plot = lay_out_points([Points("real", one, one, one)], (0.0, 1.0), x_label="phase", y_label="mag")
    >>> plot.sets[0].dots, [label for _, label in plot.x_ticks]
    ('M500.0 500.0h0', ['0', '0.2', '0.4', '0.6', '0.8', '1'])
    """
    low = min((float((item.y - item.error).min()) for item in sets if len(item.y)), default=0.0)
    high = max((float(item.top.max()) for item in sets if len(item.y)), default=1.0)
    margin = 0.04 * (high - low) or abs(high) * 1e-3 or 1.0
    low, high = low - margin, high + margin

    def across(values: FloatArray) -> FloatArray:
        return SIDE * (values - x_range[0]) / (x_range[1] - x_range[0])

    def down(values: FloatArray) -> FloatArray:
        share = (values - low) / (high - low)
        return SIDE * (share if downwards else 1.0 - share)

    ticks = power_ticks if log else partial(round_ticks, most=6)
    drawn = []
    for item in sets:
        x, y, a, b = across(item.x), down(item.y), down(item.y - item.error), down(item.top)
        drawn.append(
            Drawn(
                item.style,
                "".join(f"M{u:.1f} {v:.1f}h0" for u, v in zip(x, y, strict=True)),
                "".join(f"M{u:.1f} {v:.1f}V{w:.1f}" for u, v, w in zip(x, a, b, strict=True)),
            )
        )
    return DotPlot(
        tuple(drawn),
        tuple((float(across(np.array(v))) / SIDE * 100.0, label) for v, label in ticks(*x_range)),
        tuple((float(down(np.array(v))) / SIDE * 100.0, label) for v, label in ticks(low, high)),
        x_label,
        y_label,
    )


def power_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Return ticks between two decimal logarithms: 1, 2 and 5 of each power of ten, of many powers the powers only.

    Examples
    --------
    >>> [label for _, label in power_ticks(1.2, 2.1)], [label for _, label in power_ticks(-12.0, -9.0)]
    (['20', '50', '100'], ['1e-12', '1e-11', '1e-10', '1e-09'])
    """
    factors = (1, 2, 5) if high - low < 2.5 else (1,)
    powers = range(math.floor(low), math.ceil(high) + 1)
    values = [(power + math.log10(factor), f"{factor}e{power}") for power in powers for factor in factors]
    return [(v, f"{float(text):g}") for v, text in values if low - 1e-9 <= v <= high + 1e-9]


def round_ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """Return round numbers between two limits, at most `most` of them, with their labels.

    Examples
    --------
    >>> round_ticks(9.03, 9.61, 6)
    [(9.1, '9.1'), (9.2, '9.2'), (9.3, '9.3'), (9.4, '9.4'), (9.5, '9.5'), (9.6, '9.6')]
    """
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(
        m * power for m in (1.0, 2.0, 5.0, 10.0) if math.floor(high / (m * power)) - math.ceil(low / (m * power)) < most
    )
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(round(n * step, digits + 2), f"{round(n * step, digits):g}") for n in range(first, last + 1)]
