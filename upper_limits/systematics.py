"""The systematic noise factor k_sys: how much wider the noise of a map is than its variance says.

The significance S = F / sqrt(V) of empty sky should scatter by 1. In real mosaics it does not: 1.25 in the ISLA Crab
mosaic, 1.3 to 1.5 in others. k_sys is the robust scatter of S in cells of a coarse HEALPix grid, sources masked,
smoothed over neighbouring cells, and never below 1.
"""

import math

import numpy as np
from cdshealpix.nested import neighbours
from numpy.typing import NDArray

from upper_limits.readout import pixel_size_deg

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

GAUSSIAN_MAD = 1.4826022185056018
"""Standard deviation of a Gaussian over its median absolute deviation, 1 / ndtri(0.75)."""
MASK_SIGNIFICANCE = 4.0
MASK_RADIUS_DEG = 0.4
MIN_PIXELS = 32
"""Fewer empty pixels than this in a cell do not give a scatter; the cell takes its neighbours' or the sky's."""


def robust_scatter(values: FloatArray, axis: int = -1) -> FloatArray:
    """1.4826 times the median absolute deviation about the median; NaN are left out, NaN where all are.

    Examples
    --------
    >>> robust_scatter(np.array([-1.0, 0.0, 1.0, 100.0, np.nan])).round(4)
    np.float64(1.4826)
    """
    with np.errstate(all="ignore"):
        filled = np.where(np.isfinite(values).any(axis=axis, keepdims=True), values, 0.0)
        median = np.nanmedian(filled, axis=axis, keepdims=True)
        scatter = GAUSSIAN_MAD * np.nanmedian(np.abs(filled - median), axis=axis)
    return np.where(np.isfinite(values).any(axis=axis), scatter, np.nan)


def source_mask(significance: FloatArray, order: int, cell_order: int) -> NDArray[np.bool_]:
    """Mark pixels within about 0.4 degree of any pixel beyond 4 times the scatter of its cell.

    The scatter of a cell counts from 1 to twice that of the whole sky: noise may well be wider in one place than in
    another, but a cell full of sources must not raise its own bar.

    Parameters
    ----------
    significance : (12 * 4**order,), NESTED; NaN where nothing was observed
    cell_order : order of the cells, <= `order`

    Returns
    -------
    (12 * 4**order,)
        True where a source may be.
    """
    cells = significance.reshape(12 << (2 * cell_order), -1)
    sky = max(1.0, float(np.nan_to_num(robust_scatter(significance), nan=1.0)))
    limit = MASK_SIGNIFICANCE * np.clip(np.nan_to_num(robust_scatter(cells), nan=1.0), 1.0, 2.0 * sky)
    with np.errstate(invalid="ignore"):
        front = np.flatnonzero(np.abs(cells) > limit[:, None])
    mask = np.zeros(significance.shape, dtype=np.bool_)
    mask[front] = True
    for _ in range(math.floor(MASK_RADIUS_DEG / pixel_size_deg(order))):
        if len(front) == 0:
            break
        around = np.unique(np.asarray(neighbours(front.astype(np.uint64), order)).astype(np.int64))
        front = around[(around >= 0)]
        front = front[~mask[front]]
        mask[front] = True
    return mask


def systematic_factor(significance: FloatArray, order: int, cell_order: int) -> FloatArray:
    """Map of k_sys on a coarse grid.

    Parameters
    ----------
    significance : (12 * 4**order,), NESTED; NaN where nothing was observed
    cell_order : order of the grid, <= `order`

    Returns
    -------
    (12 * 4**cell_order,)
        k_sys >= 1; NaN in cells where nothing was observed.
    """
    if not 0 <= cell_order <= order:
        msg = f"cell_order is {cell_order}; expected 0 to {order}, the order of the map"
        raise ValueError(msg)
    cells = significance.reshape(12 << (2 * cell_order), -1)
    observed = np.isfinite(cells).any(axis=1)
    empty = np.where(source_mask(significance, order, cell_order), np.nan, significance).reshape(cells.shape)
    enough = np.isfinite(empty).sum(axis=1) >= min(MIN_PIXELS, max(4, cells.shape[1] // 4))
    scatter = np.where(enough, robust_scatter(empty), np.nan)
    sky = float(robust_scatter(empty.reshape(-1))) if np.isfinite(empty).any() else 1.0
    smooth = _smooth(scatter, cell_order)
    smooth = np.where(np.isfinite(smooth), smooth, sky)
    return np.where(observed, np.maximum(smooth, 1.0), np.nan)


def _smooth(values: FloatArray, order: int) -> FloatArray:
    """Mean over a cell and its neighbours, in quadrature, those without a value left out."""
    ipix = np.asarray(neighbours(np.arange(len(values), dtype=np.uint64), order)).astype(np.int64)
    around = np.where(ipix >= 0, values[np.maximum(ipix, 0)], np.nan)
    count = np.isfinite(around).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, np.sqrt(np.nansum(around**2, axis=1) / count), np.nan)
