"""Finds joins of tables by position, and covers the circles around the rows of an upload.

Such a join runs through the index of one published table: for every row of the other side there are a few ranges of
HEALPix cells that hold the circle around it, and the exact test decides about the rows in them. For an upload they are
computed once, beforehand; otherwise the database computes them (sky.cells_around).
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
    children,
)

LARGEST_RADIUS_DEG = 5.0
"""Beyond it, the circles hold so much of the table that its index does not help."""

LARGEST_AROUND_DEG = 3.5
"""The largest circle of which sky.cells_around finds the cells at order 0."""

AROUND_SLACK = 16.001
"""Least side of a cell in radii for sky.cells_around."""

MOST_CELLS = 4
"""Cells that the cover of a circle has at most."""

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


@dataclass(frozen=True, slots=True)
class PlaceAround:
    """What a join of published tables needs: circles of `radius_deg` around a position in the other tables' rows."""

    point: PointValue
    radius_deg: float


PositionJoin = tuple[BaseTable, PositionCover | PlaceAround]


def find_position_joins(condition: Typed | None, tables: Sequence[FromItem]) -> Iterator[PositionJoin]:
    """Yield those of `tables` that `condition` joins to others by position, with what finds their rows.

    Such a table is a direct member of `tables`; what it is joined to is anywhere in the other members. Joins to an
    upload come first.
    """
    if condition is None or len(tables) < 2:
        return
    pairs = [pair for test in _conjuncts(condition) if (pair := _circle_test(test)) is not None]
    turned = [(pair, turn) for pair in pairs for turn in ((pair[0], pair[1]), (pair[1], pair[0]))]
    for match in (_match_upload, _match_published):
        for (_, _, radius), (position, other) in turned:
            found = match(position, other, radius, tables)
            if found is not None:
                yield found


def restricted_sources(condition: Typed | None) -> set[str]:
    """Return the tables that a condition restricts by themselves: better read first, so that few rows are looked up."""
    sources = (sources_of(test) for test in _conjuncts(condition)) if condition is not None else ()
    return {alias for aliases in sources if len(aliases) == 1 for alias in aliases}


def sources_of(value: Typed) -> set[str]:
    """Return the tables whose columns a value uses."""
    if isinstance(value, ColumnUse):
        return {value.source}
    return set().union(*(sources_of(child) for child in children(value)))


def _own_table(position: PointValue, tables: Sequence[FromItem]) -> BaseTable | None:
    """Return the published table among `tables` whose indexed position this is."""
    alias = position.lon.source if is_position(position) and isinstance(position.lon, ColumnUse) else ""
    return next((t for t in tables if isinstance(t, BaseTable) and t.alias == alias and not t.uploaded), None)


def _match_upload(
    position: PointValue, other: PointValue, radius: float, tables: Sequence[FromItem]
) -> PositionJoin | None:
    lon, lat = other.lon, other.lat
    if not (isinstance(lon, ColumnUse) and isinstance(lat, ColumnUse)):
        return None
    table = _own_table(position, tables)
    uploads = {t.alias: t for member in tables if member is not table for t in _base_tables(member) if t.uploaded}
    upload = uploads.get(lon.source)
    if table is None or upload is None or lon.source != lat.source:
        return None
    return table, PositionCover(upload.alias, upload.name, lon.column, lat.column, radius)


def _match_published(
    position: PointValue, other: PointValue, radius: float, tables: Sequence[FromItem]
) -> PositionJoin | None:
    table = _own_table(position, tables)
    sources = sources_of(other)
    known = {alias for member in tables if member is not table for alias in _aliases(member)}
    if table is None or not sources or not sources <= known or radius > LARGEST_AROUND_DEG:
        return None
    return table, PlaceAround(other, radius)


def _aliases(item: FromItem) -> Iterator[str]:
    if isinstance(item, JoinedTables):
        yield from _aliases(item.left)
        yield from _aliases(item.right)
    else:
        yield item.alias


def _base_tables(item: FromItem) -> Iterator[BaseTable]:
    if isinstance(item, BaseTable):
        yield item
    elif isinstance(item, JoinedTables):
        yield from _base_tables(item.left)
        yield from _base_tables(item.right)


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


def cover_column(number: int, place: int) -> str:
    """Return the name of the column of an uploaded table that holds a cell of the cover of that number."""
    return f"cover{number}_{place}"


def cover_order(radius_deg: float, slack: float | None = None) -> int:
    """Return the HEALPix order of the cells that cover a circle: a place and its neighbours hold all of it.

    `slack` is the least width of a cell in radii; by default four, and more where the circles are small.
    """
    slack = slack or (16.001 if radius_deg < 30 / 3600 else 4.001)
    return min(29, max(0, math.floor(math.log2(_SIDE_DEG / (slack * max(radius_deg, 1e-7))))))


def cell_span(order: int) -> int:
    """Return how many order-29 indices a cell of that order has.

    Examples
    --------
    >>> cell_span(28)
    4
    """
    return 1 << (2 * (29 - order))


def cover_circles(lon: NDArray[np.float64], lat: NDArray[np.float64], radius_deg: float) -> NDArray[np.int64]:
    """Return the cells that hold the circles, by the first order-29 index of each; they are `cell_span` long.

    Parameters
    ----------
    lon, lat : (n,), ICRS degrees
        NaN gives no cell; a latitude beyond a pole means the place beyond it, as it does for the exact test.
    radius_deg
        At most `LARGEST_RADIUS_DEG`.

    Returns
    -------
    (n, 4)
        The cell of the centre, and those of its eight neighbours beyond an edge that is nearer than the radius; -1
        where fewer are needed. A circle is narrower than half a cell, so it reaches beyond two edges at most.
    """
    order = cover_order(radius_deg)
    good = np.isfinite(lon) & np.isfinite(lat)
    covers = np.full((len(lon), MOST_CELLS), -1, np.int64)
    if not good.any():
        return covers
    along, up = np.radians(lon[good]), np.radians(lat[good])
    x, y, z = np.cos(up) * np.cos(along), np.cos(up) * np.sin(along), np.sin(up)
    place_lon = Longitude(np.arctan2(y, x), u.rad)
    place_lat = Latitude(np.arctan2(z, np.hypot(x, y)), u.rad)
    cells, dx, dy = lonlat_to_healpix(place_lon, place_lat, order, return_offsets=True)
    around = np.asarray(neighbours(cells, order)).astype(np.int64)
    reach = radius_deg / (_NARROWEST * _SIDE_DEG / 2**order)
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
    chosen = np.sort(np.where(needed & (around >= 0), around, -1), axis=1)[:, -MOST_CELLS:]
    covers[good] = np.where(chosen >= 0, chosen << (2 * (29 - order)), -1)
    return covers
