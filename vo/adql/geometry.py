"""Spherical geometry of constant shapes: HEALPix covers for the index, half-spaces for the exact test.

A circle is the set of positions whose chord to the centre is at most 2 sin(r/2). A polygon, whose edges are arcs of
great circles (ADQL 2.1 section 4.2.12), is a union of convex pieces; a convex piece is where `normal . position >= 0`
for the normal of every edge. No pole or meridian is special in either. All angles are ICRS degrees.
"""

import math
from dataclasses import dataclass

import numpy as np
from astropy import units
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import cone_search, polygon_search
from numpy.typing import NDArray

from archive.healpix import pixel_centres, unit_vector

Vector = tuple[float, float, float]
Vertices = tuple[tuple[float, float], ...]

# Rotation from Galactic to ICRS: the pole and the node of IAU 1958 as fixed in Hipparcos, ESA SP-1200, section 1.5.3.
_POLE_RA, _POLE_DEC, _NODE = 192.85948, 27.12825, 32.93192
_CELL_SIDE = 58.6
MOST_PLAIN_EDGES = 16
"""A polygon of more edges, those of its pieces counted, is tested exactly only where a cell is not wholly inside."""
_MIN_GNOMONIC = 0.01
"""Smallest cosine of a vertex's distance to the polygon's middle: no polygon as large as a hemisphere."""


class ShapeError(ValueError):
    """The shape is degenerate, self-crossing or too large; the text says which."""


@dataclass(frozen=True, slots=True)
class Cover:
    """Ranges of NESTED cells at order 29, half-open: those known to be wholly inside the shape, and the others."""

    full: tuple[tuple[int, int], ...]
    partial: tuple[tuple[int, int], ...]


def vector(lon: float, lat: float) -> Vector:
    """Unit vector towards a position in degrees."""
    a, d = math.radians(lon), math.radians(lat)
    return math.cos(d) * math.cos(a), math.cos(d) * math.sin(a), math.sin(d)


def lonlat(v: Vector) -> tuple[float, float]:
    """Position in degrees, longitude in [0, 360), of a vector of any length."""
    x, y, z = v
    return math.degrees(math.atan2(y, x)) % 360.0, math.degrees(math.atan2(z, math.hypot(x, y)))


def dot(a: Vector, b: Vector) -> float:
    """Scalar product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: Vector, b: Vector) -> Vector:
    """Vector product."""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def _unit(v: Vector) -> Vector:
    length = math.sqrt(dot(v, v))
    if length < 1e-15:
        msg = "its vertices are opposite each other or all at one place"
        raise ShapeError(msg)
    return v[0] / length, v[1] / length, v[2] / length


def icrs_from_galactic(lon: float, lat: float) -> tuple[float, float]:
    """Rotate Galactic degrees to ICRS degrees.

    Examples
    --------
    >>> tuple(round(x, 4) for x in icrs_from_galactic(0.0, 0.0))
    (266.405, -28.9362)
    """
    longitude, b = math.radians(lon - _NODE), math.radians(lat)
    sin_pole, cos_pole = math.sin(math.radians(_POLE_DEC)), math.cos(math.radians(_POLE_DEC))
    sin_dec = math.sin(b) * sin_pole + math.cos(b) * cos_pole * math.sin(longitude)
    y = math.cos(b) * math.cos(longitude)
    x = math.sin(b) * cos_pole - math.cos(b) * sin_pole * math.sin(longitude)
    return (_POLE_RA + math.degrees(math.atan2(y, x))) % 360.0, math.degrees(math.asin(max(-1.0, min(1.0, sin_dec))))


def separation(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Angle in degrees between two positions; exact for near and opposite ones."""
    u, v = vector(*a), vector(*b)
    c = cross(u, v)
    return math.degrees(math.atan2(math.sqrt(dot(c, c)), dot(u, v)))


def box_vertices(lon: float, lat: float, width: float, height: float) -> Vertices:
    """Corners of a BOX: great circles that meet the ends of its arms at right angles (ADQL 2.1 section 4.2.2).

    Raises
    ------
    ShapeError
        If a side is not between 0 and 180 degrees.
    """
    if not (0 < width < 180 and 0 < height < 180):
        msg = "the sides of a BOX must be above 0 and below 180 degrees"
        raise ShapeError(msg)
    c = vector(lon, lat)
    a, d = math.radians(lon), math.radians(lat)
    east = (-math.sin(a), math.cos(a), 0.0)
    north = (-math.sin(d) * math.cos(a), -math.sin(d) * math.sin(a), math.cos(d))
    # In the gnomonic plane around the centre the four sides are straight, at the tangents of the half sizes.
    tx, ty = math.tan(math.radians(width / 2)), math.tan(math.radians(height / 2))
    corners = ((-tx, -ty), (tx, -ty), (tx, ty), (-tx, ty))
    return tuple(lonlat(tuple(c[i] + x * east[i] + y * north[i] for i in range(3))) for x, y in corners)  # pyright: ignore[reportArgumentType]


def convex_pieces(vertices: Vertices) -> tuple[tuple[Vector, ...], ...]:
    """Divide a polygon into convex pieces and return the inward normals of each piece's edges.

    A convex polygon is one piece; any other is cut into triangles by clipping ears (Meisters 1975, Amer. Math. Monthly
    82, 648). The order of the vertices does not matter: the inside is the smaller side.

    Raises
    ------
    ShapeError
        If the polygon has no area, crosses itself, or does not fit well inside a hemisphere.
    """
    points = [vector(lon, lat) for lon, lat in vertices]
    points = [p for i, p in enumerate(points) if math.dist(p, points[i - 1]) > 1e-12]
    if len(points) < 3:
        msg = "it has fewer than three different vertices"
        raise ShapeError(msg)
    plane = _project(points)
    if _crosses_itself(plane):
        msg = "its edges cross each other"
        raise ShapeError(msg)
    area = sum(a[0] * b[1] - a[1] * b[0] for a, b in zip(plane, plane[1:] + plane[:1], strict=True))
    if area < 0:
        points.reverse()
        plane.reverse()
    elif area == 0:
        msg = "its vertices lie on one line"
        raise ShapeError(msg)
    turns = [_turn(plane[i - 2], plane[i - 1], plane[i]) for i in range(len(plane))]
    if all(turn >= 0 for turn in turns):
        return (_normals(points),)
    return tuple(_normals([points[i] for i in triangle]) for triangle in _clip_ears(plane))


def _normals(points: list[Vector]) -> tuple[Vector, ...]:
    return tuple(_unit(cross(a, b)) for a, b in zip(points, points[1:] + points[:1], strict=True))


def _project(points: list[Vector]) -> list[tuple[float, float]]:
    """Gnomonic projection around the middle of the vertices: great circles become straight lines."""
    middle = _unit((sum(p[0] for p in points), sum(p[1] for p in points), sum(p[2] for p in points)))
    axis = (0.0, 0.0, 1.0) if abs(middle[2]) < 0.9 else (1.0, 0.0, 0.0)
    east = _unit(cross(axis, middle))
    north = cross(middle, east)
    if min(dot(p, middle) for p in points) < _MIN_GNOMONIC:
        msg = "it does not fit inside a hemisphere around the middle of its vertices"
        raise ShapeError(msg)
    return [(dot(p, east) / dot(p, middle), dot(p, north) / dot(p, middle)) for p in points]


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    """Twice the signed area of a triangle; positive if a, b, c turn left."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _crosses_itself(plane: list[tuple[float, float]]) -> bool:
    start = np.array(plane)
    end = np.roll(start, -1, axis=0)

    def turn(p: NDArray[np.float64], q: NDArray[np.float64], r: NDArray[np.float64]) -> NDArray[np.float64]:
        return (q[..., 0] - p[..., 0]) * (r[..., 1] - p[..., 1]) - (q[..., 1] - p[..., 1]) * (r[..., 0] - p[..., 0])

    a, b, c, d = start[:, None], end[:, None], start[None], end[None]
    proper = (turn(a, b, c) * turn(a, b, d) < 0) & (turn(c, d, a) * turn(c, d, b) < 0)
    return bool(proper.any())


def _clip_ears(plane: list[tuple[float, float]]) -> list[tuple[int, int, int]]:
    remaining = list(range(len(plane)))
    triangles: list[tuple[int, int, int]] = []
    while len(remaining) > 3:
        for place in range(len(remaining)):
            i, j, k = remaining[place - 1], remaining[place], remaining[(place + 1) % len(remaining)]
            if _turn(plane[i], plane[j], plane[k]) <= 0:
                if _turn(plane[i], plane[j], plane[k]) == 0:
                    del remaining[place]
                    break
                continue
            others = (m for m in remaining if m not in {i, j, k})
            if not any(_in_triangle(plane[m], plane[i], plane[j], plane[k]) for m in others):
                triangles.append((i, j, k))
                del remaining[place]
                break
        else:
            msg = "it cannot be divided into triangles: its edges touch or cross each other"
            raise ShapeError(msg)
    triangles.append((remaining[0], remaining[1], remaining[2]))
    return [t for t in triangles if _turn(plane[t[0]], plane[t[1]], plane[t[2]]) > 0]


def _in_triangle(
    p: tuple[float, float], a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]
) -> bool:
    return _turn(a, b, p) >= 0 and _turn(b, c, p) >= 0 and _turn(c, a, p) >= 0


def polygon_area(vertices: Vertices) -> float:
    """Area in square degrees: the spherical excess of the pieces' angles."""
    total = 0.0
    for normals in convex_pieces(vertices):
        angles = (math.pi - math.acos(max(-1.0, min(1.0, dot(n, normals[i - 1])))) for i, n in enumerate(normals))
        total += sum(angles) - (len(normals) - 2) * math.pi
    return math.degrees(math.degrees(total))


def polygon_centroid(vertices: Vertices) -> tuple[float, float]:
    """Position of the centre of mass of a polygon, pushed out to the sphere.

    For one piece, half the sum over edges of (arc length x unit normal) is the moment of the area (Brock 1975, The
    inertia tensor for a spherical triangle, J. Appl. Mech. 42, 239).
    """
    moment = [0.0, 0.0, 0.0]
    for normals in convex_pieces(vertices):
        corners = [_unit(cross(normals[i - 1], n)) for i, n in enumerate(normals)]
        for i, normal in enumerate(normals):
            arc = math.acos(max(-1.0, min(1.0, dot(corners[i], corners[(i + 1) % len(corners)]))))
            for axis in range(3):
                moment[axis] += arc * normal[axis] / 2
    return lonlat((moment[0], moment[1], moment[2]))


def ball(vertices: Vertices) -> tuple[Vector, float]:
    """Return the middle of the vertices and the greatest angle in degrees to one of them."""
    middle = _unit(tuple(sum(axis) for axis in zip(*(vector(*v) for v in vertices), strict=True)))  # pyright: ignore[reportArgumentType]
    return middle, max(separation(lonlat(middle), v) for v in vertices)


def circle_cover(lon: float, lat: float, radius: float) -> Cover:
    """Cells that cover a circle of more than 0 and less than 180 degrees; none counts as wholly inside.

    One to three levels deeper than the circle's size, about 20 ranges: the exact test costs a row less than a test of
    the ranges (measured: docs/decisions/0012).
    """
    deeper = 1 if radius < 0.5 else 2 if radius < 3 else 3
    depth = min(29, max(0, math.floor(math.log2(_CELL_SIDE / max(radius, 1e-6))) + deeper))
    # cdshealpix panics below about 5e-7 deg; a cover may be too large, the exact test follows.
    wide = max(radius, 1e-6) * units.deg
    ipix, depths, _ = cone_search(Longitude(lon % 360.0, units.deg), Latitude(lat, units.deg), wide, depth)
    return Cover((), _ranges(ipix, depths))


def polygon_cover(vertices: Vertices) -> Cover:
    """Cells that cover a polygon, three levels deeper than its size.

    Cells wholly inside are told apart where the exact test is long. What the library calls fully covered is checked:
    cdshealpix 0.9 calls the whole base cell 4 covered by a circle of 20 to 45 degrees around (0, 0).
    """
    radius = max(1e-6, ball(vertices)[1])
    depth = min(29, max(0, math.floor(math.log2(_CELL_SIDE / radius)) + 3))
    lon = Longitude([v[0] % 360.0 for v in vertices], units.deg)
    lat = Latitude([v[1] for v in vertices], units.deg)
    pieces = [np.array(piece) for piece in convex_pieces(vertices)]
    if sum(map(len, pieces)) <= MOST_PLAIN_EDGES:
        ipix, depths, _ = polygon_search(lon, lat, depth)
        return Cover((), _ranges(ipix, depths))
    ipix, depths, full = polygon_search(lon, lat, depth, flat=True)
    inside = full.astype(bool)
    centres = np.stack(unit_vector(*pixel_centres(depth, ipix[inside].astype(np.int64))), axis=-1)
    margin = math.sin(_largest_cell_radius(depth))
    inside[inside] = np.any([np.all(centres @ piece.T >= margin, axis=1) for piece in pieces], axis=0)
    return Cover(_ranges(ipix[inside], depths[inside]), _ranges(ipix[~inside], depths[~inside]))


def _largest_cell_radius(level: int) -> float:
    """Return no less than the greatest angle in radians from a cell's centre to its corners at this order.

    That is met at the corner of a polar cap, from (2/3, pi/4) to the next ring (as HEALPix's max_pixrad has it).
    """
    nside = 1 << level
    z = 1 - (1 - 1 / nside) ** 2 / 3
    angle = math.pi / (4 * nside)
    side = math.sqrt(1 - 4 / 9)
    return math.acos(min(1.0, side * math.cos(angle) * math.sqrt(1 - z * z) + 2 / 3 * z)) * 1.0001


def _ranges(ipix: NDArray[np.uint64], depth: NDArray[np.uint8]) -> tuple[tuple[int, int], ...]:
    shift = 2 * (29 - depth.astype(np.int64))
    return _merge(ipix.astype(np.int64) << shift, (ipix.astype(np.int64) + 1) << shift)


def _merge(low: NDArray[np.int64], high: NDArray[np.int64]) -> tuple[tuple[int, int], ...]:
    order = np.argsort(low)
    merged: list[tuple[int, int]] = []
    for start, stop in zip(low[order].tolist(), high[order].tolist(), strict=True):
        if merged and merged[-1][1] == start:
            merged[-1] = (merged[-1][0], stop)
        else:
            merged.append((start, stop))
    return tuple(merged)
