"""Sky seen in a set of pointings: the union of circles around their axes, as a coverage."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from archive.healpix import pixel_centres, unit_vector
from hips.moc import Coverage, normalize

# Order of footprints: pixels of 13.7 arcmin.
ORDER = 8
_FIRST_ORDER = 3
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
