"""Coverage maps (MOC) that follow the observed pixels exactly, written without a library: start-up stays quick."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

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


def encode_moc(coverage: Coverage) -> bytes:
    """FITS file of a coverage (MOC 2.0, section 4.2: ranges at order 29), in ICRS."""
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
        },
    )
