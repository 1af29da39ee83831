"""Coverage maps (MOC) that follow the observed pixels exactly, written without a library: start-up stays quick."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from archive.errors import UsageError
from archive.healpix import HPX_ORDER, pixels_nested
from hips.encoding import encode_fits_ranges
from hips.tiles import Pixels

_CHUNK = 1 << 20
_DIRECTIONS = 20_000


@dataclasses.dataclass(frozen=True)
class Coverage:
    """A part of the sky as ranges of nested pixels.

    Attributes
    ----------
    order : int
        HEALPix order of the pixels.
    ranges : (n, 2), int64
        First and one past the last pixel of each range, ascending and separate.
    """

    order: int
    ranges: NDArray[np.int64]

    @property
    def sky_fraction(self) -> float:
        """Part of the sky that is covered, 0 to 1."""
        return float((self.ranges[:, 1] - self.ranges[:, 0]).sum()) / (12 << (2 * self.order))

    @property
    def centre(self) -> tuple[float, float]:
        """Right ascension and declination of the mean direction, ICRS degrees, to about a degree; 0, 0 if empty."""
        number = np.arange(_DIRECTIONS)
        z = 1 - (2 * number + 1) / _DIRECTIONS
        ra, dec = (number * 180 * (3 - math.sqrt(5))) % 360, np.degrees(np.arcsin(z))
        pixels = pixels_nested(self.order, ra, dec)
        place = np.searchsorted(self.ranges[:, 0], pixels, side="right") - 1
        inside = (place >= 0) & (pixels < self.ranges[np.maximum(place, 0), 1]) if self.ranges.size else place > 0
        lon, side = np.radians(ra[inside]), np.cos(np.radians(dec[inside]))
        x, y, height = (side * np.cos(lon)).sum(), (side * np.sin(lon)).sum(), z[inside].sum()
        return float(np.degrees(np.arctan2(y, x)) % 360), float(np.degrees(np.arctan2(height, np.hypot(x, y))))


def observed_coverage(pixels: Pixels) -> Coverage:
    """Coverage of a map at its own order: exactly the pixels that hold a value.

    Examples
    --------
    >>> from hips.tiles import pixels_from_array
    >>> values = np.array([np.nan, 1, 2] + 8 * [np.nan] + [5], dtype=np.float32)
    >>> observed_coverage(pixels_from_array(values)).ranges.tolist()
    [[1, 3], [11, 12]]
    """
    edges: list[NDArray[np.int64]] = []
    before = False
    for start in range(0, pixels.size, _CHUNK):
        valid = np.isfinite(pixels.read(start, min(start + _CHUNK, pixels.size)))
        change = np.flatnonzero(valid[1:] != valid[:-1]) + 1 + start
        if valid[0] != before:
            change = np.concatenate([[start], change])
        edges.append(change)
        before = bool(valid[-1])
    if before:
        edges.append(np.array([pixels.size]))
    return Coverage(pixels.order, np.concatenate(edges).astype(np.int64).reshape(-1, 2))


def union(first: Coverage, second: Coverage) -> Coverage:
    """What lies in either; at the finer order of the two, as `intersection` and `difference`.

    Examples
    --------
    >>> union(Coverage(0, np.array([[0, 2]])), Coverage(1, np.array([[4, 9]]))).ranges.tolist()
    [[0, 9]]
    """
    return _combine(first, second, lambda one, two: one | two)


def intersection(first: Coverage, second: Coverage) -> Coverage:
    """What lies in both.

    Examples
    --------
    >>> intersection(Coverage(0, np.array([[0, 2]])), Coverage(1, np.array([[4, 9]]))).ranges.tolist()
    [[4, 8]]
    """
    return _combine(first, second, lambda one, two: one & two)


def difference(first: Coverage, second: Coverage) -> Coverage:
    """What lies in the first and not in the second.

    Examples
    --------
    >>> difference(Coverage(0, np.array([[0, 2]])), Coverage(1, np.array([[4, 9]]))).ranges.tolist()
    [[0, 4]]
    """
    return _combine(first, second, lambda one, two: one & ~two)


def at_order(coverage: Coverage, order: int) -> Coverage:
    """Write the same part of the sky at another order; a coarser one holds every pixel that is touched.

    Examples
    --------
    >>> at_order(Coverage(1, np.array([[3, 5]])), 0).ranges.tolist()
    [[0, 2]]
    """
    shift = 2 * (order - coverage.order)
    if shift >= 0:
        return Coverage(order, coverage.ranges << shift)
    last = ((coverage.ranges[:, 1] - 1) >> -shift) + 1
    return normalize(order, np.stack([coverage.ranges[:, 0] >> -shift, last], axis=1))


def normalize(order: int, ranges: NDArray[np.int64]) -> Coverage:
    """Sort ranges, (n, 2) with first and one past the last pixel, and join those that touch or overlap.

    Raises
    ------
    UsageError
        If a range is empty, turned round or outside the sky.
    """
    if ranges.size == 0:
        return Coverage(order, np.empty((0, 2), np.int64))
    size = 12 << (2 * order)
    wrong = (ranges[:, 0] < 0) | (ranges[:, 1] > size) | (ranges[:, 0] >= ranges[:, 1])
    if wrong.any():
        low, high = ranges[wrong][0].tolist()
        raise UsageError(
            f"A MOC of order {order} has the pixels {low} to {high - 1}; expected an ascending range within 0 to "
            f"{size - 1}."
        )
    ranges = ranges[np.argsort(ranges[:, 0], kind="stable")]
    reach = np.maximum.accumulate(ranges[:, 1])
    starts = np.concatenate([[True], ranges[1:, 0] > reach[:-1]])
    ends = np.concatenate([starts[1:], [True]])
    return Coverage(order, np.stack([ranges[starts, 0], reach[ends]], axis=1))


def list_cells(coverage: Coverage) -> dict[int, NDArray[np.int64]]:
    """Largest pixels that make up the coverage: numbers by order, ascending (MOC 2.0, section 3.1).

    Examples
    --------
    >>> {order: cells.tolist() for order, cells in list_cells(Coverage(1, np.array([[3, 9]]))).items()}
    {0: [1], 1: [3, 8]}
    """
    cells: dict[int, NDArray[np.int64]] = {}
    left = coverage.ranges
    for order in range(coverage.order + 1):
        shift = 2 * (coverage.order - order)
        low, high = -(-left[:, 0] >> shift), left[:, 1] >> shift
        whole = low < high
        if whole.any():
            cells[order] = expand(np.stack([low[whole], high[whole]], axis=1))
        before = np.stack([left[:, 0], np.where(whole, low << shift, left[:, 1])], axis=1)
        after = np.stack([np.where(whole, high << shift, left[:, 1]), left[:, 1]], axis=1)
        left = np.concatenate([before, after])
        left = left[left[:, 0] < left[:, 1]]
        left = left[np.argsort(left[:, 0])]
    return cells


def expand(ranges: NDArray[np.int64]) -> NDArray[np.int64]:
    """All the numbers of ranges.

    Examples
    --------
    >>> expand(np.array([[3, 6], [9, 10]])).tolist()
    [3, 4, 5, 9]
    """
    length = ranges[:, 1] - ranges[:, 0]
    before = np.cumsum(length) - length
    return np.repeat(ranges[:, 0] - before, length) + np.arange(int(length.sum()))


def _combine(
    first: Coverage, second: Coverage, rule: Callable[[NDArray[np.bool_], NDArray[np.bool_]], NDArray[np.bool_]]
) -> Coverage:
    """Cut the sky at every border of either and keep the pieces for which the rule holds."""
    order = max(first.order, second.order)
    one, two = at_order(first, order).ranges, at_order(second, order).ranges
    edges = np.unique(np.concatenate([one.ravel(), two.ravel()]))
    low = edges[:-1]
    kept = rule(_holds(one, low), _holds(two, low))
    return normalize(order, np.stack([low[kept], edges[1:][kept]], axis=1))


def _holds(ranges: NDArray[np.int64], pixels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each pixel lies in one of the ranges."""
    return np.searchsorted(ranges.ravel(), pixels, side="right") % 2 == 1


def contains(coverage: Coverage, ra: NDArray[np.float64], dec: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each position (ICRS degrees) lies in the coverage.

    Examples
    --------
    >>> half = normalize(0, np.array([[0, 4]]))  # the northern pixels of order 0
    >>> contains(half, np.array([45.0, 45.0]), np.array([80.0, -80.0]))
    array([ True, False])
    """
    return _holds(coverage.ranges, pixels_nested(coverage.order, ra, dec))


def encode_moc(coverage: Coverage, *, simulated: bool = False) -> bytes:
    """FITS file of a coverage (MOC 2.0, section 4.2: ranges at order 29), in ICRS; a card says *simulated* if asked."""
    mark = {"SIMULATE": "simulated"} if simulated else {}
    return encode_fits_ranges(
        coverage.ranges << (2 * (HPX_ORDER - coverage.order)),
        {
            "MOCVERS": "2.0",
            "MOCDIM": "SPACE",
            "ORDERING": "RANGE",
            "COORDSYS": "C",
            "MOCORD_S": coverage.order,
            "MOCTOOL": "Archipelago",
            "TTYPE1": "RANGE",
            "TFORM1": "1K",
            **mark,
        },
    )
