"""Parses conditions (ADQL 2.1 appendix A: search_condition and below)."""

from collections.abc import Callable
from typing import NoReturn

from vo.adql.errors import QueryTooLargeError
from vo.adql.expressions import parse_operand, parse_value
from vo.adql.syntax import (
    And,
    Between,
    ColumnReference,
    Comparison,
    Condition,
    Exists,
    InList,
    InQuery,
    IsNull,
    Like,
    Not,
    Or,
    Value,
)
from vo.adql.tokens import Cursor

MAX_LIST = 20_000
_COMPARISONS = ("=", "<>", "!=", "<", "<=", ">", ">=")


def check_count(cursor: Cursor, count: int, limit: int, what: str) -> None:
    """Refuse more than `limit` of something."""
    if count > limit:
        msg = f"more than {limit} {what}"
        raise cursor.error(msg, cursor.token.pos, QueryTooLargeError)


def parse_condition(cursor: Cursor) -> Condition:
    """Parse a condition: predicates joined by AND, OR and NOT."""
    condition = _parse_or(cursor)
    if not isinstance(condition, Condition):
        _fail_comparison(cursor)
    return condition


def _fail_comparison(cursor: Cursor) -> NoReturn:
    cursor.fail("a comparison (=, <>, <, >, <=, >=, BETWEEN, IN, LIKE, ILIKE, IS NULL)")


def _parse_or(cursor: Cursor) -> Value | Condition:
    """Parse OR and what binds tighter; the result is a plain value only if no condition follows it."""
    first = _parse_and(cursor)
    if not cursor.at("OR"):
        return first
    return Or(_parse_more(cursor, first, "OR", _parse_and), pos=first.pos)


def _parse_and(cursor: Cursor) -> Value | Condition:
    first = _parse_not(cursor)
    if not cursor.at("AND"):
        return first
    return And(_parse_more(cursor, first, "AND", _parse_not), pos=first.pos)


def _parse_more(
    cursor: Cursor, first: Value | Condition, word: str, parse: Callable[[Cursor], Value | Condition]
) -> tuple[Condition, ...]:
    parts = [first]
    while True:
        last = parts[-1]
        if not isinstance(last, Condition):
            _fail_comparison(cursor)
        if not cursor.accept(word):
            return tuple(part for part in parts if isinstance(part, Condition))
        parts.append(parse(cursor))
        check_count(cursor, len(parts), MAX_LIST, f"conditions joined by {word}")


def _parse_not(cursor: Cursor) -> Value | Condition:
    if token := cursor.accept("NOT"):
        condition = _parse_predicate(cursor)
        if not isinstance(condition, Condition):
            _fail_comparison(cursor)
        else:
            return Not(condition, pos=token.pos)
    return _parse_predicate(cursor)


def _parse_parenthesis(cursor: Cursor) -> Value | Condition:
    cursor.expect("(", "")
    cursor.enter()
    inner = _parse_or(cursor)
    cursor.leave()
    cursor.expect(")", "to close the parenthesis")
    return inner


def _parse_predicate(cursor: Cursor) -> Value | Condition:
    token = cursor.token
    if cursor.accept("EXISTS"):
        return Exists(cursor.parse_subquery(cursor), pos=token.pos)
    left = parse_operand(cursor, _parse_parenthesis)
    if isinstance(left, Condition):
        return left
    if operator := cursor.accept(*_COMPARISONS):
        symbol = "<>" if operator.text == "!=" else operator.text
        return Comparison(symbol, left, parse_value(cursor), pos=operator.pos)
    if cursor.at("IS"):
        return _parse_is_null(cursor, left)
    negated = cursor.at("NOT") and cursor.next_token.text in {"BETWEEN", "IN", "LIKE", "ILIKE"}
    if negated:
        cursor.take()
    operator = cursor.accept("BETWEEN", "IN", "LIKE", "ILIKE")
    if operator is None:
        return left
    match operator.text:
        case "BETWEEN":
            low = parse_value(cursor)
            cursor.expect("AND", "between the limits of BETWEEN")
            return Between(left, low, parse_value(cursor), negated, pos=operator.pos)
        case "IN":
            return _parse_in(cursor, left, negated=negated)
        case name:
            return Like(left, parse_value(cursor), negated, name == "ILIKE", pos=operator.pos)


def _parse_is_null(cursor: Cursor, left: Value) -> IsNull:
    pos = cursor.take().pos
    negated = cursor.accept("NOT") is not None
    cursor.expect("NULL", "after IS")
    if not isinstance(left, ColumnReference):
        msg = "syntax error: IS NULL takes a column in ADQL, not an expression"
        raise cursor.error(msg, left.pos)
    return IsNull(left, negated, pos=pos)


def _parse_in(cursor: Cursor, left: Value, *, negated: bool) -> InList | InQuery:
    pos = cursor.token.pos
    if not cursor.at("("):
        cursor.fail("( and a list or a query after IN")
    if _opens_query(cursor):
        return InQuery(left, cursor.parse_subquery(cursor), negated, pos=pos)
    cursor.take()
    cursor.enter()
    items = [parse_value(cursor)]
    while cursor.accept(","):
        items.append(parse_value(cursor))
        check_count(cursor, len(items), MAX_LIST, "values in one IN list; upload the list as a table")
    cursor.leave()
    cursor.expect(")", "to close the list of IN")
    return InList(left, tuple(items), negated, pos=pos)


def _opens_query(cursor: Cursor) -> bool:
    """Whether the parentheses that open here lead to SELECT."""
    index = cursor.index
    while cursor.tokens[index].text == "(" and cursor.tokens[index].kind == "operator":
        index += 1
    return cursor.tokens[index].text == "SELECT" and cursor.tokens[index].kind == "word"
