"""From values to colours: display ranges, stretches and colour maps."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from archive.errors import UsageError
from hips.tiles import UNSEEN, Pixels

STRETCHES = ("linear", "asinh", "log", "sqrt")
# Standard deviations from black to white: 0 is no source, 8 is beyond doubt.
SIGNIFICANCE_TOP = 8.0
_CHUNK = 1 << 20
_SAMPLE = 1 << 18


@dataclasses.dataclass(frozen=True)
class Summary:
    """What a map holds: enough for display ranges and for the properties of its HiPS.

    Attributes
    ----------
    n_valid : int
        Number of observed pixels.
    minimum, maximum : float
        Of the observed pixels; NaN where there are none.
    quantiles : tuple of float
        Values below which 0, 0.1, 0.2, ... 100 % of the observed pixels lie, from evenly spaced ones; NaN for an
        empty map.
    """

    n_valid: int
    minimum: float
    maximum: float
    quantiles: tuple[float, ...]

    def percentile(self, percent: float) -> float:
        """Value below which `percent` of the observed pixels lie, to 0.1 %; NaN for an empty map."""
        return self.quantiles[round(10 * percent)]


@dataclasses.dataclass(frozen=True)
class Cuts:
    """A display range in the unit of the map, and how it is stretched over the colours."""

    low: float
    high: float
    stretch: str = "linear"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise UsageError(
                f"The display range must go from a lower to a higher number, not from {self.low} to {self.high}."
            )
        if self.stretch not in STRETCHES:
            raise UsageError(f"There is no stretch {self.stretch!r}: choose one of {', '.join(STRETCHES)}.")


def summarize(pixels: Pixels) -> Summary:
    """Look once at every pixel of a map.

    Raises
    ------
    UsageError
        If the map holds infinite values or HEALPix's UNSEEN mark instead of NaN: tiles of it would be wrong.
    """
    step = max(1, pixels.size // _SAMPLE)
    n_valid, minimum, maximum, samples = 0, math.inf, -math.inf, []
    for start in range(0, pixels.size, _CHUNK):
        values = pixels.read(start, min(start + _CHUNK, pixels.size))
        if np.isinf(values).any():
            raise UsageError("The map holds infinite values; pixels that were not observed must be NaN.")
        valid = values[~np.isnan(values)]
        n_valid += valid.size
        if valid.size:
            minimum, maximum = min(minimum, float(valid.min())), max(maximum, float(valid.max()))
            samples.append(valid[::step])
    if minimum <= UNSEEN * 0.99:
        raise UsageError("The map holds HEALPix's UNSEEN value -1.6375e30; pixels that were not observed must be NaN.")
    if not samples:
        return Summary(0, math.nan, math.nan, (math.nan,) * 1001)
    quantiles = np.quantile(np.concatenate(samples), np.linspace(0, 1, 1001), method="inverted_cdf")
    return Summary(n_valid, minimum, maximum, tuple(quantiles.tolist()))


def choose_cuts(summary: Summary, quantity: str) -> Cuts:
    """Display range that shows a map of this quantity well."""
    if quantity == "significance":
        low, high, stretch = 0.0, SIGNIFICANCE_TOP, "linear"
    elif quantity == "flux":
        low, high, stretch = summary.percentile(50), summary.percentile(99.9), "asinh"
    elif quantity == "sensitivity":
        low, high, stretch = summary.percentile(1), summary.percentile(95), "linear"
    else:
        low, high, stretch = 0.0, summary.percentile(99.5), "linear"
    if not low < high:
        low, high = (low - 0.5, low + 0.5) if math.isfinite(low) else (0.0, 1.0)
    return Cuts(low, high, stretch)


def stretch_unit(position: NDArray[np.float32], stretch: str) -> NDArray[np.float32]:
    """Stretch numbers between 0 and 1.

    Notes
    -----
    The functions are those of ``astropy.visualization``: AsinhStretch(a=0.1), LogStretch(a=1000), SqrtStretch.
    """
    match stretch:
        case "asinh":
            return np.arcsinh(position * np.float32(10)) * np.float32(1 / math.asinh(10))
        case "log":
            return np.log1p(position * np.float32(1000)) * np.float32(1 / math.log(1001))
        case "sqrt":
            return np.sqrt(position)
        case _:
            return position


def colour_indices(values: NDArray[np.float32], cuts: Cuts) -> NDArray[np.uint8]:
    """Number the colours of a picture: 0 for no data, 1 to 255 from the lower to the upper end of the range.

    Examples
    --------
    >>> colour_indices(np.array([[np.nan, -5, 0, 1, 9]], dtype=np.float32), Cuts(0, 1))
    array([[  0,   1,   1, 255, 255]], dtype=uint8)
    """
    scale = np.float32(1 / (cuts.high - cuts.low))
    position = values - np.float32(cuts.low)
    position *= scale
    np.minimum(np.maximum(position, 0, out=position), 1, out=position)
    index = stretch_unit(position, cuts.stretch) * np.float32(254)
    index += np.float32(1.5)
    return np.fmax(index, 0, out=index).astype(np.uint8)  # of NaN and 0, fmax gives 0


def _cubehelix(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Green 2011, Bull. Astr. Soc. India 39, 289: start 0.5, rotations -1.5, hue 1.0, gamma 1.0."""
    angle = 2 * math.pi * (0.5 / 3 + 1 - 1.5 * level)
    amplitude = level * (1 - level) / 2
    cosine, sine = np.cos(angle), np.sin(angle)
    red = level + amplitude * (-0.14861 * cosine + 1.78277 * sine)
    green = level + amplitude * (-0.29227 * cosine - 0.90649 * sine)
    blue = level + amplitude * 1.97294 * cosine
    return np.stack([red, green, blue], axis=-1)


def _heat(level: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([3 * level, 3 * level - 1, 3 * level - 2], axis=-1)


def _grey(level: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([level, level, level], axis=-1)


def _ember(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Night blue over violet and orange to pale yellow: straight lines between six colours."""
    stops = [0.0, 0.2, 0.42, 0.65, 0.85, 1.0]
    red = np.interp(level, stops, [0.01, 0.18, 0.55, 0.90, 0.99, 1.00])
    green = np.interp(level, stops, [0.01, 0.05, 0.13, 0.36, 0.72, 0.98])
    blue = np.interp(level, stops, [0.06, 0.32, 0.42, 0.20, 0.12, 0.72])
    return np.stack([red, green, blue], axis=-1)


def _blue_red(level: NDArray[np.float64]) -> NDArray[np.float64]:
    stops = [0.0, 0.25, 0.5, 0.75, 1.0]
    red = np.interp(level, stops, [0.13, 0.45, 0.96, 0.88, 0.58])
    green = np.interp(level, stops, [0.24, 0.66, 0.96, 0.48, 0.06])
    blue = np.interp(level, stops, [0.60, 0.87, 0.96, 0.38, 0.15])
    return np.stack([red, green, blue], axis=-1)


COLOUR_MAPS: Mapping[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = MappingProxyType(
    {
        "grey": _grey,
        "cubehelix": _cubehelix,
        "heat": _heat,
        "ember": _ember,
        "blue-red": _blue_red,
    }
)


@lru_cache(maxsize=32)
def make_palette(name: str) -> bytes | None:
    """Red, green and blue of the 256 colour numbers; None for grey, which needs no palette.

    Raises
    ------
    UsageError
        If there is no colour map of this name.
    """
    if name not in COLOUR_MAPS:
        raise UsageError(f"There is no colour map {name!r}: choose one of {', '.join(COLOUR_MAPS)}.")
    if name == "grey":
        return None
    level = np.clip((np.arange(256) - 1) / 254, 0, 1)
    return (np.clip(COLOUR_MAPS[name](level), 0, 1) * 255).round().astype(np.uint8).tobytes()
