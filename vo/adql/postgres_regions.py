"""Writes positions, circles and polygons as SQL: index ranges where a table has them, and the exact test.

A table with a position has `_hpx`, its HEALPix index at order 29 with a B-tree, and its unit vector `_x, _y, _z`. A
constant region becomes `(range OR range ...) AND exact`: PostgreSQL reads the ranges from the index. Shapes that differ
from row to row go to the functions of schema sky.
"""

import math
from collections.abc import Sequence
from typing import Protocol

from psycopg import sql
from psycopg.sql import Composable

from archive.healpix import HPX_ORDER
from vo.adql.errors import UnsupportedFeatureError
from vo.adql.geometry import Cover, ball, circle_cover, convex_pieces, polygon_cover, vector
from vo.adql.moc import coarser, joined
from vo.adql.regions import constant_number, constant_point
from vo.adql.resolved import (
    DOUBLE,
    INT,
    CircleValue,
    ColumnUse,
    Constant,
    MocValue,
    Operation,
    PointValue,
    PolygonValue,
    RegionValue,
    Typed,
)

NEAR_MARGIN_DEG = 0.001
"""Added to the reach of footprints: their text has six decimals, and a cosine of a small angle few digits."""

MOST_RANGES = 64
"""Ranges of cells that one condition lists for the index; more cost more in planning than they save in reading."""


class WritesValues(Protocol):
    """What this module needs of the writer: plain values as SQL."""

    def value(self, value: Typed, *, indexed: bool = True) -> Composable:
        """Write a value as an SQL expression."""
        ...


def is_position(point: PointValue) -> bool:
    """Whether a point is the indexed position of one table."""
    lon, lat = point.lon, point.lat
    return (
        isinstance(lon, ColumnUse)
        and isinstance(lat, ColumnUse)
        and lon.source == lat.source
        and (lon.role, lat.role) == ("ra", "dec")
    )


def contains(  # noqa: PLR0911  # one return for each pair of shapes
    writer: WritesValues, operation: Operation, *, indexed: bool
) -> Composable:
    """Write CONTAINS or INTERSECTS as a truth value.

    Raises
    ------
    UnsupportedFeatureError
        For a pair of shapes that this service does not compare.
    """
    match operation.name, *operation.arguments:
        case _, PointValue() as one, PointValue() as two:
            return within_distance(writer, one, two, Constant("0.0", DOUBLE), strict=False, indexed=indexed)
        case _, PointValue() as point, CircleValue(centre, radius):
            return within_distance(writer, point, centre, radius, strict=False, indexed=indexed)
        case "INTERSECTS", CircleValue(centre, radius), PointValue() as point:
            return within_distance(writer, point, centre, radius, strict=False, indexed=indexed)
        case _, PointValue() as point, PolygonValue() as polygon:
            return _in_polygon(writer, point, polygon, indexed=indexed)
        case "INTERSECTS", PolygonValue() as polygon, PointValue() as point:
            return _in_polygon(writer, point, polygon, indexed=indexed)
        case _, PointValue() as point, MocValue(ranges):
            return _in_moc(writer, point, ranges, indexed=indexed)
        case "INTERSECTS", MocValue(ranges), PointValue() as point:
            return _in_moc(writer, point, ranges, indexed=indexed)
        case "INTERSECTS", CircleValue() as one, CircleValue() as two:
            reach = Operation("+", (one.radius, two.radius), DOUBLE)
            return within_distance(writer, one.centre, two.centre, reach, strict=False, indexed=indexed)
        case "CONTAINS", CircleValue() as inner, CircleValue() as outer if (constant_number(outer.radius) or 180) < 180:
            reach = Operation("-", (outer.radius, inner.radius), DOUBLE)
            return within_distance(writer, inner.centre, outer.centre, reach, strict=False, indexed=indexed)
        case "CONTAINS", (CircleValue() | PolygonValue() | RegionValue() | MocValue()), PointValue():
            msg = "CONTAINS(region, point) asks whether a point contains a region; write CONTAINS(point, region)"
            raise UnsupportedFeatureError(msg)
        case name, one, two if not isinstance(one, MocValue) and not isinstance(two, MocValue):
            shapes = [shape_array(writer, shape, indexed=indexed) for shape in (one, two)]
            test = sql.SQL("sky.{}({}, {})").format(sql.Identifier(name.lower()), *shapes)
            return _near_first(writer, one, two, test, indexed=indexed)
        case _:
            name, (one, two) = operation.name, operation.arguments
            msg = f"{name} of a {one.meta.kind} and a {two.meta.kind} is not supported by this service"
            raise UnsupportedFeatureError(msg)


def _near_first(writer: WritesValues, one: Typed, two: Typed, test: Composable, *, indexed: bool) -> Composable:
    """Write a test of a table's footprint against a constant shape so that rows too far away are not put to it.

    Both CONTAINS and INTERSECTS need the two balls around the shapes to meet. A row whose reach or position is not
    known is put to the test; one without a footprint gives NULL, as the test does.
    """
    footprint, shape = (one, two) if isinstance(one, RegionValue) else (two, one)
    if not (indexed and isinstance(footprint, RegionValue) and isinstance(footprint.value, ColumnUse)):
        return test
    around = _constant_ball(shape)
    if footprint.value.role != "footprint" or around is None:
        return test
    (x, y, z), radius = around
    near = sql.SQL("{s}._x * {x} + {s}._y * {y} + {s}._z * {z} >= cosd(least({s}._reach + {reach}, 180))").format(
        s=sql.Identifier(footprint.value.source),
        reach=_bracketed(radius + NEAR_MARGIN_DEG),
        **{name: _bracketed(part) for name, part in zip("xyz", (x, y, z), strict=True)},
    )
    return sql.SQL("(CASE WHEN ({}) IS NOT FALSE THEN {} WHEN {} IS NOT NULL THEN FALSE END)").format(
        near, test, writer.value(footprint.value, indexed=indexed)
    )


def _constant_ball(shape: Typed) -> tuple[Sequence[float], float] | None:
    """Return the middle (unit vector) and the radius in degrees of a ball around a constant shape."""
    match shape:
        case PointValue() if (place := constant_point(shape)) is not None:
            return vector(*place), 0.0
        case CircleValue(centre, radius):
            place, number = constant_point(centre), constant_number(radius)
            return None if place is None or number is None else (vector(*place), number)
        case PolygonValue(vertices):
            middle, reach = ball(vertices)
            return (middle, reach) if reach < 90 else None  # a wider ball need not hold the arcs between the vertices
        case _:
            return None


def shape_array(writer: WritesValues, shape: Typed, *, indexed: bool) -> Composable:
    """Write a shape as the array that the functions of schema sky take (archive/sky_functions.sql)."""
    match shape:
        case PolygonValue(vertices):
            numbers = [sql.Literal(float(number)) for vertex in vertices for number in vertex]
            return sql.SQL("ARRAY[{}]::double precision[]").format(sql.SQL(", ").join(numbers))
        case RegionValue(value) if value.meta.kind == "text":
            return sql.SQL("sky.shape({})").format(writer.value(value, indexed=indexed))
        case RegionValue(value):
            return writer.value(value, indexed=indexed)
        case _:
            return writer.value(shape, indexed=indexed)


def _in_moc(writer: WritesValues, point: PointValue, ranges: Sequence[tuple[int, int]], *, indexed: bool) -> Composable:
    """Write whether a point's cell is in a coverage."""
    cell = cell_number(writer, Constant(str(HPX_ORDER), INT), point, indexed=indexed)
    if len(ranges) <= MOST_RANGES:
        return _ranges(cell, ranges)
    exact = _in_ranges(cell, ranges)
    if not indexed or not is_position(point):
        return sql.SQL("({})").format(exact)
    return sql.SQL("({} AND {})").format(_ranges(cell, coarser(tuple(ranges), MOST_RANGES)), exact)


def cell_number(writer: WritesValues, order: Typed, point: PointValue, *, indexed: bool) -> Composable:
    """Write the number of the HEALPix cell of a point: from the table's own index where it has one."""
    if indexed and is_position(point) and isinstance(order, Constant):
        source = point.lon.source if isinstance(point.lon, ColumnUse) else ""
        cell = sql.SQL("{}.{}").format(sql.Identifier(source), sql.Identifier("_hpx"))
        shift = 2 * (HPX_ORDER - int(str(order.value)))
        return sql.SQL("({} >> {})").format(cell, sql.Literal(shift)) if shift else cell
    parts = [writer.value(part, indexed=indexed) for part in (order, point.lon, point.lat)]
    return sql.SQL("sky.cell(({})::int, ({})::double precision, ({})::double precision)").format(*parts)


def healpix_index(writer: WritesValues, operation: Operation, *, indexed: bool) -> Composable:
    """Write ivo_healpix_index."""
    order, point = operation.arguments
    if not isinstance(point, PointValue):
        msg = "ivo_healpix_index takes a point"
        raise UnsupportedFeatureError(msg)
    return cell_number(writer, order, point, indexed=indexed)


def distance(writer: WritesValues, points: Sequence[Typed], *, indexed: bool) -> Composable:
    """Write the angle between two points in degrees: twice the arc sine of half the chord."""
    one, two = (_vector(writer, point, indexed=indexed) for point in points if isinstance(point, PointValue))
    return sql.SQL("degrees(2 * asin(least(1, sqrt({}) / 2)))").format(_chord_squared(one, two))


def within_distance(
    writer: WritesValues, one: PointValue, two: PointValue, radius: Typed, *, strict: bool, indexed: bool
) -> Composable:
    """Write that two points are at most (if `strict`, less than) `radius` degrees apart."""
    if constant_point(one) is not None:
        one, two = two, one
    chord = _chord_squared(_vector(writer, one, indexed=indexed), _vector(writer, two, indexed=indexed))
    comparison = sql.SQL(" < " if strict else " <= ")
    number = constant_number(radius)
    if number is None:
        reach = writer.value(radius, indexed=indexed)
        bound = sql.SQL("4 * power(sin(radians(least({}, 180)) / 2), 2)").format(reach)
        return sql.SQL("({} >= 0 AND {}{}{})").format(reach, chord, comparison, bound)
    if number < 0:
        return sql.SQL("FALSE")
    if number > 180:
        return sql.SQL("({} IS NOT NULL)").format(chord)
    bound = sql.Literal(4 * math.sin(math.radians(number) / 2) ** 2)
    exact = sql.SQL("{}{}{}").format(chord, comparison, bound)
    centre = constant_point(two)
    if centre is None or number >= 120 or not indexed or not is_position(one):
        return sql.SQL("({})").format(exact)
    return _with_ranges(one, circle_cover(*centre, max(number, 1e-7)), exact)


def _in_polygon(writer: WritesValues, point: PointValue, polygon: PolygonValue, *, indexed: bool) -> Composable:
    x, y, z = _vector(writer, point, indexed=indexed)
    pieces = []
    for normals in convex_pieces(polygon.vertices):
        tests = [
            sql.SQL("{0} * {3} + {1} * {4} + {2} * {5} >= 0").format(x, y, z, *(_bracketed(part) for part in normal))
            for normal in normals
        ]
        pieces.append(sql.SQL("({})").format(sql.SQL(" AND ").join(tests)))
    exact = sql.SQL("({})").format(sql.SQL(" OR ").join(pieces))
    if not indexed or not is_position(point):
        return exact
    return _with_ranges(point, polygon_cover(polygon.vertices), exact)


def _with_ranges(point: PointValue, cover: Cover, exact: Composable) -> Composable:
    """Write `(range OR range ...) AND exact`, whose ranges come from the index and are not tested again."""
    source = point.lon.source if isinstance(point.lon, ColumnUse) else ""
    index = sql.SQL("{}.{}").format(sql.Identifier(source), sql.Identifier("_hpx"))
    if not cover.full:
        return sql.SQL("({} AND {})").format(_ranges(index, cover.partial), exact)
    ranges = coarser(joined(sorted(cover.full + cover.partial)), MOST_RANGES)
    return sql.SQL("({} AND ({} OR {}))").format(_ranges(index, ranges), _in_ranges(index, cover.full), exact)


def _in_ranges(cell: Composable, ranges: Sequence[tuple[int, int]]) -> Composable:
    """Write the quick test whether a cell is in sorted ranges: it has an odd number of their borders below it."""
    borders = sql.SQL(", ").join(_whole(border) for pair in ranges for border in pair)
    return sql.SQL("width_bucket({}, ARRAY[{}]::bigint[]) % 2 = 1").format(cell, borders)


def _ranges(index: Composable, ranges: Sequence[tuple[int, int]]) -> Composable:
    if not ranges:
        return sql.SQL("FALSE")
    at_least, below = sql.SQL(" >= "), sql.SQL(" AND {} < ").format(index)
    terms = [sql.Composed([index, at_least, _whole(low), below, _whole(high)]) for low, high in ranges]
    return sql.SQL("({})").format(sql.SQL(" OR ").join(terms))


def _whole(number: int) -> sql.SQL:
    """Write digits; hundreds of them in a statement, each as a Literal, would cost a millisecond."""
    return sql.SQL(format(number, "d"))  # pyright: ignore[reportArgumentType]  # the digits of an int


def _vector(writer: WritesValues, point: PointValue, *, indexed: bool) -> tuple[Composable, Composable, Composable]:
    constant = constant_point(point)
    if constant is not None:
        x, y, z = (_bracketed(part) for part in vector(*constant))
        return x, y, z
    if indexed and is_position(point) and isinstance(point.lon, ColumnUse):
        source = sql.Identifier(point.lon.source)
        x, y, z = (sql.SQL("{}.{}").format(source, sql.Identifier(name)) for name in ("_x", "_y", "_z"))
        return x, y, z
    lon = sql.SQL("radians({})").format(writer.value(point.lon, indexed=indexed))
    lat = sql.SQL("radians({})").format(writer.value(point.lat, indexed=indexed))
    names = {"lon": lon, "lat": lat}
    return (
        sql.SQL("(cos({lat}) * cos({lon}))").format(**names),
        sql.SQL("(cos({lat}) * sin({lon}))").format(**names),
        sql.SQL("sin({lat})").format(**names),
    )


def _bracketed(number: float) -> Composable:
    return sql.SQL("({})::double precision").format(sql.Literal(number))


def _chord_squared(one: Sequence[Composable], two: Sequence[Composable]) -> Composable:
    terms = [sql.SQL("({0} - {1}) * ({0} - {1})").format(a, b) for a, b in zip(one, two, strict=True)]
    return sql.SQL("({})").format(sql.SQL(" + ").join(terms))
