"""Parses ADQL 2.1: queries and tables. Conditions are in `vo.adql.predicates`, values in `vo.adql.expressions`.

The Recommendation (2023-12-15) and its grammar (appendix A) rule. Hand-written recursive descent: one function per
construct, no backtracking, so that an error is always reported where the text stops making sense.
"""

from collections.abc import Callable
from typing import Literal as OneOf

from vo.adql.expressions import parse_value
from vo.adql.functions import is_declared
from vo.adql.predicates import check_count, parse_condition
from vo.adql.syntax import (
    Aggregate,
    And,
    Comparison,
    Condition,
    DerivedColumn,
    DerivedTable,
    Identifier,
    Join,
    Or,
    OrderTerm,
    Query,
    QueryBody,
    Select,
    SelectExpression,
    SetOperation,
    Star,
    TableName,
    TableReference,
    Value,
    WithQuery,
)
from vo.adql.tokens import Cursor
from vo.adql.words import RESERVED_WORDS

MAX_TABLES = 50
MAX_SET_OPERATIONS = 50
MAX_SELECT_ITEMS = 1_600


def parse_query(text: str, *, knows_function: Callable[[str], bool] = is_declared) -> Query:
    """Parse a query.

    Parameters
    ----------
    text
        ADQL 2.1; a trailing semicolon is allowed.
    knows_function
        Tells whether a function outside of the standard, named in upper case, is declared.

    Raises
    ------
    ADQLSyntaxError
        If the text is not ADQL 2.1; carries the line, the column, what was found and what was expected.
    QueryTooLargeError
        If it is longer, deeper or holds longer lists than the limits.

    Examples
    --------
    >>> parse_query("SELECT TOP 5 ra, dec FROM integral.sources").expression.body.top
    5
    """
    cursor = Cursor(text, knows_function=knows_function, parse_subquery=_parse_subquery)
    pos = cursor.token.pos
    with_queries: list[WithQuery] = []
    if cursor.accept("WITH"):
        with_queries.append(_parse_with_query(cursor))
        while cursor.accept(","):
            with_queries.append(_parse_with_query(cursor))
            check_count(cursor, len(with_queries), MAX_TABLES, "queries in WITH")
    if not cursor.at("SELECT", "("):
        cursor.fail("SELECT" if with_queries else "SELECT, WITH or (")
    expression = _parse_select_expression(cursor)
    cursor.accept(";")
    if cursor.token.kind != "end":
        cursor.fail("the end of the query" if cursor.tokens[cursor.index - 1].text == ";" else _after_query(expression))
    return Query(expression, tuple(with_queries), pos=pos)


def _after_query(expression: SelectExpression) -> str:
    if expression.offset is not None:
        return "the end of the query after OFFSET"
    return "an operator, a comma, the next clause (WHERE, GROUP BY, HAVING, ORDER BY, OFFSET) or the end of the query"


def _parse_with_query(cursor: Cursor) -> WithQuery:
    name = cursor.expect_identifier("a name for the query in WITH")
    cursor.expect("AS", "after the name in WITH")
    cursor.expect("(", "after AS in WITH")
    cursor.enter()
    query = _parse_select_expression(cursor)
    cursor.leave()
    cursor.expect(")", "to close the query in WITH")
    return WithQuery(name, query, pos=name.pos)


# --- set expressions ------------------------------------------------------------------------------------------------


def _parse_select_expression(cursor: Cursor, left: QueryBody | None = None) -> SelectExpression:
    pos = left.pos if left else cursor.token.pos
    body = _parse_set_expression(cursor, left)
    order_by: list[OrderTerm] = []
    if cursor.accept("ORDER"):
        cursor.expect("BY", "after ORDER")
        order_by.append(_parse_order_term(cursor))
        while cursor.accept(","):
            order_by.append(_parse_order_term(cursor))
    offset = cursor.expect_whole_number("a whole number of rows after OFFSET") if cursor.accept("OFFSET") else None
    return SelectExpression(body, tuple(order_by), offset, pos=pos)


def _parse_set_expression(cursor: Cursor, left: QueryBody | None) -> QueryBody:
    """Parse UNION and EXCEPT, from the left; INTERSECT binds tighter (ADQL 2.1 section 4.6)."""
    body = _parse_set_term(cursor, left)
    count = 0
    while token := cursor.accept("UNION", "EXCEPT"):
        count += 1
        check_count(cursor, count, MAX_SET_OPERATIONS, "set operations")
        keep = cursor.accept("ALL") is not None
        operator: OneOf["UNION", "EXCEPT"] = "UNION" if token.text == "UNION" else "EXCEPT"
        body = SetOperation(operator, body, _parse_set_term(cursor, None), keep, pos=token.pos)
    return body


def _parse_set_term(cursor: Cursor, left: QueryBody | None) -> QueryBody:
    body = left or _parse_set_primary(cursor)
    count = 0
    while token := cursor.accept("INTERSECT"):
        count += 1
        check_count(cursor, count, MAX_SET_OPERATIONS, "set operations")
        keep = cursor.accept("ALL") is not None
        body = SetOperation("INTERSECT", body, _parse_set_primary(cursor), keep, pos=token.pos)
    return body


def _parse_set_primary(cursor: Cursor) -> QueryBody:
    if cursor.accept("("):
        cursor.enter()
        inner = _parse_select_expression(cursor)
        cursor.leave()
        cursor.expect(")", "to close the query")
        return inner
    return _parse_select(cursor)


def _parse_subquery(cursor: Cursor) -> SelectExpression:
    """Parse `( select expression )`."""
    cursor.expect("(", "and a query")
    cursor.enter()
    query = _parse_select_expression(cursor)
    cursor.leave()
    cursor.expect(")", "to close the query")
    return query


# --- select ---------------------------------------------------------------------------------------------------------


def _parse_select(cursor: Cursor) -> Select:
    pos = cursor.expect("SELECT", "of a query").pos
    distinct = cursor.accept("DISTINCT") is not None
    if not distinct:
        cursor.accept("ALL")
    top = cursor.expect_whole_number("a whole number of rows after TOP") if cursor.accept("TOP") else None
    items = [_parse_select_item(cursor)]
    if items == [Star()]:
        cursor.expect("FROM", "after *, which stands alone (write table.* to mix it with other columns)")
    else:
        while cursor.accept(","):
            items.append(_parse_select_item(cursor))
            check_count(cursor, len(items), MAX_SELECT_ITEMS, "output columns")
        cursor.expect("FROM", "after the output columns")
    tables = [_parse_table_reference(cursor)]
    while cursor.accept(","):
        tables.append(_parse_table_reference(cursor))
        check_count(cursor, len(tables), MAX_TABLES, "tables")
    where = _parse_where(cursor) if cursor.accept("WHERE") else None
    group_by: list[Value] = []
    if cursor.accept("GROUP"):
        cursor.expect("BY", "after GROUP")
        group_by.append(parse_value(cursor))
        while cursor.accept(","):
            group_by.append(parse_value(cursor))
            check_count(cursor, len(group_by), MAX_SELECT_ITEMS, "terms in GROUP BY")
    having = parse_condition(cursor) if cursor.accept("HAVING") else None
    return Select(tuple(items), tuple(tables), where, tuple(group_by), having, distinct, top, pos=pos)


def _parse_where(cursor: Cursor) -> Condition:
    condition = parse_condition(cursor)
    parts = condition.conditions if isinstance(condition, And | Or) else (condition,)
    for part in parts:
        if isinstance(part, Comparison) and isinstance(part.left, Aggregate):
            msg = f"syntax error: {part.left.name} cannot stand in WHERE, which is evaluated row by row; use HAVING"
            raise cursor.error(msg, part.left.pos)
    return condition


def _parse_select_item(cursor: Cursor) -> Star | DerivedColumn:
    token = cursor.token
    if cursor.at("*"):
        if cursor.tokens[cursor.index - 1].text == ",":
            cursor.fail("a value: * stands alone, write table.* to mix it with other columns")
        cursor.take()
        return Star(pos=token.pos)
    if qualifier := _accept_qualified_star(cursor):
        return Star(qualifier, pos=token.pos)
    value = parse_value(cursor)
    if cursor.accept("AS"):
        return DerivedColumn(value, cursor.expect_identifier("a name after AS"), pos=token.pos)
    return DerivedColumn(value, cursor.accept_identifier(), pos=token.pos)


def _accept_qualified_star(cursor: Cursor) -> tuple[Identifier, ...]:
    """Take `table.*`, `schema.table.*` or `catalog.schema.table.*` if it stands here."""
    tokens, index = cursor.tokens, cursor.index
    end = index
    while tokens[end].kind in {"word", "quoted"} and tokens[end + 1].text == ".":
        end += 2
    if end == index or tokens[end].kind != "operator" or tokens[end].text != "*":
        return ()
    names = [cursor.expect_identifier("a table")]
    while cursor.accept(".") and not cursor.at("*"):
        names.append(cursor.expect_identifier("a table"))
    cursor.take()
    if len(names) > 3:
        msg = "syntax error: a table has at most catalog and schema before its name"
        raise cursor.error(msg, names[0].pos)
    return tuple(names)


def _parse_order_term(cursor: Cursor) -> OrderTerm:
    token = cursor.token
    by: Value | int
    if token.kind == "number" and token.text.isdigit() and not _continues_value(cursor):
        by = cursor.expect_whole_number("the position of a column")
    else:
        by = parse_value(cursor)
    descending = cursor.accept("DESC") is not None
    if not descending:
        cursor.accept("ASC")
    return OrderTerm(by, descending, pos=token.pos)


def _continues_value(cursor: Cursor) -> bool:
    token = cursor.next_token
    return token.kind == "operator" and token.text in {"+", "-", "*", "/", "||", "&", "|", "^"}


# --- tables ---------------------------------------------------------------------------------------------------------


def _parse_table_reference(cursor: Cursor) -> TableReference:
    return _parse_joins(cursor, _parse_table_primary(cursor))


def _parse_joins(cursor: Cursor, left: TableReference) -> TableReference:
    count = 0
    while cursor.at("NATURAL", "INNER", "LEFT", "RIGHT", "FULL", "JOIN"):
        count += 1
        check_count(cursor, count, MAX_TABLES, "joins")
        pos = cursor.token.pos
        natural = cursor.accept("NATURAL") is not None
        kind: OneOf["INNER", "LEFT", "RIGHT", "FULL"] = "INNER"
        if cursor.accept("LEFT"):
            kind = "LEFT"
        elif cursor.accept("RIGHT"):
            kind = "RIGHT"
        elif cursor.accept("FULL"):
            kind = "FULL"
        else:
            cursor.accept("INNER")
        if kind != "INNER":
            cursor.accept("OUTER")
        cursor.expect("JOIN", "of two tables")
        right = _parse_table_primary(cursor)
        on = parse_condition(cursor) if cursor.accept("ON") else None
        using: tuple[Identifier, ...] = ()
        if on is None and cursor.accept("USING"):
            using = _parse_using(cursor)
        left = Join(kind, left, right, natural, on, using, pos=pos)
    return left


def _parse_using(cursor: Cursor) -> tuple[Identifier, ...]:
    cursor.expect("(", "after USING")
    names = [cursor.expect_identifier("a column that both tables have")]
    while cursor.accept(","):
        names.append(cursor.expect_identifier("a column that both tables have"))
    cursor.expect(")", "to close USING(")
    return tuple(names)


def _parse_table_primary(cursor: Cursor) -> TableReference:
    if cursor.at("("):
        pos = cursor.token.pos
        inner = _parse_table_parenthesis(cursor)
        return inner if isinstance(inner, Join) else _parse_derived_table(cursor, inner, pos)
    _refuse_reserved_table(cursor)
    names = [cursor.expect_identifier("a table, a subquery or a parenthesis")]
    while cursor.accept("."):
        names.append(cursor.expect_identifier("a name after the ."))
    if len(names) > 3:
        msg = "syntax error: a table has at most catalog and schema before its name"
        raise cursor.error(msg, names[0].pos)
    alias = cursor.expect_identifier("a name after AS") if cursor.accept("AS") else cursor.accept_identifier()
    return TableName(tuple(names), alias, pos=names[0].pos)


def _refuse_reserved_table(cursor: Cursor) -> None:
    """Say "unknown table" where reserved words are used as in FROM schema.table: clients look for these words."""
    first, dot = cursor.token, cursor.next_token
    if first.kind != "word" or dot.text != "." or dot.kind != "operator":
        return
    second = cursor.tokens[cursor.index + 2]
    reserved = [t.written for t in (first, second) if t.kind == "word" and t.text in RESERVED_WORDS]
    if reserved:
        quoted = " and ".join(f'"{word}"' for word in reserved)
        msg = (
            f"syntax error: Unknown table {first.written}.{second.written}: "
            f"{' and '.join(reserved)} cannot be a name in ADQL unless written {quoted}"
        )
        raise cursor.error(msg, first.pos)


def _parse_derived_table(cursor: Cursor, query: SelectExpression, pos: int) -> DerivedTable:
    cursor.accept("AS")
    return DerivedTable(
        query, cursor.expect_identifier("a name for the subquery in FROM, as in (SELECT ...) AS q"), pos=pos
    )


def _parse_table_parenthesis(cursor: Cursor) -> Join | SelectExpression:
    """Parse a parenthesis in FROM: it holds joined tables or a query, and only its inside tells which."""
    pos = cursor.expect("(", "in FROM").pos
    cursor.enter()
    inner: TableReference | SelectExpression
    if cursor.at("SELECT"):
        inner = _parse_select_expression(cursor)
    elif cursor.at("("):
        inner_pos = cursor.token.pos
        inner = _parse_table_parenthesis(cursor)
        if isinstance(inner, SelectExpression):
            if cursor.at("UNION", "EXCEPT", "INTERSECT", "ORDER", "OFFSET", ")"):
                inner = _parse_select_expression(cursor, inner)
            else:
                inner = _parse_joins(cursor, _parse_derived_table(cursor, inner, inner_pos))
        else:
            inner = _parse_joins(cursor, inner)
    else:
        inner = _parse_table_reference(cursor)
    cursor.leave()
    if not isinstance(inner, Join | SelectExpression):
        cursor.fail("JOIN: a parenthesis in FROM holds joined tables or a query")
    cursor.expect(")", f"to close the parenthesis opened at character {pos + 1}")
    return inner
