"""Polygons on the sky, their edges great circles: read from text, test of places. Pure."""

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archive.errors import UsageError

FloatArray = NDArray[np.float64]
MOST_VERTICES = 100
MOST_RADIUS_DEG = 80.0
"""Around the mean of the vertices; wider polygons have no clear inside."""


@dataclass(frozen=True, slots=True)
class Polygon:
    """Vertices (n, 2) in ICRS degrees and the circle around them."""

    vertices: FloatArray
    ra: float
    dec: float
    radius_deg: float

    @property
    def adql(self) -> str:
        """The polygon as ADQL writes it."""
        return f"POLYGON({', '.join(f'{value:.6f}' for value in self.vertices.ravel())})"


def read_polygon(text: str) -> Polygon:
    """Read vertices as ``ra dec, ra dec, ...`` in ICRS degrees; commas, semicolons and blanks all separate.

    Raises
    ------
    UsageError
        If these are not 3 to 100 positions, or they lie more than 80 degrees around their mean.

    Examples
    --------
    >>> found = read_polygon("10 -1, 12 -1, 11 1")
    >>> found.adql, round(found.ra, 2)
    ('POLYGON(10.000000, -1.000000, 12.000000, -1.000000, 11.000000, 1.000000)', 11.0)
    """
    words = [word for word in re.split(r"[\s,;]+", text.strip()) if word]
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    if len(values) % 2 or not 3 <= len(values) // 2 <= MOST_VERTICES or not all(map(math.isfinite, values)):
        raise UsageError(
            f"polygon is {text[:60]!r}; expected 3 to {MOST_VERTICES} positions, ra dec, ra dec, ..., ICRS degrees."
        )
    vertices = np.array(values).reshape(-1, 2)
    if not ((vertices[:, 0] >= 0) & (vertices[:, 0] <= 360) & (np.abs(vertices[:, 1]) <= 90)).all():
        raise UsageError("polygon has a vertex that is not on the sky: ra is 0 to 360, dec -90 to 90 degrees.")
    vectors = _vectors(vertices[:, 0], vertices[:, 1])
    middle = vectors.mean(axis=0)
    length = float(np.linalg.norm(middle))
    radius = 180.0 if length < 1e-6 else float(np.degrees(np.arccos(np.clip(vectors @ (middle / length), -1, 1)).max()))
    if radius > MOST_RADIUS_DEG:
        raise UsageError(
            f"polygon reaches {radius:.0f} degrees from its middle; at most {MOST_RADIUS_DEG:g} are searched."
        )
    x, y, z = middle / length
    return Polygon(vertices, math.degrees(math.atan2(y, x)) % 360.0, math.degrees(math.asin(z)), radius + 1e-6)


def inside(polygon: Polygon, ra: FloatArray, dec: FloatArray) -> NDArray[np.bool_]:
    """Say which places (ICRS degrees, shape (n,)) lie inside, crossings counted in the gnomonic plane of the middle.

    Great circles are straight lines in this projection (Calabretta & Greisen 2002, A&A 395, 1077, section 5.1.3).
    """
    if not len(ra):
        return np.zeros(0, dtype=bool)
    x, y, front = _plane(polygon, ra, dec)
    u, v, _ = _plane(polygon, polygon.vertices[:, 0], polygon.vertices[:, 1])
    odd = np.zeros(len(ra), dtype=bool)
    for u1, v1, u2, v2 in zip(u, v, np.roll(u, -1), np.roll(v, -1), strict=True):
        crosses = (v1 > y) != (v2 > y)
        if v1 != v2:
            odd ^= crosses & (x < u1 + (y - v1) * (u2 - u1) / (v2 - v1))
    return odd & front


def _vectors(ra: FloatArray, dec: FloatArray) -> FloatArray:
    lon, lat = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def _plane(polygon: Polygon, ra: FloatArray, dec: FloatArray) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    lon, lat = math.radians(polygon.ra), math.radians(polygon.dec)
    east = np.array([-math.sin(lon), math.cos(lon), 0.0])
    north = np.array([-math.sin(lat) * math.cos(lon), -math.sin(lat) * math.sin(lon), math.cos(lat)])
    centre = np.array([math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)])
    vectors = _vectors(np.asarray(ra, dtype=np.float64), np.asarray(dec, dtype=np.float64))
    depth = vectors @ centre
    front = depth > 1e-6
    safe = np.where(front, depth, 1.0)
    return vectors @ east / safe, vectors @ north / safe, front
