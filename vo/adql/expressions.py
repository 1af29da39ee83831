"""Parses value expressions (ADQL 2.1 appendix A: value_expression and below).

Precedence, loosest first: ``||``, the bitwise ``& | ^``, ``+ -``, ``* /``, a sign. Bitwise operators and hexadecimal
literals are from the 2.1 drafts; the Recommendation dropped them, existing queries use them.
"""

from collections.abc import Callable

from vo.adql.errors import QueryTooLargeError
from vo.adql.suggest import did_you_mean
from vo.adql.syntax import (
    Aggregate,
    BooleanLiteral,
    Cast,
    Chain,
    ColumnReference,
    Condition,
    FunctionCall,
    NullLiteral,
    NumberLiteral,
    Shape,
    Signed,
    StringLiteral,
    Value,
)
from vo.adql.tokens import Cursor, Token
from vo.adql.words import AGGREGATES, CAST_TARGETS, GEOMETRY_FUNCTIONS, SCALAR_FUNCTIONS, SHAPES

MAX_CHAIN = 1_000
MAX_ARGUMENTS = 2_002
"""A polygon of 1000 vertices with a coordinate system, or a call with as many arguments."""

_LEVELS = (("||",), ("&", "|", "^"), ("+", "-"), ("*", "/"))

Parenthesis = Callable[[Cursor], "Value | Condition"]


def parse_value(cursor: Cursor) -> Value:
    """Parse one value expression."""
    return _parse_level(cursor, 0)


def parse_operand(cursor: Cursor, parenthesis: Parenthesis) -> Value | Condition:
    """Parse a value expression whose leftmost parenthesis may turn out to hold a condition.

    `(` opens both a condition and a value, and only what follows tells which. `parenthesis` reads either; if it was a
    condition, that is the result.
    """
    if not cursor.at("("):
        return parse_value(cursor)
    first = parenthesis(cursor)
    if not isinstance(first, Value):
        return first
    value = first
    for level in range(len(_LEVELS) - 1, -1, -1):
        value = _parse_rest(cursor, level, value)
    return value


def _parse_level(cursor: Cursor, level: int) -> Value:
    if level == len(_LEVELS):
        return _parse_factor(cursor)
    return _parse_rest(cursor, level, _parse_level(cursor, level + 1))


def _parse_rest(cursor: Cursor, level: int, first: Value) -> Value:
    rest: list[tuple[str, Value]] = []
    while operator := cursor.accept(*_LEVELS[level]):
        rest.append((operator.text, _parse_level(cursor, level + 1)))
        if len(rest) > MAX_CHAIN:
            msg = f"more than {MAX_CHAIN} operands in one expression"
            raise cursor.error(msg, operator.pos, QueryTooLargeError)
    if not rest:
        return first
    for operand in (first, *(value for _, value in rest)):
        if isinstance(operand, Shape):
            msg = f"syntax error: {operand.kind} makes a geometry, which {rest[0][0]} does not take"
            raise cursor.error(msg, operand.pos)
    return Chain(first, tuple(rest), pos=first.pos)


def _parse_factor(cursor: Cursor) -> Value:
    if sign := cursor.accept("+", "-", "~"):
        operand = _parse_primary(cursor)
        match sign.text:
            case "+":
                return Signed("+", operand, pos=sign.pos)
            case "-":
                return Signed("-", operand, pos=sign.pos)
            case _:
                return Signed("~", operand, pos=sign.pos)
    return _parse_primary(cursor)


def _parse_primary(cursor: Cursor) -> Value:  # noqa: RET503  # Cursor.fail never returns
    token = cursor.token
    match token.kind:
        case "number":
            cursor.take()
            return NumberLiteral(token.text, pos=token.pos)
        case "string":
            cursor.take()
            return StringLiteral(token.text[1:-1].replace("''", "'"), pos=token.pos)
        case "quoted":
            return parse_column_reference(cursor)
        case "word":
            return _parse_word(cursor, token)
        case "operator" if token.text == "(":
            cursor.take()
            cursor.enter()
            value = parse_value(cursor)
            cursor.leave()
            cursor.expect(")", "to close the parenthesis")
            return value
        case _:
            cursor.fail("a value (a column, number, 'text', function or parenthesis)")


def _parse_word(cursor: Cursor, token: Token) -> Value:
    word = token.text
    if cursor.next_token.text == "(" and cursor.next_token.kind == "operator":
        return _parse_call(cursor, token)
    if word in {"TRUE", "FALSE"}:
        cursor.take()
        return BooleanLiteral(word == "TRUE", pos=token.pos)
    if word == "NULL":
        cursor.take()
        return NullLiteral(pos=token.pos)
    if word in SCALAR_FUNCTIONS and word in {"PI", "RAND"}:
        cursor.take()
        cursor.fail(f"( after the function {word}")
    return parse_column_reference(cursor)


def parse_column_reference(cursor: Cursor) -> ColumnReference:
    """Parse [[[catalog.]schema.]table.]column."""
    first = cursor.expect_identifier("a value (a column, number, 'text', function or parenthesis)")
    names = [first]
    while cursor.accept("."):
        names.append(cursor.expect_identifier("a name after the ."))
        if len(names) > 4:
            msg = "syntax error: a column has at most catalog, schema and table before its name"
            raise cursor.error(msg, first.pos)
    return ColumnReference(tuple(names), pos=first.pos)


def _parse_call(cursor: Cursor, token: Token) -> Value:
    name = token.text
    cursor.take()
    cursor.take()
    cursor.enter()
    if name in AGGREGATES:
        call: Value = _parse_aggregate(cursor, token)
    elif name == "CAST":
        call = _parse_cast(cursor, token)
    elif name in SHAPES:
        call = _parse_shape(cursor, token)
    elif name in GEOMETRY_FUNCTIONS:
        call = _parse_geometry_function(cursor, token)
    elif name in SCALAR_FUNCTIONS:
        call = _parse_scalar_function(cursor, token)
    elif cursor.knows_function(name):
        call = FunctionCall(name, _parse_arguments(cursor), pos=token.pos)
    else:
        known = (*SCALAR_FUNCTIONS, *GEOMETRY_FUNCTIONS, *SHAPES, *AGGREGATES, "CAST")
        msg = f"unknown function {token.written}{did_you_mean(token.written, known)}"
        raise cursor.error(msg, token.pos)
    cursor.leave()
    cursor.expect(")", f"to close {name}(")
    return call


def _parse_arguments(cursor: Cursor) -> tuple[Value, ...]:
    if cursor.at(")"):
        return ()
    arguments = [parse_value(cursor)]
    while cursor.accept(","):
        arguments.append(parse_value(cursor))
        if len(arguments) > MAX_ARGUMENTS:
            msg = f"more than {MAX_ARGUMENTS} arguments in one call"
            raise cursor.error(msg, cursor.token.pos, QueryTooLargeError)
    return tuple(arguments)


def _parse_aggregate(cursor: Cursor, token: Token) -> Aggregate:
    if token.text == "COUNT" and cursor.accept("*"):
        return Aggregate("COUNT", None, pos=token.pos)
    distinct = cursor.accept("DISTINCT") is not None
    if not distinct:
        cursor.accept("ALL")
    return Aggregate(token.text, parse_value(cursor), distinct, pos=token.pos)


def _parse_cast(cursor: Cursor, token: Token) -> Cast:
    operand = parse_value(cursor)
    cursor.expect("AS", "and a type in CAST")
    target = cursor.take()
    name = target.text
    if name == "DOUBLE":
        cursor.expect("PRECISION", "after DOUBLE")
        name = "DOUBLE PRECISION"
    if target.kind != "word" or name not in CAST_TARGETS:
        cursor.fail(f"a type that CAST can make ({', '.join(sorted(CAST_TARGETS))})", target)
    length = None
    if name in {"CHAR", "VARCHAR"} and cursor.accept("("):
        length = cursor.expect_whole_number("a length")
        cursor.expect(")", "after the length")
    return Cast(operand, name, length, pos=token.pos)


def _parse_scalar_function(cursor: Cursor, token: Token) -> FunctionCall:
    name = token.text
    arguments = _parse_arguments(cursor)
    least, most = SCALAR_FUNCTIONS[name]
    if not least <= len(arguments) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        msg = f"syntax error: {name} takes {wanted} argument(s), not {len(arguments)}"
        raise cursor.error(msg, token.pos)
    if name in {"ROUND", "TRUNCATE"} and len(arguments) == 2 and not _is_whole_number(arguments[1]):
        msg = f"syntax error: the second argument of {name} must be a whole number"
        raise cursor.error(msg, arguments[1].pos)
    if name == "RAND" and arguments and not _is_whole_number(arguments[0]):
        msg = "syntax error: the seed of RAND must be a whole number"
        raise cursor.error(msg, arguments[0].pos)
    if name == "IN_UNIT" and not isinstance(arguments[1], StringLiteral):
        msg = "syntax error: the second argument of IN_UNIT must be a unit in quotes"
        raise cursor.error(msg, arguments[1].pos)
    return FunctionCall(name, arguments, pos=token.pos)


def _is_whole_number(value: Value) -> bool:
    if isinstance(value, Signed) and value.operator != "~":
        value = value.operand
    return isinstance(value, NumberLiteral) and value.text.isdigit()


def _parse_geometry_function(cursor: Cursor, token: Token) -> FunctionCall:
    name = token.text
    arguments = _parse_arguments(cursor)
    allowed = GEOMETRY_FUNCTIONS[name]
    if len(arguments) not in allowed:
        msg = f"syntax error: {name} takes {' or '.join(map(str, allowed))} argument(s), not {len(arguments)}"
        raise cursor.error(msg, token.pos)
    if name in {"COORD1", "COORD2"} or (name == "DISTANCE" and len(arguments) == 2):
        for argument in arguments:
            _check_point(cursor, argument, f"an argument of {name}")
    return FunctionCall(name, arguments, pos=token.pos)


def _parse_shape(cursor: Cursor, token: Token) -> Shape:
    kind = token.text
    arguments = _parse_arguments(cursor)
    if kind == "REGION":
        if len(arguments) != 1 or not isinstance(arguments[0], StringLiteral):
            msg = "syntax error: REGION takes one text, such as REGION('CIRCLE ICRS 10 20 1')"
            raise cursor.error(msg, token.pos)
        return Shape(kind, None, arguments, pos=token.pos)
    coordsys = None
    if (
        arguments
        and isinstance(arguments[0], StringLiteral | NullLiteral)
        and not (kind == "POINT" and len(arguments) == 2)
    ):
        coordsys, arguments = arguments[0], arguments[1:]
    _check_shape(cursor, token, arguments)
    return Shape(kind, coordsys, arguments, pos=token.pos)


def _check_shape(cursor: Cursor, token: Token, arguments: tuple[Value, ...]) -> None:
    count = len(arguments)
    match token.text:
        case "POINT":
            good, wanted = count == 2, "a longitude and a latitude"
        case "CIRCLE":
            good, wanted = count in {2, 3}, "a centre (two numbers or a point) and a radius"
        case "BOX":
            good, wanted = count in {3, 4}, "a centre (two numbers or a point), a width and a height"
        case _:
            points = count >= 3 and all(_is_point(a) for a in arguments)
            good, wanted = (
                (count >= 6 and count % 2 == 0) or points,
                "at least three vertices (pairs of numbers or points)",
            )
    if not good:
        msg = f"syntax error: {token.text} takes {wanted}, each number in degrees; here are {count} argument(s)"
        raise cursor.error(msg, token.pos)
    if (token.text, count) in {("CIRCLE", 2), ("BOX", 3)}:
        _check_point(cursor, arguments[0], f"the centre of {token.text}")


def _is_point(value: Value) -> bool:
    match value:
        case ColumnReference() | Shape(kind="POINT") | FunctionCall(name="CENTROID") | Cast(target="POINT"):
            return True
        case FunctionCall(name=name):
            return name not in SCALAR_FUNCTIONS and name not in GEOMETRY_FUNCTIONS
        case _:
            return False


def _check_point(cursor: Cursor, value: Value, what: str) -> None:
    if not _is_point(value):
        msg = f"syntax error: {what} must be a point: POINT(lon, lat), CENTROID(...) or a column of points"
        raise cursor.error(msg, value.pos)
