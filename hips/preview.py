"""A small picture of a whole map: Mollweide projection in Galactic coordinates, the Galactic centre in the middle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archive.healpix import pixels_nested
from archive.pictures import mollweide_sky
from hips.tiles import Pixels, read_degraded

WIDTH = 640
_ORDER = 7


def read_preview(pixels: Pixels, width: int = WIDTH) -> NDArray[np.float32]:
    """Values of the whole sky on a Mollweide projection, longitude growing to the left.

    Returns
    -------
    (width / 2, width), float32
        First row at the top; NaN outside the ellipse of the sky and where nothing was observed.
    """
    order = min(_ORDER, pixels.order)
    values = read_degraded(pixels, 0, pixels.size, times=pixels.order - order)
    ra, dec, inside = mollweide_sky(width)
    picture = np.full(inside.shape, np.nan, dtype=np.float32)
    picture[inside] = values[pixels_nested(order, ra, dec)]
    return picture
