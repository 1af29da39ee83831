"""HiPS tiles cut straight from a nested HEALPix array.

A tile of order K and number N at full resolution is one contiguous slice of the array; coarser tiles are the mean
of the valid pixels below, taken two by two in each direction as the HiPS hierarchy asks (HiPS 1.0, section 4.1).
No file, no database and no framework is known here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from archive.errors import NotFoundError, UsageError

FloatArray = NDArray[np.float32]

MAX_TILE_WIDTH = 512
MIN_TILE_WIDTH = 8
ALLSKY_ORDER = 3
# Order of the pixels of tiles of order 3 that are 8 pixels wide: maps below it are divided.
COARSEST_ORDER = 6
ALLSKY_THUMBNAIL = 64
# The pixel value which the HEALPix libraries write where nothing was seen.
UNSEEN = -1.6375e30
_CHUNK = 1 << 18


@dataclasses.dataclass(frozen=True)
class Pixels:
    """A nested all-sky map that can be read piece by piece.

    Attributes
    ----------
    order : int
        HEALPix order of the pixels; there are 12 * 4**order of them.
    read : callable
        ``read(start, stop)`` gives the float32 values of that range of nested pixel numbers, NaN where nothing was
        observed.
    """

    order: int
    read: Callable[[int, int], FloatArray]

    @property
    def size(self) -> int:
        """Number of pixels on the sky."""
        return 12 << (2 * self.order)


def pixels_from_array(values: NDArray[np.float32]) -> Pixels:
    """Read a map from an array, in memory or memory-mapped.

    Parameters
    ----------
    values : (12 * 4**order,), float32
        Nested, ICRS, NaN where nothing was observed.

    Raises
    ------
    UsageError
        If the array is no complete map, or is not float32.
    """
    order = _order_of_size(values.size) if values.ndim == 1 else None
    if order is None:
        raise UsageError(f"A sky map is one array of 12 * 4**order pixels; this one has the shape {values.shape}.")
    if values.dtype != np.float32:
        raise UsageError(f"A sky map holds float32 values; this one holds {values.dtype}.")
    plain = values.view(np.ndarray)  # slicing a numpy.memmap costs four times as much
    return Pixels(order, lambda start, stop: plain[start:stop])


def fine_enough(pixels: Pixels) -> Pixels:
    """Divide the pixels of a coarse map until its tiles reach order 3, below which sky viewers draw nothing.

    Every part of a pixel has the value of the whole, so nothing is interpolated.

    Examples
    --------
    >>> coarse = pixels_from_array(np.arange(12, dtype=np.float32))
    >>> fine_enough(coarse).order, fine_enough(coarse).read(4095, 4097).tolist()
    (6, [0.0, 1.0])
    """
    shift = 2 * (COARSEST_ORDER - pixels.order)
    if shift <= 0:
        return pixels

    def read(start: int, stop: int) -> FloatArray:
        values = np.repeat(pixels.read(start >> shift, ((stop - 1) >> shift) + 1), 1 << shift)
        first = start - (start >> shift << shift)
        return values[first : first + stop - start]

    return Pixels(pixels.order + shift // 2, read)


def significance(flux: Pixels, variance: Pixels) -> Pixels:
    """Flux over its one-sigma error, pixel by pixel; NaN where the variance is not positive."""
    if flux.order != variance.order:
        raise UsageError(f"The flux map has order {flux.order} and its variance map order {variance.order}.")

    def read(start: int, stop: int) -> FloatArray:
        spread = variance.read(start, stop)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = flux.read(start, stop) / np.sqrt(np.where(spread > 0, spread, np.nan))
        return ratio.astype(np.float32)

    return Pixels(flux.order, read)


def exposure(seconds: Pixels) -> Pixels:
    """Exposure where there is any; a delivery writes 0 where nothing was observed, a HiPS shows nothing there."""

    def read(start: int, stop: int) -> FloatArray:
        values = seconds.read(start, stop)
        return np.where(values > 0, values, np.float32(np.nan))

    return Pixels(seconds.order, read)


def sensitivity(variance: Pixels, *, n_sigma: float = 5.0) -> Pixels:
    """Flux of a source that stands `n_sigma` above the noise; NaN where the variance is not positive."""

    def read(start: int, stop: int) -> FloatArray:
        spread = variance.read(start, stop)
        with np.errstate(invalid="ignore"):
            return (n_sigma * np.sqrt(np.where(spread > 0, spread, np.nan))).astype(np.float32)

    return Pixels(variance.order, read)


@dataclasses.dataclass(frozen=True)
class Grid:
    """How a map of one HEALPix order is divided into tiles."""

    tile_order: int
    tile_width: int


def grid_of_order(order: int) -> Grid:
    """Tiles of a map: order 3 where possible, 8 to 512 pixels wide.

    Below order 3 there is no tile for a sky viewer to begin with: Aladin Lite 3.8.2 fetches them and draws nothing.

    Examples
    --------
    >>> grid_of_order(9)
    Grid(tile_order=3, tile_width=64)
    >>> grid_of_order(13)
    Grid(tile_order=4, tile_width=512)
    >>> grid_of_order(7)
    Grid(tile_order=3, tile_width=16)
    """
    wanted = 1 << max(order - ALLSKY_ORDER, 0)
    width = min(max(wanted, MIN_TILE_WIDTH), MAX_TILE_WIDTH, 1 << order)
    return Grid(order - (width.bit_length() - 1), width)


def read_tile(pixels: Pixels, order: int, ipix: int) -> FloatArray | None:
    """Values of one tile as a picture: first row at the top, as PNG wants it.

    Parameters
    ----------
    pixels : Pixels
        The map.
    order, ipix : int
        Order and nested number of the tile.

    Returns
    -------
    (width, width) float32 or None
        None where the tile holds no valid pixel: the HiPS has no such tile.

    Raises
    ------
    NotFoundError
        If the map has no tile of this order or number.

    Notes
    -----
    Column = odd bits and row = even bits of the nested number inside the tile (HiPS 1.0, section 4.2.1).
    """
    grid = grid_of_order(pixels.order)
    check_tile(grid, order, ipix)
    span = 1 << (2 * (pixels.order - order))
    values = read_degraded(pixels, ipix * span, (ipix + 1) * span, times=grid.tile_order - order)
    if not np.isfinite(values).any():
        return None
    return values[tile_positions(grid.tile_width)]


def check_tile(grid: Grid, order: int, ipix: int) -> None:
    """Refuse a tile that this map cannot have."""
    if not 0 <= order <= grid.tile_order:
        raise NotFoundError(f"There is no tile of order {order}: this HiPS has orders 0 to {grid.tile_order}.")
    if not 0 <= ipix < 12 << (2 * order):
        last = (12 << (2 * order)) - 1
        raise NotFoundError(f"There is no tile {ipix} of order {order}: tiles of this order are numbered 0 to {last}.")


def read_degraded(pixels: Pixels, start: int, stop: int, *, times: int) -> FloatArray:
    """Read a range of the map `times` orders coarser than it is, a bounded piece at a time."""
    if times == 0:
        return pixels.read(start, stop)
    step = max(_CHUNK, 1 << (2 * times))
    pieces = [_degrade_seen(pixels.read(low, min(low + step, stop)), times) for low in range(start, stop, step)]
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _degrade_seen(values: FloatArray, times: int) -> FloatArray:
    """Degrade, or give NaN at once where nothing was observed: most of the sky, in the map of one field."""
    if np.isfinite(values).any():
        return degrade(values, times=times)
    return np.full(values.size >> (2 * times), np.nan, dtype=np.float32)


def degrade(values: FloatArray, *, times: int) -> FloatArray:
    """Mean of the valid pixels among each four, `times` times over.

    Parameters
    ----------
    values : (4**times * n,), float32
        Nested order, NaN where not valid.

    Returns
    -------
    (n,), float32
        NaN where none of the pixels was valid.

    Examples
    --------
    >>> degrade(np.array([1, 2, 3, np.nan, np.nan, np.nan, np.nan, np.nan], dtype=np.float32), times=1)
    array([ 2., nan], dtype=float32)
    """
    for _ in range(times):
        quads = values.reshape(-1, 4)
        total = quads[:, 0].astype(np.float64)
        for child in (1, 2, 3):
            total += quads[:, child]
        result = (total * 0.25).astype(np.float32)
        (partial,) = np.nonzero(~np.isfinite(result))
        if partial.size:
            result[partial] = _mean_of_valid(quads[partial])
        values = result
    return values


def _mean_of_valid(quads: FloatArray) -> FloatArray:
    count, total = np.zeros(len(quads), np.float64), np.zeros(len(quads), np.float64)
    for child in range(4):  # four columns: many times quicker than a sum over an axis of four
        values = quads[:, child]
        valid = np.isfinite(values)
        count += valid
        total += np.where(valid, values, 0.0)
    with np.errstate(invalid="ignore"):
        return (total / count).astype(np.float32)


@lru_cache(maxsize=16)
def tile_positions(width: int) -> NDArray[np.intp]:
    """Nested number, inside its tile, of each pixel of the picture of a tile.

    Returns
    -------
    (width, width) int
        ``positions[row, column]``, first row at the top.

    Examples
    --------
    >>> tile_positions(2)
    array([[0, 2],
           [1, 3]])
    """
    number = np.arange(width, dtype=np.intp)
    spread = np.zeros(width, dtype=np.intp)
    for bit in range(width.bit_length()):
        spread |= ((number >> bit) & 1) << (2 * bit)
    positions = spread[:, None] | (spread[None, :] << 1)
    positions.setflags(write=False)
    return positions


def read_allsky(pixels: Pixels, order: int) -> FloatArray:
    """Thumbnails of all the tiles of one order in one picture (HiPS 1.0, section 4.3.2).

    Returns
    -------
    (rows * w, columns * w), float32
        With w <= 64 pixels a tile; 27 columns at order 3. First row at the top.

    Raises
    ------
    NotFoundError
        If the order is above 3 or the map has no tiles of it.
    """
    grid = grid_of_order(pixels.order)
    if not 0 <= order <= min(ALLSKY_ORDER, grid.tile_order):
        highest = min(ALLSKY_ORDER, grid.tile_order)
        raise NotFoundError(f"There is no Allsky picture of order {order}: orders 0 to {highest} have one.")
    width = min(ALLSKY_THUMBNAIL, grid.tile_width)
    times = pixels.order - order - (width.bit_length() - 1)
    count = 12 << (2 * order)
    tiles = read_degraded(pixels, 0, pixels.size, times=times).reshape(count, width * width)
    columns = int(count**0.5)
    rows = -(-count // columns)
    picture = np.full((rows * columns, width, width), np.nan, dtype=np.float32)
    picture[:count] = tiles[:, tile_positions(width)]
    return picture.reshape(rows, columns, width, width).swapaxes(1, 2).reshape(rows * width, columns * width)


def _order_of_size(size: int) -> int | None:
    quotient, rest = divmod(size, 12)
    if rest or quotient == 0 or quotient & (quotient - 1):
        return None
    bits = quotient.bit_length() - 1
    return None if bits % 2 else bits // 2
