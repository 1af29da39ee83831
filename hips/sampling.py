"""Values of an image between its pixels: by cubic B-spline or bilinear, nearest beside what was not observed."""

from __future__ import annotations

import dataclasses
import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Plane = NDArray[np.float32]
IndexArray = NDArray[np.intp]

_MARGIN = 3
_FILL_PX = 4
# The spline's memory: a value this many pixels away counts 1e-7, the last bit of a float32.
_POLE = math.sqrt(3) - 2
_HORIZON = 12
# Shape of a product of matrices that BLAS leaves to one thread: more of them would wait for each other.
_LINES, _COLUMNS = 16, 256
_SOME, _ALL = 1, 2


@dataclasses.dataclass(frozen=True)
class Samples:
    """What an image shows at places.

    Attributes
    ----------
    where : (n,) int or slice
        Which of the places are observed; ``slice(None)`` for all of them, which is much cheaper than an index.
    values, variance, exposure : (n,)
        `variance` and `exposure` are None where the image has none.
    """

    where: IndexArray | slice
    count: int
    values: Plane
    variance: Plane | None
    exposure: Plane | None


@dataclasses.dataclass(frozen=True)
class Field:
    """The planes of an image, padded, so that a place beside the image is one that is not observed.

    Attributes
    ----------
    coefficients : (ny, nx), float32
        Of the cubic B-spline through the values.
    state : (ny, nx), uint8
        Whether a pixel, the one to its right and the two above these are observed: all of them, some or none (0).
    """

    values: Plane
    variance: Plane | None
    exposure: Plane | None
    coefficients: Plane
    state: NDArray[np.uint8]

    @classmethod
    def of(cls, values: Plane, variance: Plane | None, exposure: Plane | None) -> Field:
        """Take the planes of an image, NaN where nothing was observed."""
        padded = [None if plane is None else _pad(plane) for plane in (variance, exposure)]
        main = _pad(values)
        seen = np.isfinite(main)
        state = np.zeros(seen.shape, np.uint8)
        every = seen[:-1, :-1] & seen[:-1, 1:] & seen[1:, :-1] & seen[1:, 1:]
        some = seen[:-1, :-1] | seen[:-1, 1:] | seen[1:, :-1] | seen[1:, 1:]
        np.add(every, some, out=state[:-1, :-1], dtype=np.uint8)
        return cls(main, padded[0], padded[1], _prefilter(values), state)

    def sample(self, x: FloatArray, y: FloatArray, wanted: NDArray[np.bool_] | None = None) -> Samples | None:
        """Look at places of the image, (n,), which are overwritten; None where none of them is observed.

        The spline gives a value, and bilinear interpolation variance and exposure, where the four pixels around are
        observed; elsewhere the nearest pixel gives all of them, if it is. With `wanted`, only places for which it holds
        count.
        """
        start, right, up = self._locate(x, y)
        state = self.state.ravel().take(start)
        if wanted is not None:
            state *= wanted
        if int(state.min()) == _ALL:
            return Samples(slice(None), start.size, *self._between(start, right, up))
        (inside,) = np.nonzero(state == _ALL)
        (edge,) = np.nonzero(state == _SOME)
        nearest = start[edge] + (right[edge] >= 0.5) + (up[edge] >= 0.5) * self.values.shape[1]
        seen = np.isfinite(self.values.ravel().take(nearest))
        edge, nearest = edge[seen], nearest[seen]
        count = inside.size + edge.size
        if count == 0:
            return None
        values, variance, exposure = self._between(start.take(inside), right.take(inside), up.take(inside))
        return Samples(
            np.concatenate([inside, edge]), count, _append(values, self.values, nearest),
            None if variance is None or self.variance is None else _append(variance, self.variance, nearest),
            None if exposure is None or self.exposure is None else _append(exposure, self.exposure, nearest),
        )  # fmt: skip

    def _locate(self, x: FloatArray, y: FloatArray) -> tuple[IndexArray, Plane, Plane]:
        """Flat index of the pixel to the lower left of places, and how far right of it and above it they lie.

        What lies outside falls into the padding.
        """
        rows, columns = self.values.shape
        for place, size in ((x, columns), (y, rows)):
            np.add(place, _MARGIN, out=place)
            np.clip(place, 1, size - 2.5, out=place)
        column, row = x.astype(np.int32), y.astype(np.int32)
        np.subtract(x, column, out=x)
        np.subtract(y, row, out=y)
        start = row.astype(np.intp)
        start *= columns
        start += column
        return start, x.astype(np.float32), y.astype(np.float32)

    def _between(self, start: IndexArray, right: Plane, up: Plane) -> tuple[Plane, Plane | None, Plane | None]:
        variance, exposure = (
            None if plane is None else _bilinear(plane, start, right, up) for plane in (self.variance, self.exposure)
        )
        return _spline(self.coefficients, start, right, up), variance, exposure


def _append(found: Plane, plane: Plane, pixels: IndexArray) -> Plane:
    return np.concatenate([found, plane.ravel().take(pixels)])


def _bilinear(plane: Plane, start: IndexArray, right: Plane, up: Plane) -> Plane:
    flat, columns = plane.ravel(), plane.shape[1]
    lower, lower_right, upper, upper_right = (flat[step:].take(start) for step in (0, 1, columns, columns + 1))
    lower += (lower_right - lower) * right
    upper += (upper_right - upper) * right
    upper -= lower
    upper *= up
    upper += lower
    return upper


def _spline(coefficients: Plane, start: IndexArray, right: Plane, up: Plane) -> Plane:
    flat, columns = coefficients.ravel(), coefficients.shape[1]
    across, along = _spline_weights(right), _spline_weights(up)
    first = start - (columns + 1)
    result, line, term = (np.empty(start.size, np.float32) for _ in range(3))
    for row in range(4):
        target = line if row else result
        for column in range(4):
            part = term if column else target
            # Every index is inside, so nothing wraps; "raise" would not write straight into `out`, "clip" is slower.
            flat[row * columns + column :].take(first, out=part, mode="wrap")
            part *= across[column]
            if column:
                target += part
        target *= along[row]
        if row:
            result += line
    return result


def _spline_weights(part: Plane) -> tuple[NDArray[Any], ...]:
    """Weights of the coefficients at -1, 0, 1 and 2 for a place `part` of the way from 0 to 1."""
    rest = 1 - part
    square, rest_square = part * part, rest * rest
    two_thirds, sixth, half = np.float32(2 / 3), np.float32(1 / 6), np.float32(0.5)
    return (
        rest_square * rest * sixth,
        two_thirds - square * (1 - part * half),
        two_thirds - rest_square * (1 - rest * half),
        square * part * sixth,
    )


def _pad(plane: Plane) -> Plane:
    return np.pad(plane, _MARGIN, constant_values=np.nan)


def _prefilter(values: Plane) -> Plane:
    """Coefficients of the cubic B-spline through an image, padded; its borders are mirrors.

    Notes
    -----
    The inverse of the sampled spline is sqrt(3) z**abs(k) with z = sqrt(3) - 2 (Unser 1999, box 2, written as one sum).
    Cut where it does not count, it is a band matrix, of which BLAS multiplies a few lines at a time.
    """
    wide = np.pad(_fill_holes(values), _HORIZON + _MARGIN, mode="reflect")
    matrix = _inverse_spline()
    for _ in range(2):  # along the rows, then, turned, along the columns
        count = wide.shape[0] - 2 * _HORIZON
        done = np.empty((count, wide.shape[1]), np.float32)
        for first in range(0, count, _LINES):
            lines = min(_LINES, count - first)
            band = matrix[:lines, : lines + 2 * _HORIZON]
            for column in range(0, wide.shape[1], _COLUMNS):
                near = wide[first : first + band.shape[1], column : column + _COLUMNS]
                np.matmul(band, near, out=done[first : first + lines, column : column + _COLUMNS])
        wide = np.ascontiguousarray(done.T)
    return wide


@lru_cache(maxsize=1)
def _inverse_spline() -> Plane:
    distance = np.abs(np.arange(_LINES)[:, None] + _HORIZON - np.arange(_LINES + 2 * _HORIZON))
    return np.where(distance <= _HORIZON, math.sqrt(3) * _POLE**distance, 0).astype(np.float32)


def _fill_holes(values: Plane) -> Plane:
    """Give holes beside observed pixels the mean of their neighbours, layer by layer, and the others one mean.

    The spline forgets by a factor 3.7 for each pixel, so what lies further than `_FILL_PX` away matters little.
    """
    seen = np.pad(np.isfinite(values), 1)
    filled = np.zeros(seen.shape, np.float32)
    np.copyto(filled[1:-1, 1:-1], values, where=seen[1:-1, 1:-1])
    known, flat, width = seen.ravel(), filled.ravel(), seen.shape[1]
    inside = np.zeros_like(seen)
    inside[1:-1, 1:-1] = True
    mean = np.float32(0)
    for _ in range(_FILL_PX):
        near = np.zeros_like(known)
        for step in (1, width):
            near[step:] |= known[:-step]
            near[:-step] |= known[step:]
        near &= ~known
        near &= inside.ravel()
        (places,) = np.nonzero(near)
        if not places.size:
            break
        neighbours = places + np.array([[-1], [1], [-width], [width]])
        flat[places] = flat[neighbours].sum(axis=0) / known[neighbours].sum(axis=0)
        known[places] = True
        mean = flat[places].mean()
    flat[~known] = mean
    return filled[1:-1, 1:-1]
