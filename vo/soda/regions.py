"""Regions of the sky of a cut-out: which positions lie inside. ICRS degrees throughout."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archive.errors import UsageError
from archive.healpix import unit_vector

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Circle:
    """All within a distance of a centre."""

    ra: float
    dec: float
    radius_deg: float


@dataclass(frozen=True, slots=True)
class Range:
    """All between two right ascensions and two declinations."""

    ra1: float
    ra2: float
    dec1: float
    dec2: float


@dataclass(frozen=True, slots=True)
class Polygon:
    """All inside great-circle edges between vertices (ra, dec); smaller than a hemisphere."""

    vertices: tuple[tuple[float, float], ...]


Region = Circle | Range | Polygon


def contains(region: Region, ra: FloatArray, dec: FloatArray) -> NDArray[np.bool_]:
    """Say which positions lie in a region; NaN lies nowhere.

    Parameters
    ----------
    ra, dec
        ICRS degrees, any shape.

    Examples
    --------
    >>> square = Polygon(((359.0, -1.0), (1.0, -1.0), (1.0, 1.0), (359.0, 1.0)))
    >>> contains(square, np.array([0.0, 358.5, 180.0]), np.array([0.5, 0.0, 0.0]))
    array([ True, False, False])
    """
    match region:
        case Circle():
            return distance_deg(region.ra, region.dec, ra, dec) <= region.radius_deg
        case Range():
            return (ra >= region.ra1) & (ra <= region.ra2) & (dec >= region.dec1) & (dec <= region.dec2)
        case Polygon():
            return _inside(region, ra, dec)


def distance_deg(ra0: float, dec0: float, ra: FloatArray, dec: FloatArray) -> FloatArray:
    """Return the distance of positions from one position, degrees."""
    chord = np.linalg.norm(_vectors(ra, dec) - _vectors(np.float64(ra0), np.float64(dec0)), axis=-1)
    return 2.0 * np.degrees(np.arcsin(np.minimum(chord / 2.0, 1.0)))


def _vectors(ra: FloatArray | np.float64, dec: FloatArray | np.float64) -> FloatArray:
    return np.stack(unit_vector(ra, dec), axis=-1)


def _inside(region: Polygon, ra: FloatArray, dec: FloatArray) -> NDArray[np.bool_]:
    """Count how often the boundary winds around each position, by the directions in which it sees the vertices."""
    points = _vectors(ra, dec)
    vertices = _vectors(*np.array(region.vertices).T)
    centre = vertices.sum(axis=0)
    east = np.stack([-points[..., 1], points[..., 0], np.zeros_like(points[..., 0])], axis=-1)
    north = np.cross(points, east)
    seen = [np.arctan2(east @ vertex, north @ vertex) for vertex in (*vertices, vertices[0])]
    turns = [(b - a + math.pi) % (2.0 * math.pi) - math.pi for a, b in itertools.pairwise(seen)]
    return (np.abs(np.sum(turns, axis=0)) > math.pi) & (points @ centre > 0.0)


def anchors(region: Region) -> tuple[FloatArray, FloatArray]:
    """Return positions (ra, dec) that belong to a region however small it is."""
    match region:
        case Circle():
            places = [(region.ra, region.dec)]
        case Range():
            places = [(ra, dec) for ra in (region.ra1, region.ra2) for dec in (region.dec1, region.dec2)]
        case Polygon():
            places = list(region.vertices)
    ra, dec = np.array(places, dtype=np.float64).T
    return ra, dec


def surround(region: Region) -> Circle:
    """Return a circle around a region.

    Raises
    ------
    UsageError
        If the region is so large that its corners have no middle.
    """
    if isinstance(region, Circle):
        return region
    ra, dec = anchors(region)
    if isinstance(region, Range):  # its edges bulge: their middles belong to the outline
        steps = np.linspace(0.0, 1.0, 17)
        ra = np.concatenate([region.ra1 + steps * (region.ra2 - region.ra1)] * 2)
        dec = np.repeat([region.dec1, region.dec2], len(steps))
    middle = _vectors(ra, dec).mean(axis=0)
    if np.linalg.norm(middle) < 0.05:
        raise UsageError("the region has no middle, it goes around the sky; ask for a smaller one")
    centre_ra = math.degrees(math.atan2(middle[1], middle[0])) % 360.0
    centre_dec = math.degrees(math.atan2(middle[2], math.hypot(middle[0], middle[1])))
    return Circle(centre_ra, centre_dec, float(distance_deg(centre_ra, centre_dec, ra, dec).max()))
