"""Resolves value expressions: binds names and gives every value its type."""

from vo.adql.errors import ADQLError, TypeMismatchError, UnsupportedFeatureError
from vo.adql.functions import is_declared
from vo.adql.operands import constant_time, describe, need_number, need_text, text_meta
from vo.adql.regions import resolve_geometry_function, resolve_shape
from vo.adql.resolved import (
    BOOLEAN,
    DOUBLE,
    GEOMETRY_KINDS,
    INT,
    LONG,
    NULL,
    TEXT,
    TIMESTAMP,
    UNICODE,
    Constant,
    Meta,
    Operation,
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
from vo.adql.types import arithmetic_meta, common_meta, number_meta, statistic_ucd
from vo.adql.units import conversion_factor
from vo.adql.user_functions import resolve_user_function
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
    if meta.kind == "null":
        meta = DOUBLE
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
    if kind in {*GEOMETRY_KINDS, "array"}:
        msg = f"CAST cannot make a {node.target} of {describe(operand)}"
        raise scope.error(TypeMismatchError, msg, node)
    meta = _CAST_METAS[node.target]
    if meta.kind == "timestamp":
        need_text(operand, "what becomes a TIMESTAMP", node, scope)
        if isinstance(operand, Constant) and operand.value is not None:
            return constant_time(operand, node, scope)
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


def _function(node: FunctionCall, scope: Scope) -> Typed:
    if node.name in GEOMETRY_FUNCTIONS:
        return resolve_geometry_function(node, tuple(resolve_value(a, scope) for a in node.arguments), scope)
    values = tuple(resolve_value(argument, scope) for argument in node.arguments)
    match node.name:
        case "COALESCE":
            meta = common_meta([value.meta for value in values])
            if meta is None or meta.kind in GEOMETRY_KINDS:
                msg = "the arguments of COALESCE must be all numbers or all texts"
                raise scope.error(TypeMismatchError, msg, node)
            return Operation("COALESCE", values, meta)
        case "LOWER" | "UPPER":
            text = need_text(values[0], f"the argument of {node.name}", node, scope)
            return Operation(node.name, (text,), text_meta(text).computed(ucd=text.meta.ucd))
        case "TIMESTAMP":
            if isinstance(values[0], Constant):
                return constant_time(values[0], node, scope)
            return Operation(
                "CAST TIMESTAMP", (need_text(values[0], "the argument of TIMESTAMP", node, scope),), TIMESTAMP
            )
        case "IN_UNIT":
            return _in_unit(node, values, scope)
        case "RAND" if values:
            msg = "RAND with a seed is not supported by this service; RAND() is"
            raise scope.error(UnsupportedFeatureError, msg, node)
        case name if is_declared(name):
            return resolve_user_function(node, values, scope)
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
