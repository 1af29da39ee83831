"""Images with any projection brought to nested HEALPix pixels, overlaps added by inverse variance."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, spline_filter

from archive.errors import UsageError
from archive.healpix import pixel_centres
from hips.footprints import cover_circles
from hips.moc import at_order, expand
from hips.tiles import tile_positions

FloatArray = NDArray[np.float64]
Transform = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]

_BLOCK_BITS = 7
_NODES = 13
_PRECISION_PX = 0.01
_STRIDE = 4
_MARGIN = 3
# Largest error of a position that has gone to the sky and back, pixels.
_ROUND_TRIP_PX = 0.05
_REACH = 1.05  # see hips.footprints


@dataclasses.dataclass(frozen=True)
class SkyImage:
    """One image and where its pixels lie.

    Attributes
    ----------
    name : str
        For messages.
    values, variance, exposure : (ny, nx), float32
        NaN where nothing was observed; `variance` and `exposure` may be None.
    scale_deg : float
        Side of a pixel.
    to_pixel : callable
        ICRS degrees to 0-based x and y, NaN where the projection has no place; `to_sky` is its inverse.
    """

    name: str
    values: NDArray[np.float32]
    variance: NDArray[np.float32] | None
    exposure: NDArray[np.float32] | None
    scale_deg: float
    to_pixel: Transform
    to_sky: Transform


class Sums:
    """Weighted sums of images on the sky at one HEALPix order, kept only where there is an image.

    With `chosen`, only in the blocks for which it holds: several hosts divide the sky.
    """

    def __init__(self, order: int, chosen: Callable[[int], bool] | None = None) -> None:
        self.order = order
        self.chosen = chosen
        self.block_order = max(order - _BLOCK_BITS, 0)
        self.width = 1 << (order - self.block_order)
        self.blocks: dict[int, FloatArray] = {}
        self.overlaps = False

    def add(self, image: SkyImage) -> int:
        """Resample an image and add it; return how many pixels it covers.

        Values by cubic B-spline interpolation, variance and exposure by bilinear; nearest beside unobserved pixels. A
        HEALPix pixel is observed where the image pixel under its centre is.

        Raises
        ------
        UsageError
            If the image has no observed pixel, or one that has no place on the sky.

        References
        ----------
        Unser 1999, IEEE Signal Processing Magazine 16 (6), 22. Of a Gaussian source 2.4 pixels wide it keeps
        0.986 of the peak, where bilinear interpolation keeps 0.88 and Catmull-Rom (the usual cubic) 0.961.
        """
        cells = self._find_blocks(image)
        planes = [_pad(plane) for plane in (image.values, image.variance, image.exposure) if plane is not None]
        coefficients = _prefilter(image.values)
        count = 0
        for cell in cells.tolist():
            if self.chosen is not None and not self.chosen(cell):
                continue
            x, y = self._image_positions(cell, image.to_pixel)
            near = _nearest(planes[0], x, y)
            (seen,) = np.nonzero(np.isfinite(near))
            if seen.size == 0:
                continue
            x, y = x[seen], y[seen]
            sums = self.blocks.setdefault(cell, np.zeros((3, self.width**2)))
            weight = np.ones(seen.size)
            if image.variance is not None:
                weight = 1 / _bilinear(planes[1], x, y)
            self.overlaps |= bool((sums[1, seen] > 0).any())
            sums[0, seen] += weight * _spline(planes[0], coefficients, x, y)
            sums[1, seen] += weight
            if image.exposure is not None:
                sums[2, seen] += _bilinear(planes[-1], x, y)
            count += seen.size
        if count == 0 and self.chosen is None:
            raise UsageError(f"{image.name} covers no pixel of order {self.order}: choose a higher order.")
        return count

    def flux(self) -> NDArray[np.float32]:
        """Weighted mean; shape (12 * 4**order,), NaN where there is no image."""
        return self._fill(lambda sums: sums[0] / sums[1])

    def variance(self) -> NDArray[np.float32]:
        """Variance of the weighted mean, for errors that are independent from image to image."""
        return self._fill(lambda sums: 1 / sums[1])

    def exposure(self) -> NDArray[np.float32]:
        """Sum of the exposures."""
        return self._fill(lambda sums: sums[2])

    def _fill(self, rule: Callable[[FloatArray], FloatArray]) -> NDArray[np.float32]:
        whole = np.full((12 << (2 * self.block_order), self.width**2), np.nan, dtype=np.float32)
        positions = tile_positions(self.width).ravel()
        for cell, sums in self.blocks.items():
            with np.errstate(divide="ignore", invalid="ignore"):
                whole[cell, positions] = np.where(sums[1] > 0, rule(sums), np.nan)
        return whole.ravel()

    def _find_blocks(self, image: SkyImage) -> NDArray[np.int64]:
        """Blocks that an image may touch, after a look at every fourth of its pixels."""
        observed = np.zeros(image.values.shape, bool)
        valid = np.isfinite(image.values)
        if not valid.any():
            raise UsageError(f"{image.name} has no observed pixel.")
        observed[::_STRIDE, ::_STRIDE] = True
        observed &= valid
        if not observed.any():
            observed = valid
        y, x = (index.astype(np.float64) for index in np.nonzero(observed))
        ra, dec = image.to_sky(x, y)
        back_x, back_y = image.to_pixel(ra, dec)
        lost = int((~(np.hypot(back_x - x, back_y - y) < _ROUND_TRIP_PX)).sum())
        if lost:
            raise UsageError(
                f"{image.name}: {lost} of {x.size} observed pixels have no place of their own on the sky; the image "
                "reaches beyond its projection, so cut it or mark those pixels as NaN."
            )
        fine = min(self.block_order + 3, self.order)
        radius = 2 * _STRIDE * image.scale_deg + math.degrees(_REACH / (1 << fine))
        return expand(at_order(cover_circles(ra, dec, radius, order=fine), self.block_order).ranges)

    def _image_positions(self, cell: int, to_pixel: Transform) -> tuple[FloatArray, FloatArray]:
        """Image coordinates of all the pixels of a block, row by row of the block.

        Projections are smooth, so they are computed at nodes and interpolated by a polynomial; where that is not good
        to 0.01 pixel (edges of projections, kinks of HEALPix) every pixel is computed.
        """
        positions = tile_positions(self.width)
        first = cell << (2 * (self.order - self.block_order))
        if self.width < 4 * _NODES:
            return to_pixel(*pixel_centres(self.order, first + positions.ravel()))
        nodes, matrix = _interpolation(self.width)
        checks = _check_points(self.width)
        asked = np.concatenate([positions[np.ix_(nodes, nodes)].ravel(), positions[checks]])
        known = to_pixel(*pixel_centres(self.order, first + asked))
        result = []
        for values in known:
            grid = matrix @ values[: _NODES**2].reshape(_NODES, _NODES) @ matrix.T
            if not np.abs(grid[checks] - values[_NODES**2 :]).max() < _PRECISION_PX:
                return to_pixel(*pixel_centres(self.order, first + positions.ravel()))
            result.append(grid.ravel())
        return result[0], result[1]


@lru_cache(maxsize=4)
def _interpolation(width: int) -> tuple[NDArray[np.intp], FloatArray]:
    """Nodes near those of Chebyshev, and the matrix from values at them to values everywhere.

    References
    ----------
    Berrut and Trefethen 2004, SIAM Review 46, 501, equation 4.2.
    """
    nodes = np.rint((1 - np.cos(np.linspace(0, np.pi, _NODES))) / 2 * (width - 1)).astype(np.intp)
    places = np.arange(width)
    scaled = nodes / width
    gaps = scaled[:, None] - scaled[None, :] + np.eye(_NODES)
    weights = 1 / gaps.prod(axis=1)
    offset = places[:, None] / width - scaled[None, :]
    exact = offset == 0
    terms = weights / np.where(exact, 1, offset)
    matrix = terms / terms.sum(axis=1, keepdims=True)
    rows = exact.any(axis=1)
    matrix[rows] = exact[rows]
    return nodes, matrix


@lru_cache(maxsize=4)
def _check_points(width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places between the nodes, on the diagonals and the edges: kinks of HEALPix run along them."""
    steps = np.arange(1, width, max(1, width // 16))
    edge, last = np.zeros_like(steps), np.full_like(steps, width - 1)
    rows = np.concatenate([steps, steps, edge, last, steps, steps, steps])
    columns = np.concatenate([steps, width - 1 - steps, steps, steps, edge, last, np.roll(steps, len(steps) // 3)])
    return rows, columns


def _pad(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.pad(plane, _MARGIN, constant_values=np.nan)


def _index(plane: NDArray[np.float32], x: FloatArray, y: FloatArray) -> NDArray[np.intp]:
    """Flat index into a padded plane; what lies outside, or nowhere, falls into the padding."""
    rows, columns = plane.shape
    column = np.clip(np.where(np.isfinite(x), x, -1), -1, columns - 2 * _MARGIN).astype(np.intp) + _MARGIN
    row = np.clip(np.where(np.isfinite(y), y, -1), -1, rows - 2 * _MARGIN).astype(np.intp) + _MARGIN
    return row * columns + column


def _nearest(plane: NDArray[np.float32], x: FloatArray, y: FloatArray) -> NDArray[np.float32]:
    return plane.ravel()[_index(plane, np.floor(x + 0.5), np.floor(y + 0.5))]


def _bilinear(plane: NDArray[np.float32], x: FloatArray, y: FloatArray) -> FloatArray:
    left, low = np.floor(x), np.floor(y)
    right, up = x - left, y - low
    start, flat, columns = _index(plane, left, low), plane.ravel(), plane.shape[1]
    lower = flat[start] * (1 - right) + flat[start + 1] * right
    upper = flat[start + columns] * (1 - right) + flat[start + columns + 1] * right
    result = lower * (1 - up) + upper * up
    (gaps,) = np.nonzero(~np.isfinite(result))
    if gaps.size:
        result[gaps] = _nearest(plane, x[gaps], y[gaps])
    return result


def _prefilter(values: NDArray[np.float32]) -> FloatArray:
    """Coefficients of the cubic B-spline through an image; holes are filled with the nearest observed value."""
    nearest: Any = distance_transform_edt(~np.isfinite(values), return_distances=False, return_indices=True)
    return np.pad(
        spline_filter(values[tuple(nearest)].astype(np.float64), order=3, mode="mirror"), _MARGIN, mode="reflect"
    )


def _spline(plane: NDArray[np.float32], coefficients: FloatArray, x: FloatArray, y: FloatArray) -> FloatArray:
    left, low = np.floor(x), np.floor(y)
    start, flat, columns = _index(plane, left, low), coefficients.ravel(), plane.shape[1]
    across, along = _spline_weights(x - left), _spline_weights(y - low)
    result = np.zeros(x.size)
    for row in range(4):
        base = start + (row - 1) * columns
        line = flat[base - 1] * across[0]
        for column in (1, 2, 3):
            line += flat[base + column - 1] * across[column]
        result += line * along[row]
    seen = np.isfinite(plane).ravel()
    edge = ~(seen[start] & seen[start + 1] & seen[start + columns] & seen[start + columns + 1])
    result[edge] = _nearest(plane, x[edge], y[edge])
    return result


def _spline_weights(part: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Weights of the coefficients at -1, 0, 1 and 2 for a place `part` of the way from 0 to 1."""
    rest = 1 - part
    return (
        rest**3 / 6,
        2 / 3 - part * part * (1 - part / 2),
        2 / 3 - rest * rest * (1 - rest / 2),
        part**3 / 6,
    )
