"""Writes resolved values and conditions as SQL."""

from collections.abc import Sequence

from psycopg import sql
from psycopg.sql import Composable

from vo.adql.errors import UnsupportedFeatureError
from vo.adql.postgres_functions import apply, as_number, write_cast, write_function
from vo.adql.postgres_regions import contains, distance, healpix_index, shape_array, within_distance
from vo.adql.regions import constant_number
from vo.adql.resolved import (
    Body,
    CircleValue,
    ColumnUse,
    Constant,
    MocValue,
    Operation,
    PointValue,
    PolygonValue,
    QueryTest,
    RegionValue,
    Typed,
)

_COMPARISONS = {name: sql.SQL(f" {name} ") for name in ("=", "<>", "<", "<=", ">", ">=")}  # pyright: ignore[reportArgumentType]  # literals
_MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_OPERATORS = {
    "+": sql.SQL(" + "),
    "-": sql.SQL(" - "),
    "*": sql.SQL(" * "),
    "/": sql.SQL(" / "),
    "&": sql.SQL(" & "),
    "|": sql.SQL(" | "),
    "^": sql.SQL(" # "),
}


class ValueWriter:
    """Writes values; `indexed` tells whether the hidden position columns of tables may be used at that place."""

    def body(self, body: Body, limit: int | None = None) -> Composable:
        """Write a query; the class for queries does."""
        raise NotImplementedError

    def value(self, value: Typed, *, indexed: bool = True) -> Composable:
        """Write a value as an SQL expression."""
        match value:
            case Constant():
                return _constant(value)
            case ColumnUse(source, column):
                return sql.SQL("{}.{}").format(sql.Identifier(source), sql.Identifier(column))
            case PointValue(lon, lat):
                return self._array((lon, lat), indexed=indexed)
            case CircleValue(centre, radius):
                return self._array((centre.lon, centre.lat, radius), indexed=indexed)
            case PolygonValue() | RegionValue():
                return shape_array(self, value, indexed=indexed)
            case MocValue():
                msg = "a MOC cannot be a column of the result; it is for CONTAINS and AREA"
                raise UnsupportedFeatureError(msg)
            case Operation():
                return self._operation(value, indexed=indexed)
            case QueryTest():
                return self.condition(value, indexed=indexed)

    def _array(self, values: Sequence[Typed], *, indexed: bool) -> Composable:
        written = [apply("({0})::double precision", self.value(value, indexed=indexed)) for value in values]
        numbers = sql.SQL(", ").join(written)
        return sql.SQL("CASE WHEN num_nulls({0}) = 0 THEN ARRAY[{0}] END").format(numbers)

    def _operation(self, value: Operation, *, indexed: bool) -> Composable:  # noqa: PLR0911  # one return for each kind
        name = value.name
        if name in _COMPARISONS or name in _CONDITIONS:
            return self.condition(value, indexed=indexed)
        if name in {"CONTAINS", "INTERSECTS"}:
            return apply("({0})::int", contains(self, value, indexed=indexed))
        if name == "DISTANCE":
            return distance(self, value.arguments, indexed=indexed)
        if name == "AREA":
            return apply("sky.area({0})", shape_array(self, value.arguments[0], indexed=indexed))
        if name == "IVO_HEALPIX_INDEX":
            return healpix_index(self, value, indexed=indexed)
        if name == "SHAPE":
            return self._array(value.arguments, indexed=indexed)
        arguments = [self.value(argument, indexed=indexed) for argument in value.arguments]
        if name.startswith("CAST "):
            return write_cast(value, arguments)
        if name == "~":
            return apply("(~ ({0})::bigint)", *arguments)
        if name == "||":
            return sql.SQL("({})").format(sql.SQL(" || ").join(apply("({0})::text", a) for a in arguments))
        if set(name.split(" ")) <= set(_OPERATORS):
            return _arithmetic(value, arguments)
        return write_function(value, arguments)

    # --- conditions -------------------------------------------------------------------------------------------------

    def condition(self, value: Typed, *, indexed: bool = True) -> Composable:
        """Write a truth value."""
        match value:
            case QueryTest("EXISTS", _, body):
                return sql.SQL("EXISTS ({})").format(self.body(body))
            case QueryTest(_, test, body):
                written = self.value(test, indexed=indexed) if test is not None else sql.SQL("NULL")
                return sql.SQL("({} IN ({}))").format(written, self.body(body))
            case Operation("AND" | "OR", parts):
                joiner = sql.SQL(" AND " if value.name == "AND" else " OR ")
                return sql.SQL("({})").format(joiner.join(self.condition(part, indexed=indexed) for part in parts))
            case Operation("NOT", (part,)):
                return sql.SQL("(NOT {})").format(self.condition(part, indexed=indexed))
            case Operation(name, (left, right)) if name in _COMPARISONS:
                return self._comparison(name, left, right, indexed=indexed)
            case Operation(name, arguments) if name in _CONDITIONS:
                written = [self._comparable(a, arguments, indexed=indexed) for a in arguments]
                return sql.SQL("({})").format(_predicate(name, written))
            case _:
                return apply("({0})", self.value(value, indexed=indexed))

    def _comparable(self, value: Typed, group: Sequence[Typed], *, indexed: bool) -> Composable:
        written = self.value(value, indexed=indexed)
        if any(member.meta.kind == "timestamp" for member in group):
            return apply("({0})::timestamp", written)
        return written

    def _comparison(self, name: str, left: Typed, right: Typed, *, indexed: bool) -> Composable:
        if isinstance(left, Constant) and not isinstance(right, Constant):
            left, right, name = right, left, _MIRRORED[name]
        if isinstance(left, Operation):
            number = constant_number(right)
            if left.name in {"CONTAINS", "INTERSECTS"} and name == "=" and number in {0.0, 1.0}:
                written = contains(self, left, indexed=indexed)
                return written if number else sql.SQL("(NOT {})").format(written)
            if left.name == "DISTANCE" and name in {"<", "<="} and number is not None:
                one, two = left.arguments
                if isinstance(one, PointValue) and isinstance(two, PointValue):
                    return within_distance(self, one, two, right, strict=name == "<", indexed=indexed)
        group = (left, right)
        sides = [self._comparable(side, group, indexed=indexed) for side in group]
        return sql.Composed([sql.SQL("("), sides[0], _COMPARISONS[name], sides[1], sql.SQL(")")])


_CONDITIONS = {"AND", "OR", "NOT", "BETWEEN", "IN", "LIKE", "ILIKE", "IS NULL", "IS NOT NULL"}


def _predicate(name: str, written: Sequence[Composable]) -> Composable:
    first, *rest = written
    match name:
        case "BETWEEN":
            return apply("{0} BETWEEN {1} AND {2}", first, *rest)
        case "IN":
            return apply("{0} IN ({1})", first, sql.SQL(", ").join(rest))
        case "LIKE":
            return apply("{0} LIKE {1} ESCAPE ''", first, *rest)
        case "ILIKE":
            return apply("{0} ILIKE {1} ESCAPE ''", first, *rest)
        case "IS NULL":
            return apply("{0} IS NULL", first)
        case _:
            return apply("{0} IS NOT NULL", first)


def _constant(value: Constant) -> Composable:
    if value.value is None and value.meta.kind != "null":
        return sql.SQL("NULL::text")
    match value.meta.kind:
        case "null":
            return sql.SQL("NULL")
        case "boolean":
            return sql.SQL("TRUE" if value.value else "FALSE")
        case "int":
            return sql.SQL("({})").format(sql.Literal(int(str(value.value))))
        case "float":
            return sql.SQL("({})::double precision").format(sql.Literal(value.number))
        case _:
            return sql.SQL("{}::text").format(sql.Literal(str(value.value)))


def _arithmetic(value: Operation, arguments: Sequence[Composable]) -> Composable:
    """Write a chain from the left: in 64 bits until the first number that is not whole, then in double precision."""
    if len(arguments) == 1:
        # PostgreSQL has no minus for a NULL without a type.
        return arguments[0] if value.arguments[0].meta.kind == "null" else apply("(- ({0}))", arguments[0])
    whole = value.arguments[0].meta.kind in {"int", "null"} and value.meta.kind == "int"
    whole = whole or value.arguments[0].meta.kind == "int"
    parts: list[Composable] = [as_number(arguments[0], whole=whole)]
    for operator, argument, written in zip(value.name.split(" "), value.arguments[1:], arguments[1:], strict=True):
        if whole and argument.meta.kind == "float":
            parts = [sql.SQL("("), *parts, sql.SQL(")::double precision")]
            whole = False
        parts += [_OPERATORS[operator], as_number(written, whole=whole)]
    return sql.Composed([sql.SQL("("), *parts, sql.SQL(")")])
