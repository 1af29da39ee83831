"""HEALPix indices and unit vectors: NESTED, ICRS, degrees.

Our own numpy version of "position to pixel": it needs no astropy at start-up (which costs a second) and the scalar
`ipix_nested` takes 2 microseconds where an array interface takes 240. Formulas: Gorski et al. 2005, ApJ 622, 759,
sections 4 and 5. A position exactly on the border of two pixels belongs to either.
"""

import math
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

IndexT = TypeVar("IndexT", int, IntArray)

HPX_ORDER = 29
"""Order of the `hpx` column of every table with a position: 0.4 milliarcsec."""

_BELT_Z = 2.0 / 3.0
# sqrt(3 (1 - |z|)) = sqrt(6) sin(colatitude / 2), written so that it keeps its digits at the pole
_CAP_WIDTH = math.sqrt(6.0)
_FACE_COLUMN = np.array([1, 3, 5, 7, 0, 2, 4, 6, 1, 3, 5, 7])


def hpx29(ra: ArrayLike, dec: ArrayLike) -> IntArray:
    """Return the NESTED index at order 29 of positions in ICRS degrees; shape of the input.

    Examples
    --------
    >>> (hpx29([83.633, 0.0], [22.0145, -90.0]) >> 58).tolist()
    [5, 8]
    """
    return pixels_nested(HPX_ORDER, ra, dec)


def pixels_nested(order: int, ra: ArrayLike, dec: ArrayLike) -> IntArray:
    """Return the NESTED indices at `order` (0 to 29) of positions in ICRS degrees; shape of the input.

    Examples
    --------
    >>> pixels_nested(0, [0.0, 90.0, 45.0], [0.0, 0.0, 80.0]).tolist()
    [4, 5, 0]
    """
    nside = 1 << order
    ra, dec = np.broadcast_arrays(np.asarray(ra, dtype=np.float64), np.asarray(dec, dtype=np.float64))
    z = np.sin(np.radians(dec))
    quarter = (ra % 360.0) / 90.0

    # equatorial belt
    ascending = np.floor(nside * (0.5 + quarter) - nside * z * 0.75).astype(np.int64)
    descending = np.floor(nside * (0.5 + quarter) + nside * z * 0.75).astype(np.int64)
    up, down = ascending >> order, descending >> order
    face = np.where(up == down, (up & 3) + 4, np.where(up < down, up & 3, (down & 3) + 8))
    x, y = descending & (nside - 1), nside - (ascending & (nside - 1)) - 1

    # polar caps
    sector = np.minimum(3, quarter.astype(np.int64))
    along = quarter - sector
    width = nside * _CAP_WIDTH * np.abs(np.sin(np.radians(90.0 - np.abs(dec)) / 2.0))
    rising = np.minimum(nside - 1, np.floor(along * width).astype(np.int64))
    falling = np.minimum(nside - 1, np.floor((1.0 - along) * width).astype(np.int64))
    polar, north = np.abs(z) > _BELT_Z, z >= 0
    face = np.where(polar, np.where(north, sector, sector + 8), face)
    x = np.where(polar, np.where(north, nside - falling - 1, rising), x)
    y = np.where(polar, np.where(north, nside - rising - 1, falling), y)
    return (face << (2 * order)) + _interleave(x) + (_interleave(y) << 1)


def pixel_centres(order: int, pixels: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return right ascension and declination (ICRS degrees) of the centres of NESTED pixels; shape of the input.

    Examples
    --------
    >>> ra, dec = pixel_centres(0, [4, 0])
    >>> ra.tolist(), dec.round(4).tolist()
    ([0.0, 45.0], [0.0, 41.8103])
    """
    nside = 1 << order
    number = np.asarray(pixels, dtype=np.int64)
    face = number >> (2 * order)
    x, y = _gather(number & (nside * nside - 1)), _gather((number & (nside * nside - 1)) >> 1)
    # Rings are counted from the north pole, as Gorski et al. do.
    ring = ((2 + face // 4) << order) - x - y - 1
    capped = np.minimum(ring, 4 * nside - ring)
    polar = capped < nside
    around = np.where(polar, capped, nside)
    shift = np.where(polar, 0, (ring - nside) & 1)
    column = (_FACE_COLUMN[face] * around + x - y + 1 + shift) / 2
    ra = np.mod((column - (shift + 1) / 2) * 90.0 / around, 360.0)
    colatitude = np.degrees(2 * np.arcsin(np.minimum(capped, nside) / (nside * _CAP_WIDTH)))
    belt = np.degrees(np.arcsin(np.clip((2 * nside - ring) * 2 / (3 * nside), -1, 1)))
    dec = np.where(polar, np.where(ring < nside, 90.0 - colatitude, colatitude - 90.0), belt)
    return ra, dec


def max_pixel_radius_deg(order: int) -> float:
    """Return the largest distance from the centre of a pixel to one of its corners (deg).

    It is that of the pixel at z = 2/3 (Gorski et al. 2005, section 5; corner at the top of the cap's ring nside - 1).
    """
    nside = 1 << order
    centre = _vector(2.0 / 3.0, math.pi / (4 * nside))
    corner = _vector(1.0 - (1.0 - 1.0 / nside) ** 2 / 3.0, 0.0)
    return math.degrees(2.0 * math.asin(math.dist(centre, corner) / 2.0))


def _vector(z: float, lon: float) -> tuple[float, float, float]:
    width = math.sqrt(1.0 - z * z)
    return width * math.cos(lon), width * math.sin(lon), z


def cone_ranges(ra: float, dec: float, radius_deg: float) -> list[tuple[int, int]]:
    """Return half-open ranges of `hpx29` that hold every position within a circle, and few outside it.

    Pixels that cannot reach the circle are dropped, those wholly within kept, the others split, down to pixels about
    an eighth as wide as the circle.

    Examples
    --------
    >>> ranges = cone_ranges(83.633, 22.0145, 1.0)
    >>> here = int(hpx29(83.633, 22.0145))
    >>> any(low <= here < high for low, high in ranges), len(ranges) < 100
    (True, True)
    """
    deepest = min(HPX_ORDER, max(1, math.ceil(math.log2(58.6 * 8.0 / max(2.0 * radius_deg, 1e-9)))))
    kept: list[tuple[int, int]] = []
    pixels = np.arange(12, dtype=np.int64)
    target = np.stack(unit_vector(ra, dec))
    for order in range(deepest + 1):
        centres = np.stack(unit_vector(*pixel_centres(order, pixels)))
        chord = np.sqrt(np.sum((centres - target[:, np.newaxis]) ** 2, axis=0))
        distance = np.degrees(2.0 * np.arcsin(np.minimum(1.0, chord / 2.0)))
        # a thousandth more than the pixel, for rounding
        reach = 1.001 * max_pixel_radius_deg(order) + 1e-9
        inside = distance + reach <= radius_deg
        touched = (distance <= radius_deg + reach) & ~inside
        shift = 2 * (HPX_ORDER - order)
        whole = pixels[inside] if order < deepest else pixels[inside | touched]
        kept += [(int(pixel) << shift, (int(pixel) + 1) << shift) for pixel in whole]
        pixels = (pixels[touched][:, np.newaxis] * 4 + np.arange(4)).ravel()
    return _join_ranges(kept)


def _join_ranges(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined


def unit_vector(ra: ArrayLike, dec: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return x, y, z of the unit vectors towards ICRS degrees; each of the shape of the input."""
    lon = np.radians(np.asarray(ra, dtype=np.float64))
    lat = np.radians(np.asarray(dec, dtype=np.float64))
    return np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)


def ipix_nested(order: int, ra: float, dec: float) -> int:
    """Return the NESTED index at `order` of one position in ICRS degrees.

    Examples
    --------
    >>> ipix_nested(0, 83.633, 22.0145)
    5
    """
    nside = 1 << order
    z = math.sin(math.radians(dec))
    quarter = (ra % 360.0) / 90.0
    if abs(z) <= _BELT_Z:
        rising = nside * (0.5 + quarter)
        height = nside * z * 0.75
        ascending = math.floor(rising - height)
        descending = math.floor(rising + height)
        up, down = ascending >> order, descending >> order
        face = (up & 3) + 4 if up == down else up & 3 if up < down else (down & 3) + 8
        x, y = descending & (nside - 1), nside - (ascending & (nside - 1)) - 1
    else:
        sector = min(3, int(quarter))
        along = quarter - sector
        colatitude = math.radians(90.0 - abs(dec))
        width = nside * _CAP_WIDTH * abs(math.sin(colatitude / 2.0))
        rising = min(nside - 1, math.floor(along * width))
        falling = min(nside - 1, math.floor((1.0 - along) * width))
        if z >= 0:
            face, x, y = sector, nside - falling - 1, nside - rising - 1
        else:
            face, x, y = sector + 8, rising, falling
    return (face << (2 * order)) + _interleave(x) + (_interleave(y) << 1)


def _interleave(value: IndexT) -> IndexT:
    """Spread the bits of 29-bit numbers to the even bits of the result."""
    value = (value | (value << 16)) & 0x0000FFFF0000FFFF
    value = (value | (value << 8)) & 0x00FF00FF00FF00FF
    value = (value | (value << 4)) & 0x0F0F0F0F0F0F0F0F
    value = (value | (value << 2)) & 0x3333333333333333
    return (value | (value << 1)) & 0x5555555555555555


def _gather(value: IntArray) -> IntArray:
    """Bring the even bits of numbers together: the inverse of `_interleave`."""
    value = value & 0x5555555555555555
    value = (value | (value >> 1)) & 0x3333333333333333
    value = (value | (value >> 2)) & 0x0F0F0F0F0F0F0F0F
    value = (value | (value >> 4)) & 0x00FF00FF00FF00FF
    value = (value | (value >> 8)) & 0x0000FFFF0000FFFF
    return (value | (value >> 16)) & 0x00000000FFFFFFFF
