"""Writes resolved values and conditions as SQL."""

from collections.abc import Sequence

from psycopg import sql
from psycopg.sql import Composable

from archive.healpix import ipix_nested
from vo.adql.errors import UnsupportedFeatureError
from vo.adql.postgres_regions import contains, distance, is_position, within_distance
from vo.adql.regions import constant_number
from vo.adql.resolved import (
    Body,
    CircleValue,
    ColumnUse,
    Constant,
    Operation,
    PointValue,
    PolygonValue,
    QueryTest,
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

# Arguments stand for {0}, {1}, ...; all are double precision unless written otherwise.
_FLOAT_FUNCTIONS = {
    "ACOS": "acos({0})",
    "ASIN": "asin({0})",
    "ATAN": "atan({0})",
    "ATAN2": "atan2({0}, {1})",
    "CEILING": "ceil({0})",
    "COS": "cos({0})",
    "COT": "cot({0})",
    "DEGREES": "degrees({0})",
    "EXP": "exp({0})",
    "FLOOR": "floor({0})",
    "LOG": "ln({0})",
    "LOG10": "log({0})",
    "PI": "pi()",
    "POWER": "power({0}, {1})",
    "RADIANS": "radians({0})",
    "RAND": "random()",
    "SIN": "sin({0})",
    "SQRT": "sqrt({0})",
    "TAN": "tan({0})",
}
_OTHER_FUNCTIONS = {
    "LOWER": "lower({0})",
    "UPPER": "upper({0})",
    "IVO_HASWORD": "(SELECT count(*) = 0 FROM regexp_split_to_table(lower({1}), '[^[:alnum:]]+') AS w WHERE w <> '' "
    "AND NOT (w = ANY (regexp_split_to_array(lower({0}), '[^[:alnum:]]+'))))::int",
    "IVO_NOCASEMATCH": "({0} ILIKE {1} ESCAPE '')::int",
    "IVO_HASHLIST_HAS": "(lower({1}) = ANY (string_to_array(lower({0}), '#')))::int",
    "IVO_INTERVAL_OVERLAPS": "({0} <= {3} AND {2} <= {1})::int",
    "IVO_STRING_AGG": "string_agg({0}, {1})",
}
_CASTS = {
    "SMALLINT": sql.SQL("smallint"),
    "INTEGER": sql.SQL("integer"),
    "BIGINT": sql.SQL("bigint"),
    "REAL": sql.SQL("real"),
    "DOUBLE PRECISION": sql.SQL("double precision"),
}
_TIMESTAMP = "to_char(({0})::timestamp, 'YYYY-MM-DD\"T\"HH24:MI:SS.MS')"


def _apply(template: str, *arguments: Composable) -> Composable:
    return sql.SQL(template).format(*arguments)  # pyright: ignore[reportArgumentType]  # a literal of this module


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
            case PolygonValue(vertices):
                numbers = [sql.Literal(float(number)) for vertex in vertices for number in vertex]
                return sql.SQL("ARRAY[{}]::double precision[]").format(sql.SQL(", ").join(numbers))
            case Operation():
                return self._operation(value, indexed=indexed)
            case QueryTest():
                return self.condition(value, indexed=indexed)

    def _array(self, values: Sequence[Typed], *, indexed: bool) -> Composable:
        written = [_apply("({0})::double precision", self.value(value, indexed=indexed)) for value in values]
        numbers = sql.SQL(", ").join(written)
        return sql.SQL("CASE WHEN num_nulls({0}) = 0 THEN ARRAY[{0}] END").format(numbers)

    def _operation(self, value: Operation, *, indexed: bool) -> Composable:  # noqa: PLR0911  # one return for each kind
        name = value.name
        if name in _COMPARISONS or name in _CONDITIONS:
            return self.condition(value, indexed=indexed)
        if name in {"CONTAINS", "INTERSECTS"}:
            return _apply("({0})::int", contains(self, value, indexed=indexed))
        if name == "DISTANCE":
            return distance(self, value.arguments, indexed=indexed)
        if name == "AREA":
            (circle,) = value.arguments
            radius = self.value(circle.radius, indexed=indexed) if isinstance(circle, CircleValue) else sql.SQL("0")
            return _apply("4 * pi() * power(sin(radians({0}) / 2) * 180 / pi(), 2)", radius)
        if name == "IVO_HEALPIX_INDEX":
            return _healpix_index(value, indexed=indexed)
        arguments = [self.value(argument, indexed=indexed) for argument in value.arguments]
        if name.startswith("CAST "):
            return _cast(value, arguments)
        if name == "~":
            return _apply("(~ ({0})::bigint)", *arguments)
        if name == "||":
            return sql.SQL("({})").format(sql.SQL(" || ").join(_apply("({0})::text", a) for a in arguments))
        if set(name.split(" ")) <= set(_OPERATORS):
            return _arithmetic(value, arguments)
        return _function(value, arguments)

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
                return _apply("({0})", self.value(value, indexed=indexed))

    def _comparable(self, value: Typed, group: Sequence[Typed], *, indexed: bool) -> Composable:
        written = self.value(value, indexed=indexed)
        if any(member.meta.kind == "timestamp" for member in group):
            return _apply("({0})::timestamp", written)
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
            return _apply("{0} BETWEEN {1} AND {2}", first, *rest)
        case "IN":
            return _apply("{0} IN ({1})", first, sql.SQL(", ").join(rest))
        case "LIKE":
            return _apply("{0} LIKE {1} ESCAPE ''", first, *rest)
        case "ILIKE":
            return _apply("{0} ILIKE {1} ESCAPE ''", first, *rest)
        case "IS NULL":
            return _apply("{0} IS NULL", first)
        case _:
            return _apply("{0} IS NOT NULL", first)


def _constant(value: Constant) -> Composable:
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
        return _apply("(- ({0}))", arguments[0])
    whole = value.arguments[0].meta.kind in {"int", "null"} and value.meta.kind == "int"
    whole = whole or value.arguments[0].meta.kind == "int"
    parts: list[Composable] = [_number(arguments[0], whole=whole)]
    for operator, argument, written in zip(value.name.split(" "), value.arguments[1:], arguments[1:], strict=True):
        if whole and argument.meta.kind == "float":
            parts = [sql.SQL("("), *parts, sql.SQL(")::double precision")]
            whole = False
        parts += [_OPERATORS[operator], _number(written, whole=whole)]
    return sql.Composed([sql.SQL("("), *parts, sql.SQL(")")])


def _number(written: Composable, *, whole: bool) -> Composable:
    return _apply("({0})::bigint" if whole else "({0})::double precision", written)


def _cast(value: Operation, arguments: Sequence[Composable]) -> Composable:
    target = value.name.removeprefix("CAST ")
    operand = value.arguments[0]
    match target:
        case "TIMESTAMP":
            return _apply(_TIMESTAMP, arguments[0])
        case "CHAR" | "VARCHAR":
            text = _apply("({0})::text", arguments[0])
            if len(arguments) == 1:
                return text
            return _apply("left({0}, {1})" if target == "VARCHAR" else "rpad({0}, {1})", text, arguments[1])
        case _:
            written = arguments[0]
            if operand.meta.kind == "boolean":
                written = _apply("({0})::int", written)
            return sql.SQL("({})::{}").format(written, _CASTS[target])


def _function(value: Operation, arguments: list[Composable]) -> Composable:
    name = value.name
    floats = [_apply("({0})::double precision", argument) for argument in arguments]
    if name in _FLOAT_FUNCTIONS:
        return _apply(_FLOAT_FUNCTIONS[name], *floats)
    if name in _OTHER_FUNCTIONS:
        return _apply(_OTHER_FUNCTIONS[name], *arguments)
    match name:
        case "ABS":
            return _apply("abs({0})", _number(arguments[0], whole=value.meta.kind == "int"))
        case "MOD" if value.meta.kind == "int":
            return _apply("mod(({0})::bigint, ({1})::bigint)", *arguments)
        case "MOD":
            return _apply("mod(({0})::numeric, ({1})::numeric)::double precision", *floats)
        case "ROUND" | "TRUNCATE":
            digits = arguments[1] if len(arguments) > 1 else sql.SQL("0")
            template = "round(({0})::numeric, {1})" if name == "ROUND" else "trunc(({0})::numeric, {1})"
            return sql.SQL("({})::double precision").format(_apply(template, floats[0], digits))
        case "COALESCE":
            if value.meta.is_number:
                arguments = floats if value.meta.kind == "float" else arguments
            return _apply("COALESCE({0})", sql.SQL(", ").join(arguments))
        case _:
            return _aggregate(value, arguments)


def _aggregate(value: Operation, arguments: Sequence[Composable]) -> Composable:
    name = value.name.removesuffix(" DISTINCT")
    if name == "COUNT(*)":
        return sql.SQL("count(*)")
    argument = value.arguments[0]
    distinct = "DISTINCT " if value.name.endswith(" DISTINCT") else ""
    match name, argument.meta.kind:
        case "COUNT", _:
            template = f"count({distinct}{{0}})"
        case "MIN", "boolean":
            template = "bool_and({0})"
        case "MAX", "boolean":
            template = "bool_or({0})"
        case "MIN" | "MAX", _:
            template = f"{name.lower()}({{0}})"
        case "SUM", "int":
            template = f"sum({distinct}({{0}})::bigint)::bigint"
        case "SUM" | "AVG", _:
            template = f"{name.lower()}({distinct}({{0}})::double precision)"
        case _:
            msg = f"{value.name} is not supported by this service"
            raise UnsupportedFeatureError(msg)
    return _apply(template, arguments[0])


def _healpix_index(value: Operation, *, indexed: bool) -> Composable:
    order_value, point = value.arguments
    order = int(str(order_value.value)) if isinstance(order_value, Constant) else 29
    if not isinstance(point, PointValue):
        return sql.SQL("NULL")
    if isinstance(point.lon, Constant) and isinstance(point.lat, Constant):
        return sql.SQL("({})::bigint").format(sql.Literal(ipix_nested(order, point.lon.number, point.lat.number)))
    if not indexed or not is_position(point):
        msg = "ivo_healpix_index is not supported together with GROUP BY by this service; compute it in a subquery"
        raise UnsupportedFeatureError(msg)
    source = point.lon.source if isinstance(point.lon, ColumnUse) else ""
    return sql.SQL("({}.{} >> {})").format(
        sql.Identifier(source), sql.Identifier("_hpx"), sql.Literal(2 * (29 - order))
    )
