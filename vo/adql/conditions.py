"""Resolves conditions: comparisons and the predicates of ADQL 2.1, with the types they may join."""

from collections.abc import Callable

from vo.adql.errors import TypeMismatchError, UnsupportedFeatureError
from vo.adql.operands import describe, need_text
from vo.adql.resolved import BOOLEAN, GEOMETRY_KINDS, Body, Operation, QueryTest, Typed
from vo.adql.scope import Scope
from vo.adql.syntax import (
    And,
    Between,
    Comparison,
    Condition,
    Exists,
    InList,
    InQuery,
    IsNull,
    Like,
    Node,
    Not,
    Or,
    SelectExpression,
)
from vo.adql.types import coerce_constant
from vo.adql.values import resolve_value

ResolveQuery = Callable[[SelectExpression, Scope], Body]


def resolve_condition(  # noqa: PLR0911  # one return for each predicate
    node: Condition, scope: Scope, resolve_query: ResolveQuery
) -> Typed:
    """Resolve one condition; `resolve_query` resolves the queries inside IN and EXISTS.

    Raises
    ------
    ADQLError
        A subclass that names what is wrong and where.
    """
    match node:
        case And(parts) | Or(parts):
            name = "AND" if isinstance(node, And) else "OR"
            return Operation(name, tuple(resolve_condition(part, scope, resolve_query) for part in parts), BOOLEAN)
        case Not(condition):
            return Operation("NOT", (resolve_condition(condition, scope, resolve_query),), BOOLEAN)
        case Comparison(operator, left, right):
            pair = _comparable([resolve_value(left, scope), resolve_value(right, scope)], node, scope)
            return Operation(operator, pair, BOOLEAN)
        case Between(value, low, high, negated):
            values = _comparable([resolve_value(part, scope) for part in (value, low, high)], node, scope)
            return _maybe_not(Operation("BETWEEN", values, BOOLEAN), negated=negated)
        case InList(value, items, negated):
            values = _comparable([resolve_value(part, scope) for part in (value, *items)], node, scope)
            return _maybe_not(Operation("IN", values, BOOLEAN), negated=negated)
        case Like(value, pattern, negated, case_insensitive):
            text = need_text(resolve_value(value, scope), "what LIKE compares", node, scope)
            wanted = need_text(resolve_value(pattern, scope), "the pattern of LIKE", node, scope)
            name = "ILIKE" if case_insensitive else "LIKE"
            return _maybe_not(Operation(name, (text, wanted), BOOLEAN), negated=negated)
        case IsNull(value, negated):
            return Operation("IS NOT NULL" if negated else "IS NULL", (resolve_value(value, scope),), BOOLEAN)
        case Exists(query):
            return QueryTest("EXISTS", None, resolve_query(query, scope))
        case InQuery():
            return _in_query(node, scope, resolve_query)


def _maybe_not(condition: Typed, *, negated: bool) -> Typed:
    return Operation("NOT", (condition,), BOOLEAN) if negated else condition


def _in_query(node: InQuery, scope: Scope, resolve_query: ResolveQuery) -> Typed:
    value = resolve_value(node.value, scope)
    body = resolve_query(node.query, scope)
    if len(body.columns) != 1:
        msg = f"the query after IN must give one column, not {len(body.columns)}"
        raise scope.error(TypeMismatchError, msg, node)
    kinds = {value.meta.kind, body.columns[0].meta.kind}
    if not _kinds_agree(kinds):
        msg = f"IN compares {describe(value)} with a column of kind {body.columns[0].meta.kind}"
        raise scope.error(TypeMismatchError, msg, node)
    return _maybe_not(QueryTest("IN", value, body), negated=node.negated)


def _kinds_agree(kinds: set[str]) -> bool:
    kinds = {"number" if kind in {"int", "float"} else kind for kind in kinds} - {"null"}
    return len(kinds) <= 1 and not kinds & {*GEOMETRY_KINDS, "array"}


def _comparable(values: list[Typed], node: Node, scope: Scope) -> tuple[Typed, ...]:
    """Return values that may be compared with each other; texts beside times and truth values are read as such."""
    leader = next((v for v in values if v.meta.kind in {"timestamp", "boolean"}), values[0])
    result: list[Typed] = []
    for value in values:
        coerced = coerce_constant(value, leader)
        if isinstance(coerced, str):
            raise scope.error(TypeMismatchError, coerced, node)
        result.append(coerced)
    kinds = {value.meta.kind for value in result}
    if kinds & {*GEOMETRY_KINDS, "array"}:
        msg = "comparing geometries or arrays is not supported by this service; for the sky there is CONTAINS"
        raise scope.error(UnsupportedFeatureError, msg, node)
    if not _kinds_agree(kinds):
        unlike = next(v for v in result if not _kinds_agree({result[0].meta.kind, v.meta.kind}))
        msg = f"cannot compare {describe(result[0])} with {describe(unlike)}; CAST makes one kind of the other"
        raise scope.error(TypeMismatchError, msg, node)
    return tuple(result)
