"""Sky seen in a set of pointings: the union of circles or squares around their axes, as a coverage."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from archive.healpix import pixel_centres, unit_vector
from hips.moc import Coverage, normalize, union

# Order of footprints: pixels of 13.7 arcmin.
ORDER = 8
_FIRST_ORDER = 3
_POINTINGS = 4096
# No point of a HEALPix pixel is further from its centre than this over nside, radians (0.84 at nside 1, 0.96 at fine).
_REACH = 1.05


def cover_circles(ra: NDArray[np.float64], dec: NDArray[np.float64], radius_deg: float, order: int = ORDER) -> Coverage:
    """Pixels whose centre lies within `radius_deg` of any of the positions.

    Parameters
    ----------
    ra, dec : (n,)
        ICRS degrees.
    radius_deg : float
        Above 0, at most 90.

    Notes
    -----
    Begins with large pixels and divides only those that a border may cross, so its cost follows the border.
    """
    if ra.size == 0:
        return Coverage(order, np.empty((0, 2), np.int64))
    tree = KDTree(np.stack(unit_vector(ra, dec), axis=1))
    level = min(_FIRST_ORDER, order)
    pixels = np.arange(12 << (2 * level), dtype=np.int64)
    ranges: list[NDArray[np.int64]] = []
    while True:
        chord, _ = tree.query(np.stack(unit_vector(*pixel_centres(level, pixels)), axis=1))
        distance = 2 * np.arcsin(np.minimum(chord / 2, 1))
        last = level == order
        margin = 0.0 if last else _REACH / (1 << level)
        inside = pixels[distance <= np.radians(radius_deg) - margin]
        ranges.append(np.stack([inside, inside + 1], axis=1) << (2 * (order - level)))
        if last:
            return normalize(order, np.concatenate(ranges))
        unsure = pixels[np.abs(distance - np.radians(radius_deg)) < margin]
        pixels = (unsure[:, None] * 4 + np.arange(4)).ravel()
        level += 1


def cover_squares(
    axis: NDArray[np.float64], upright: NDArray[np.float64], half_width_deg: float, order: int = ORDER
) -> Coverage:
    """Pixels whose centre lies within any of the square fields.

    Parameters
    ----------
    axis, upright : (n, 3)
        Unit vectors of the middle of each field, and of the direction to which two of its edges run (at right angles).
    half_width_deg : float
        From the middle to an edge, below 45.

    Notes
    -----
    A square is what lies on the inner side of four great circles, so the distance of a pixel from its border is exact.
    Large pixels come first, as in `cover_circles`, and what one pointing covers whole is not looked at for another.
    """
    if len(axis) == 0:
        return Coverage(order, np.empty((0, 2), np.int64))
    half = np.radians(half_width_deg)
    across = np.cross(upright, axis)
    sides = [sign * vector for vector in (across, upright) for sign in (1, -1)]
    normals = np.stack([np.sin(half) * axis + np.cos(half) * side for side in sides], axis=1)
    found = Coverage(order, np.empty((0, 2), np.int64))
    for start in range(0, len(axis), _POINTINGS):
        part = slice(start, start + _POINTINGS)
        found = union(found, _cover_sides(axis[part], normals[part], half, order))
    return found


def _cover_sides(axis: NDArray[np.float64], normals: NDArray[np.float64], half: float, order: int) -> Coverage:
    level = min(_FIRST_ORDER, order)
    pixels = np.arange(12 << (2 * level), dtype=np.int64)
    reach = np.arccos(min(1.0, 1 / np.sqrt(1 + 2 * np.tan(half) ** 2))) + _REACH / (1 << level)
    near = KDTree(axis).query_ball_point(_vectors(level, pixels), 2 * np.sin(min(np.pi, reach) / 2))
    which = np.repeat(np.arange(pixels.size), [len(members) for members in near])
    pointing = np.concatenate([np.array(members, dtype=np.int64) for members in near])
    pixel = pixels[which]
    ranges: list[NDArray[np.int64]] = []
    while True:
        depth = np.einsum("ij,ikj->ik", _vectors(level, pixel), normals[pointing]).min(axis=1)
        last = level == order
        margin = 0.0 if last else np.sin(_REACH / (1 << level))
        inside = np.unique(pixel[depth >= margin])
        ranges.append(np.stack([inside, inside + 1], axis=1) << (2 * (order - level)))
        if last:
            return normalize(order, np.concatenate(ranges))
        unsure = (np.abs(depth) < margin) & ~np.isin(pixel, inside)
        pixel = (pixel[unsure, None] * 4 + np.arange(4)).ravel()
        pointing = np.repeat(pointing[unsure], 4)
        level += 1


def _vectors(order: int, pixels: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.stack(unit_vector(*pixel_centres(order, pixels)), axis=1)
