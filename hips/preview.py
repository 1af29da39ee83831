"""A small picture of a whole map: Mollweide projection in Galactic coordinates, the Galactic centre in the middle."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from archive.healpix import HPX_ORDER, hpx29
from hips.tiles import Pixels, read_degraded

WIDTH = 640
_ORDER = 7
# ESA 1997, The Hipparcos and Tycho Catalogues (SP-1200), volume 1, equation 1.5.11.
GALACTIC_TO_ICRS = np.array([
    [-0.0548755604, 0.4941094279, -0.8676661490],
    [-0.8734370902, -0.4448296300, -0.1980763734],
    [-0.4838350155, 0.7469822445, 0.4559837762],
])  # fmt: skip


def read_preview(pixels: Pixels, width: int = WIDTH) -> NDArray[np.float32]:
    """Values of the whole sky on a Mollweide projection, longitude growing to the left.

    Returns
    -------
    (width / 2, width), float32
        First row at the top; NaN outside the ellipse of the sky and where nothing was observed.
    """
    order = min(_ORDER, pixels.order)
    values = read_degraded(pixels, 0, pixels.size, times=pixels.order - order)
    positions = _positions(width)
    picture = np.full(positions.shape, np.nan, dtype=np.float32)
    inside = positions >= 0
    picture[inside] = values[positions[inside] >> (2 * (HPX_ORDER - order))]
    return picture


@lru_cache(maxsize=4)
def _positions(width: int) -> NDArray[np.int64]:
    """Nested number at order 29 of each pixel of the picture; -1 outside the sky.

    Notes
    -----
    Inverse Mollweide: Snyder 1987, USGS Professional Paper 1395, equations 31-5 to 31-7, with R = 1 / sqrt(2), so that
    the sky is 4 wide and 2 high.
    """
    x = (np.arange(width) + 0.5) * 4 / width - 2
    y = 1 - (np.arange(width // 2) + 0.5) * 4 / width
    right, up = np.meshgrid(x, y)
    inside = (right / 2) ** 2 + up**2 < 1
    theta = np.arcsin(up[inside])
    latitude = np.arcsin((2 * theta + np.sin(2 * theta)) / math.pi)
    longitude = -math.pi * right[inside] / (2 * np.cos(theta))
    galactic = np.stack([np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)])
    east, north, pole = GALACTIC_TO_ICRS @ galactic
    positions = np.full(right.shape, -1, dtype=np.int64)
    positions[inside] = hpx29(np.degrees(np.arctan2(north, east)) % 360, np.degrees(np.arcsin(np.clip(pole, -1, 1))))
    positions.setflags(write=False)
    return positions
