"""Finds joins of an uploaded table with a published one by position, and covers the circles around its rows.

Such a join runs through the index of the published table: every row of the upload has a few ranges of HEALPix cells
that hold the circle around it, and the exact test decides about the rows in them.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import lonlat_to_healpix, neighbours
from numpy.typing import NDArray

from vo.adql.postgres_regions import is_position
from vo.adql.regions import constant_number
from vo.adql.resolved import (
    BaseTable,
    CircleValue,
    ColumnUse,
    FromItem,
    JoinedTables,
    Operation,
    PointValue,
    Typed,
)

LARGEST_RADIUS_DEG = 5.0
"""Beyond it, the circles hold so much of the table that its index does not help."""

_SIDE_DEG = 58.6
_NARROWEST = 0.5
"""A cell is at least half as wide between opposite edges as a square of its area."""

_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}


@dataclass(frozen=True, slots=True)
class PositionCover:
    """What a join needs: circles of `radius_deg` around the positions of an upload's rows.

    `alias` is the upload's in the query, `table` its name in the database, `lon` and `lat` its columns there.
    """

    alias: str
    table: tuple[str, ...]
    lon: str
    lat: str
    radius_deg: float


def find_position_join(condition: Typed | None, tables: Sequence[FromItem]) -> tuple[BaseTable, PositionCover] | None:
    """Return the one of `tables` that `condition` joins to an upload by position, and the cover that this needs.

    The table is a direct member of `tables`; the upload is anywhere in another member.
    """
    if condition is None or len(tables) < 2:
        return None
    for test in _conjuncts(condition):
        pair = _circle_test(test)
        if pair is None:
            continue
        one, two, radius = pair
        for position, other in ((one, two), (two, one)):
            found = _match(position, other, radius, tables)
            if found is not None:
                return found
    return None


def _match(
    position: PointValue, other: PointValue, radius: float, tables: Sequence[FromItem]
) -> tuple[BaseTable, PositionCover] | None:
    lon, lat = other.lon, other.lat
    if not is_position(position) or not (isinstance(lon, ColumnUse) and isinstance(lat, ColumnUse)):
        return None
    alias = position.lon.source if isinstance(position.lon, ColumnUse) else ""
    table = next((t for t in tables if isinstance(t, BaseTable) and t.alias == alias and not t.uploaded), None)
    uploads = {t.alias: t for member in tables if member is not table for t in _uploads(member)}
    upload = uploads.get(lon.source)
    if table is None or upload is None or lon.source != lat.source:
        return None
    return table, PositionCover(upload.alias, upload.name, lon.column, lat.column, radius)


def _uploads(item: FromItem) -> Iterator[BaseTable]:
    if isinstance(item, BaseTable) and item.uploaded:
        yield item
    elif isinstance(item, JoinedTables):
        yield from _uploads(item.left)
        yield from _uploads(item.right)


def _conjuncts(condition: Typed) -> Iterator[Typed]:
    if isinstance(condition, Operation) and condition.name == "AND":
        for argument in condition.arguments:
            yield from _conjuncts(argument)
    else:
        yield condition


def _circle_test(test: Typed) -> tuple[PointValue, PointValue, float] | None:
    """Return two points and the most degrees between them, if that is what the condition asks."""
    if not isinstance(test, Operation) or test.name not in _MIRRORED:
        return None
    left, right = test.arguments
    name = test.name
    if not isinstance(left, Operation) or constant_number(left) is not None:
        left, right, name = right, left, _MIRRORED[name]
    number = constant_number(right)
    if not isinstance(left, Operation) or number is None:
        return None
    match name, left.name, *left.arguments:
        case (("<" | "<="), "DISTANCE", PointValue() as one, PointValue() as two):
            return _checked(one, two, number)
        case "=", "CONTAINS", PointValue() as one, CircleValue(centre, radius) if number == 1:
            return _checked(one, centre, constant_number(radius))
        case "=", "INTERSECTS", PointValue() as one, CircleValue(centre, radius) if number == 1:
            return _checked(one, centre, constant_number(radius))
        case "=", "INTERSECTS", CircleValue(centre, radius), PointValue() as one if number == 1:
            return _checked(one, centre, constant_number(radius))
        case _:
            return None


def _checked(one: PointValue, two: PointValue, radius: float | None) -> tuple[PointValue, PointValue, float] | None:
    return None if radius is None or not 0 <= radius <= LARGEST_RADIUS_DEG else (one, two, radius)


def cover_circles(
    lon: NDArray[np.float64], lat: NDArray[np.float64], radius_deg: float
) -> tuple[list[list[int]], list[list[int]]]:
    """Return ranges of order-29 indices that hold the circles: for each one the starts, and the ends (exclusive).

    Parameters
    ----------
    lon, lat : (n,), ICRS degrees
        NaN gives no range; a latitude beyond a pole means the place beyond it, as it does for the exact test.
    radius_deg
        At most `LARGEST_RADIUS_DEG`.

    Returns
    -------
    tuple
        Two lists of n lists. The cell of the centre, and those of its eight neighbours beyond an edge that is nearer
        than the radius; cells are so large that the circle reaches no further.
    """
    slack = 16 if radius_deg < 30 / 3600 else 4
    order = min(29, max(0, math.floor(math.log2(_SIDE_DEG / (slack * max(radius_deg, 1e-7))))))
    good = np.isfinite(lon) & np.isfinite(lat)
    starts: list[list[int]] = [[] for _ in range(len(lon))]
    ends: list[list[int]] = [[] for _ in range(len(lon))]
    if not good.any():
        return starts, ends
    along, up = np.radians(lon[good]), np.radians(lat[good])
    x, y, z = np.cos(up) * np.cos(along), np.cos(up) * np.sin(along), np.sin(up)
    place_lon = Longitude(np.arctan2(y, x), u.rad)
    place_lat = Latitude(np.arctan2(z, np.hypot(x, y)), u.rad)
    cells, dx, dy = lonlat_to_healpix(place_lon, place_lat, order, return_offsets=True)
    around = np.asarray(neighbours(cells, order))
    reach = radius_deg / (_NARROWEST * _SIDE_DEG / 2**order) * (1 + 1e-9)
    south_west, north_east = dx < reach, dx > 1 - reach
    south_east, north_west = dy < reach, dy > 1 - reach
    needed = np.stack(
        [
            south_west & south_east,  # S
            south_east,
            south_east & north_east,  # E
            south_west,
            np.ones(len(cells), bool),
            north_east,
            south_west & north_west,  # W
            north_west,
            north_west & north_east,  # N
        ],
        axis=1,
    )
    shift = 2 * (29 - order)
    lows = (around.astype(np.int64) << shift).tolist()
    size = 1 << shift
    keep = (needed & (around >= 0)).tolist()
    for row, low, kept in zip(np.flatnonzero(good), lows, keep, strict=True):
        chosen = sorted({start for start, wanted in zip(low, kept, strict=True) if wanted})
        starts[row] = chosen
        ends[row] = [start + size for start in chosen]
    return starts, ends
