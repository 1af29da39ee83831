"""Resolves value expressions: binds names and gives every value its type."""

from vo.adql.errors import ADQLError, TypeMismatchError, UnsupportedFeatureError
from vo.adql.regions import resolve_geometry_function, resolve_shape
from vo.adql.resolved import (
    BOOLEAN,
    DOUBLE,
    INT,
    LONG,
    NULL,
    POINT,
    TEXT,
    TIMESTAMP,
    UNICODE,
    ColumnUse,
    Constant,
    Meta,
    Operation,
    PointValue,
    Typed,
)
from vo.adql.scope import Scope
from vo.adql.syntax import (
    Aggregate,
    BooleanLiteral,
    Cast,
    Chain,
    ColumnReference,
    FunctionCall,
    Node,
    NullLiteral,
    NumberLiteral,
    Shape,
    Signed,
    StringLiteral,
    Value,
)
from vo.adql.types import arithmetic_meta, common_meta, number_meta, read_timestamp, statistic_ucd
from vo.adql.units import conversion_factor
from vo.adql.words import GEOMETRY_FUNCTIONS

_CAST_METAS = {
    "SMALLINT": Meta("short"),
    "INTEGER": INT,
    "BIGINT": LONG,
    "REAL": Meta("float"),
    "DOUBLE PRECISION": DOUBLE,
    "CHAR": TEXT,
    "VARCHAR": TEXT,
    "TIMESTAMP": TIMESTAMP,
}
_KEEPS_UNIT = {"ABS", "CEILING", "FLOOR", "ROUND", "TRUNCATE"}
_RESULT_UNIT = {"DEGREES": "deg", "RADIANS": "rad", "ACOS": "rad", "ASIN": "rad", "ATAN": "rad", "ATAN2": "rad"}
_STATISTICS = {"MIN": "stat.min", "MAX": "stat.max", "AVG": "stat.mean", "SUM": "stat.sum"}


def resolve_value(node: Value, scope: Scope) -> Typed:  # noqa: PLR0911  # one return for each kind of node
    """Resolve one value expression.

    Raises
    ------
    ADQLError
        A subclass that names what is wrong and where.
    """
    match node:
        case NumberLiteral(text):
            return _number(text)
        case StringLiteral(value):
            return Constant(value, TEXT if value.isascii() else UNICODE)
        case BooleanLiteral(value):
            return Constant(value, BOOLEAN)
        case NullLiteral():
            return Constant(None, NULL)
        case ColumnReference():
            return scope.find(node)
        case Signed():
            return _signed(node, scope)
        case Chain():
            return _chain(node, scope)
        case Aggregate():
            return _aggregate(node, scope)
        case Cast():
            return _cast(node, scope)
        case Shape():
            return resolve_shape(node, tuple(resolve_value(a, scope) for a in node.arguments), scope)
        case FunctionCall():
            return _function(node, scope)


def _number(text: str) -> Constant:
    if text[:2].lower() == "0x" and len(text) <= 18:
        text = str(int(text, 16))
    return Constant(text, number_meta(text))


def need_number(value: Typed, what: str, node: Node, scope: Scope) -> Typed:
    """Return `value` if it is a number or NULL, else fail."""
    if not value.meta.is_number and value.meta.kind != "null":
        msg = f"{what} must be a number, not {describe(value)}"
        raise scope.error(TypeMismatchError, msg, node)
    return value


def need_text(value: Typed, what: str, node: Node, scope: Scope) -> Typed:
    """Return `value` if it is a text or NULL, else fail."""
    if value.meta.kind not in {"text", "timestamp", "null"}:
        msg = f"{what} must be a text, not {describe(value)}; CAST(... AS VARCHAR) makes one"
        raise scope.error(TypeMismatchError, msg, node)
    return value


def text_meta(*values: Typed) -> Meta:
    """Return the type of a text made of these values; what may hold more than ASCII is unicodeChar."""
    return UNICODE if any(value.meta.datatype == "unicodeChar" for value in values) else TEXT


def describe(value: Typed) -> str:
    """Name a value's kind for an error message."""
    kind = {"int": "number", "float": "number"}.get(value.meta.kind, value.meta.kind)
    return f"the {kind} {value.label}" if isinstance(value, ColumnUse) else f"a {kind}"


def _signed(node: Signed, scope: Scope) -> Typed:
    operand = need_number(resolve_value(node.operand, scope), f"what {node.operator} stands before", node, scope)
    if node.operator == "+":
        return operand
    if node.operator == "~":
        return Operation("~", (_need_int(operand, node, scope),), LONG)
    if isinstance(operand, Constant) and isinstance(operand.value, str) and not operand.value.startswith("-"):
        if operand.value == str(2**63):
            return Constant("-" + operand.value, LONG)
        return Constant("-" + operand.value, operand.meta)
    return Operation("-", (operand,), operand.meta.computed())


def _need_int(value: Typed, node: Node, scope: Scope) -> Typed:
    if value.meta.kind not in {"int", "null"}:
        msg = f"a bitwise operator takes whole numbers, not {describe(value)}"
        raise scope.error(TypeMismatchError, msg, node)
    return value


def _chain(node: Chain, scope: Scope) -> Typed:
    """Resolve a chain to one flat operation, so that long sums do not become deep trees."""
    operators = tuple(operator for operator, _ in node.rest)
    nodes = (node.first, *(operand for _, operand in node.rest))
    values = [resolve_value(operand, scope) for operand in nodes]
    if operators[0] == "||":
        for value, operand in zip(values, nodes, strict=True):
            if value.meta.kind not in {"text", "timestamp", "int", "float", "null"}:
                msg = f"|| joins texts, not {describe(value)}"
                raise scope.error(TypeMismatchError, msg, operand)
        return Operation("||", tuple(values), text_meta(*values))
    bitwise = operators[0] in {"&", "|", "^"}
    for value, operand in zip(values, nodes, strict=True):
        need_number(value, f"an operand of {operators[0]}", operand, scope)
        if bitwise:
            _need_int(value, operand, scope)
    meta = values[0].meta
    for operator, value in zip(operators, values[1:], strict=True):
        left = LONG if meta.kind == "null" else meta
        right = left.computed(unit=None) if value.meta.kind == "null" else value.meta
        meta = arithmetic_meta(
            operator,
            left,
            right,
            left_constant=isinstance(values[0], Constant),
            right_constant=isinstance(value, Constant),
        )
    return Operation(" ".join(operators), tuple(values), LONG if bitwise else meta)


def _aggregate(node: Aggregate, scope: Scope) -> Typed:
    if not scope.aggregates_allowed:
        msg = f"{node.name} cannot stand here: WHERE, ON and GROUP BY look at one row at a time; use HAVING"
        raise scope.error(ADQLError, msg, node)
    if node.argument is None:
        return Operation("COUNT(*)", (), LONG.computed(ucd="meta.number"))
    scope.aggregates_allowed = False
    argument = resolve_value(node.argument, scope)
    scope.aggregates_allowed = True
    meta = argument.meta
    name = f"{node.name} DISTINCT" if node.distinct else node.name
    if node.name == "COUNT":
        return Operation(name, (argument,), LONG.computed(ucd="meta.number"))
    ucd = statistic_ucd(_STATISTICS[node.name], meta.ucd)
    if node.name in {"AVG", "SUM"}:
        need_number(argument, f"the argument of {node.name}", node, scope)
        datatype = "long" if node.name == "SUM" and meta.kind == "int" else "double"
        return Operation(name, (argument,), Meta(datatype, unit=meta.unit, ucd=ucd))
    if meta.kind not in {"int", "float", "text", "timestamp", "boolean", "null"}:
        msg = f"{node.name} cannot order {describe(argument)}"
        raise scope.error(TypeMismatchError, msg, node)
    return Operation(name, (argument,), meta.computed(ucd=ucd))


def _cast(node: Cast, scope: Scope) -> Typed:
    operand = resolve_value(node.operand, scope)
    kind = operand.meta.kind
    if node.target in {"POINT", "CIRCLE", "POLYGON"}:
        if isinstance(operand, Constant) and kind == "text":
            shape = Shape(
                "REGION", None, (StringLiteral(f"{node.target} {operand.value}", pos=node.pos),), pos=node.pos
            )
            return resolve_shape(shape, (), scope)
        msg = f"CAST of anything but a constant text to {node.target} is not supported by this service"
        raise scope.error(UnsupportedFeatureError, msg, node)
    if kind in {"point", "circle", "polygon", "array"}:
        msg = f"CAST cannot make a {node.target} of {describe(operand)}"
        raise scope.error(TypeMismatchError, msg, node)
    meta = _CAST_METAS[node.target]
    if meta.kind == "timestamp":
        need_text(operand, "what becomes a TIMESTAMP", node, scope)
        if isinstance(operand, Constant) and operand.value is not None:
            return _timestamp(operand, node, scope)
        return Operation("CAST TIMESTAMP", (operand,), TIMESTAMP)
    if meta.kind != "text" and kind == "timestamp":
        msg = f"CAST cannot make a {node.target} of {describe(operand)}"
        raise scope.error(TypeMismatchError, msg, node)
    keep = operand.meta if meta.is_number and operand.meta.is_number else Meta("")
    meta = meta.computed(unit=keep.unit, ucd=keep.ucd)
    if node.length is not None:
        meta = meta.computed(arraysize=str(node.length) + ("*" if node.target == "VARCHAR" else ""))
        return Operation(f"CAST {node.target}", (operand, Constant(str(node.length), INT)), meta)
    return Operation(f"CAST {node.target}", (operand,), meta)


def _timestamp(value: Constant, node: Node, scope: Scope) -> Constant:
    iso = read_timestamp(str(value.value))
    if iso is None:
        msg = f"{value.value!r} is not a time such as 2005-01-31T12:00:00 (UTC)"
        raise scope.error(TypeMismatchError, msg, node)
    return Constant(iso, TIMESTAMP)


def _function(node: FunctionCall, scope: Scope) -> Typed:
    if node.name in GEOMETRY_FUNCTIONS:
        return resolve_geometry_function(node, tuple(resolve_value(a, scope) for a in node.arguments), scope)
    values = tuple(resolve_value(argument, scope) for argument in node.arguments)
    match node.name:
        case "COALESCE":
            meta = common_meta([value.meta for value in values])
            if meta is None or meta.kind in {"point", "circle", "polygon"}:
                msg = "the arguments of COALESCE must be all numbers or all texts"
                raise scope.error(TypeMismatchError, msg, node)
            return Operation("COALESCE", values, meta)
        case "LOWER" | "UPPER":
            text = need_text(values[0], f"the argument of {node.name}", node, scope)
            return Operation(node.name, (text,), text_meta(text).computed(ucd=text.meta.ucd))
        case "TIMESTAMP":
            if isinstance(values[0], Constant):
                return _timestamp(values[0], node, scope)
            return Operation(
                "CAST TIMESTAMP", (need_text(values[0], "the argument of TIMESTAMP", node, scope),), TIMESTAMP
            )
        case "IN_UNIT":
            return _in_unit(node, values, scope)
        case "RAND" if values:
            msg = "RAND with a seed is not supported by this service; RAND() is"
            raise scope.error(UnsupportedFeatureError, msg, node)
        case name if name.startswith("IVO_") or name == "IJD":
            return _user_function(node, values, scope)
        case _:
            return _numeric_function(node, values, scope)


def _numeric_function(node: FunctionCall, values: tuple[Typed, ...], scope: Scope) -> Typed:
    for value, argument in zip(values, node.arguments, strict=True):
        need_number(value, f"an argument of {node.name}", argument, scope)
    unit = values[0].meta.unit if node.name in _KEEPS_UNIT else _RESULT_UNIT.get(node.name)
    ucd = values[0].meta.ucd if node.name in _KEEPS_UNIT and node.name != "ABS" else None
    whole = node.name in {"ABS", "MOD"} and all(value.meta.kind == "int" for value in values)
    return Operation(node.name, values, Meta("long" if whole else "double", unit=unit, ucd=ucd))


def _in_unit(node: FunctionCall, values: tuple[Typed, ...], scope: Scope) -> Typed:
    value = need_number(values[0], "the first argument of IN_UNIT", node, scope)
    unit = str(values[1].value) if isinstance(values[1], Constant) else ""
    factor = conversion_factor(value.meta.unit, unit)
    if isinstance(factor, str):
        raise scope.error(TypeMismatchError, f"IN_UNIT: {factor}", node)
    meta = Meta("double", unit=unit, ucd=value.meta.ucd)
    return Operation("*", (value, Constant(repr(factor), DOUBLE)), meta)


_USER_FUNCTION_TYPES = {
    "IVO_HASWORD": ("text", "text"),
    "IVO_NOCASEMATCH": ("text", "text"),
    "IVO_HASHLIST_HAS": ("text", "text"),
    "IVO_INTERVAL_OVERLAPS": ("number", "number", "number", "number"),
    "IVO_STRING_AGG": ("text", "text"),
    "IVO_HEALPIX_INDEX": ("number", "number", "number"),
    "IJD": ("number",),
}


def _user_function(node: FunctionCall, values: tuple[Typed, ...], scope: Scope) -> Typed:
    if node.name == "IVO_HEALPIX_INDEX" and len(values) == 2 and isinstance(values[1], PointValue):
        values = (values[0], values[1].lon, values[1].lat)
    wanted = _USER_FUNCTION_TYPES.get(node.name)
    if wanted is None:
        msg = f"the function {node.name.lower()} is not supported by this service; /capabilities lists those that are"
        raise scope.error(UnsupportedFeatureError, msg, node)
    if len(wanted) != len(values):
        msg = f"{node.name.lower()} takes {len(wanted)} argument(s), not {len(values)}"
        raise scope.error(TypeMismatchError, msg, node)
    for value, kind in zip(values, wanted, strict=True):
        (need_text if kind == "text" else need_number)(value, f"an argument of {node.name.lower()}", node, scope)
    match node.name:
        case "IJD":
            return Operation("-", (values[0], Constant("51544", INT)), Meta("double", unit="d", ucd=values[0].meta.ucd))
        case "IVO_STRING_AGG":
            return _string_agg(node, values, scope)
        case "IVO_HEALPIX_INDEX":
            return _healpix_index(node, values, scope)
        case _:
            return Operation(node.name, values, INT)


def _string_agg(node: FunctionCall, values: tuple[Typed, ...], scope: Scope) -> Typed:
    if not scope.aggregates_allowed:
        msg = "ivo_string_agg cannot stand here: WHERE, ON and GROUP BY look at one row at a time"
        raise scope.error(ADQLError, msg, node)
    return Operation("IVO_STRING_AGG", values, text_meta(*values))


def _healpix_index(node: FunctionCall, values: tuple[Typed, ...], scope: Scope) -> Typed:
    order, lon, lat = values
    if not isinstance(order, Constant) or not str(order.value).isdigit() or int(str(order.value)) > 29:
        msg = "the order of ivo_healpix_index must be a whole number from 0 to 29"
        raise scope.error(TypeMismatchError, msg, node)
    meta = LONG.computed(ucd="pos.healpix")
    point = PointValue(lon, lat, POINT)
    constant = isinstance(lon, Constant) and isinstance(lat, Constant)
    indexed = (
        isinstance(lon, ColumnUse)
        and isinstance(lat, ColumnUse)
        and (lon.role, lat.role, lon.source) == ("ra", "dec", lat.source)
    )
    if not constant and not indexed:
        msg = "ivo_healpix_index is supported for the main position columns of a table and for constants"
        raise scope.error(UnsupportedFeatureError, msg, node)
    return Operation("IVO_HEALPIX_INDEX", (order, point), meta)
