"""Bars by year as numbers that a template draws as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, FLOOR = 640, 132, 104
FIRST_YEAR = 2002


@dataclass(frozen=True, slots=True)
class YearBar:
    """One year: where its bars stand and what they count."""

    year: int
    x: float
    width: float
    real_y: float
    real_height: float
    simulated_y: float
    simulated_height: float
    real: float
    simulated: float
    labelled: bool


@dataclass(frozen=True, slots=True)
class YearBars:
    """A timeline by year."""

    bars: tuple[YearBar, ...]
    unit: str
    largest: float
    width: int = WIDTH
    height: int = HEIGHT
    floor: int = FLOOR

    @property
    def has_simulated(self) -> bool:
        """Whether any of it is simulated."""
        return any(bar.simulated for bar in self.bars)


def year_bars(rows: Sequence[tuple[int, float, float]], unit: str) -> YearBars:
    """Lay out bars from (year, real, simulated); years without any row are empty.

    Examples
    --------
    >>> bars = year_bars([(2003, 10, 0), (2005, 5, 5)], "pointings").bars
    >>> [(bar.year, bar.real_height + bar.simulated_height) for bar in bars]
    [(2002, 0.0), (2003, 96.0), (2004, 0.0), (2005, 96.0)]
    """
    if not rows:
        return YearBars((), unit, 0.0)
    values = {year: (real, simulated) for year, real, simulated in rows}
    years = range(min(FIRST_YEAR, *values), max(values) + 1)
    largest = max(real + simulated for real, simulated in values.values()) or 1.0
    step = WIDTH / len(years)
    bars = []
    for place, year in enumerate(years):
        real, simulated = values.get(year, (0.0, 0.0))
        high, top = (FLOOR - 8) * real / largest, (FLOOR - 8) * simulated / largest
        labelled = len(years) <= 8 or year % 4 == 2
        bars.append(
            YearBar(
                year,
                place * step + step * 0.08,
                step * 0.84,
                FLOOR - high,
                high,
                FLOOR - high - top,
                top,
                real,
                simulated,
                labelled,
            )
        )
    return YearBars(tuple(bars), unit, largest)
