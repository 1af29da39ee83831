"""Writes calls of functions, aggregates and CAST as SQL; their arguments are written already."""

from collections.abc import Sequence

from psycopg import sql
from psycopg.sql import Composable

from vo.adql.errors import UnsupportedFeatureError
from vo.adql.resolved import Operation

# Arguments stand for {0}, {1}, ...; all are double precision unless written otherwise.
_FLOAT_FUNCTIONS = {
    "ACOS": "acos({0})",
    "ASIN": "asin({0})",
    "ATAN": "atan({0})",
    "ATAN2": "atan2({0}, {1})",
    "CEILING": "ceil({0})",
    "COS": "cos({0})",
    "COT": "cot({0})",
    "IVO_EPOCH_PROP": "sky.epoch_prop({0}, {1}, {2}, {3}, {4}, {5}, {6}, {7})",
    # Box and Muller 1958, Ann. Math. Stat. 29, 610
    "IVO_NORMAL_RANDOM": "({0} + {1} * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()))",
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
_MJD = "(extract(epoch FROM ({0})::timestamp) / 86400 + 40587)::double precision"
_OTHER_FUNCTIONS = {
    "LOWER": "lower({0})",
    "UPPER": "upper({0})",
    "IVO_HASWORD": "(SELECT count(*) = 0 FROM regexp_split_to_table(lower({1}), '[^[:alnum:]]+') AS w WHERE w <> '' "
    "AND NOT (w = ANY (regexp_split_to_array(lower({0}), '[^[:alnum:]]+'))))::int",
    "IVO_NOCASEMATCH": "({0} ILIKE {1} ESCAPE '')::int",
    "IVO_HASHLIST_HAS": "(lower({1}) = ANY (string_to_array(lower({0}), '#')))::int",
    "IVO_INTERVAL_OVERLAPS": "({0} <= {3} AND {2} <= {1})::int",
    "IVO_STRING_AGG": "string_agg({0}, {1})",
    "IVO_HISTOGRAM": "sky.histogram(array_agg(({0})::double precision), ({1})::double precision, "
    "({2})::double precision, ({3})::int)",
    "IVO_HEALPIX_CENTER": "sky.cell_center(({0})::int, ({1})::bigint)",
    "IVO_TO_MJD": f"({_MJD})",
    "IVO_TO_JD": f"({_MJD} + 2400000.5)",
    # TT - UTC was 64.184 s from 1999 on, and a second more after each of these dates (IERS Bulletin C 30, 36, 43, 49,
    # 52; none since).
    "MJD TT": "(SELECT m + (64.184 + width_bucket(m, '{{53736,54832,56109,57204,57754}}'::float8[])) / 86400 FROM "
    "(SELECT (extract(epoch FROM ({0})::timestamp) / 86400 + 40587)::double precision AS m) AS u)",
    "REVOLUTION_OF": "(SELECT (SELECT array_agg(r.revolution ORDER BY r.tstart_mjd_tt) FROM integral.revolutions AS r "
    "WHERE r.tstart_mjd_tt IS NOT NULL)[NULLIF(width_bucket(m, (SELECT array_agg(r.tstart_mjd_tt "
    "ORDER BY r.tstart_mjd_tt) FROM integral.revolutions AS r WHERE r.tstart_mjd_tt IS NOT NULL)), 0)] "
    "FROM (SELECT ({0})::double precision AS m) AS u WHERE m < COALESCE((SELECT max(r.tstop_mjd_tt) "
    "FROM integral.revolutions AS r), 'Infinity'))",
    "BOX": "sky.box(({0})::double precision, ({1})::double precision, ({2})::double precision, "
    "({3})::double precision)",
    "ELEMENT": "({0})[{1}]",
    "TO GALACTIC": "sky.rotate({0}, FALSE)",
    "FROM GALACTIC": "sky.rotate({0}, TRUE)",
    "CENTROID": "sky.centroid({0})",
}
_CASTS = {
    "SMALLINT": sql.SQL("smallint"),
    "INTEGER": sql.SQL("integer"),
    "BIGINT": sql.SQL("bigint"),
    "REAL": sql.SQL("real"),
    "DOUBLE PRECISION": sql.SQL("double precision"),
}
_TIMESTAMP = "to_char(({0})::timestamp, 'YYYY-MM-DD\"T\"HH24:MI:SS.MS')"


def apply(template: str, *arguments: Composable) -> Composable:
    """Fill {0}, {1}, ... of a literal of these modules."""
    return sql.SQL(template).format(*arguments)  # pyright: ignore[reportArgumentType]  # a literal of this module


def as_number(written: Composable, *, whole: bool) -> Composable:
    """Write a number as bigint if `whole`, else in double precision."""
    return apply("({0})::bigint" if whole else "({0})::double precision", written)


def write_cast(value: Operation, arguments: Sequence[Composable]) -> Composable:
    """Write a CAST, whose operand is written already."""
    target = value.name.removeprefix("CAST ")
    operand = value.arguments[0]
    match target:
        case "TIMESTAMP":
            return apply(_TIMESTAMP, arguments[0])
        case "CHAR" | "VARCHAR":
            text = apply("({0})::text", arguments[0])
            if len(arguments) == 1:
                return text
            return apply("left({0}, {1})" if target == "VARCHAR" else "rpad({0}, {1})", text, arguments[1])
        case _:
            written = arguments[0]
            if operand.meta.kind == "boolean":
                written = apply("({0})::int", written)
            return sql.SQL("({})::{}").format(written, _CASTS[target])


def write_function(value: Operation, arguments: list[Composable]) -> Composable:
    """Write a function or aggregate, whose arguments are written already.

    Raises
    ------
    UnsupportedFeatureError
        If there is none of that name.
    """
    name = value.name
    floats = [apply("({0})::double precision", argument) for argument in arguments]
    if name in _FLOAT_FUNCTIONS:
        return apply(_FLOAT_FUNCTIONS[name], *floats)
    if name in _OTHER_FUNCTIONS:
        return apply(_OTHER_FUNCTIONS[name], *arguments)
    match name:
        case "ABS":
            return apply("abs({0})", as_number(arguments[0], whole=value.meta.kind == "int"))
        case "MOD" if value.meta.kind == "int":
            return apply("mod(({0})::bigint, ({1})::bigint)", *arguments)
        case "MOD":
            return apply("mod(({0})::numeric, ({1})::numeric)::double precision", *floats)
        case "ROUND" | "TRUNCATE":
            digits = arguments[1] if len(arguments) > 1 else sql.SQL("0")
            template = "round(({0})::numeric, {1})" if name == "ROUND" else "trunc(({0})::numeric, {1})"
            return sql.SQL("({})::double precision").format(apply(template, floats[0], digits))
        case "COALESCE":
            if value.meta.is_number:
                arguments = floats if value.meta.kind == "float" else arguments
            return apply("COALESCE({0})", sql.SQL(", ").join(arguments))
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
        case "MIN" | "MAX", "null":
            template = f"{name.lower()}(({{0}})::double precision)"
        case "MIN" | "MAX", _:
            template = f"{name.lower()}({{0}})"
        case "SUM", "int":
            template = f"sum({distinct}({{0}})::bigint)::bigint"
        case "SUM" | "AVG", _:
            template = f"{name.lower()}({distinct}({{0}})::double precision)"
        case _:
            msg = f"{value.name} is not supported by this service"
            raise UnsupportedFeatureError(msg)
    return apply(template, arguments[0])
