"""Writes a resolved query as SQL for PostgreSQL.

SQL is made of the literals in these modules, quoted identifiers and quoted constants (`psycopg.sql`); nothing of the
user's text gets in otherwise. Tables and columns have generated names (t1, c1), so that no name of the user's can
clash with, or be cut off by, PostgreSQL's own rules.
"""

from psycopg import sql
from psycopg.sql import Composable

from vo.adql.postgres_values import ValueWriter
from vo.adql.resolved import (
    BaseTable,
    Body,
    Constant,
    FromItem,
    JoinedTables,
    NamedQuery,
    OutputColumn,
    QueryTable,
    ResolvedQuery,
    SelectBody,
    Typed,
)

POSTGRES_TYPES = {
    "boolean": sql.SQL("boolean"),
    "short": sql.SQL("smallint"),
    "int": sql.SQL("integer"),
    "long": sql.SQL("bigint"),
    "float": sql.SQL("real"),
    "double": sql.SQL("double precision"),
    "char": sql.SQL("text"),
    "unicodeChar": sql.SQL("text"),
    "null": sql.SQL("text"),
}


def write_query(query: ResolvedQuery, *, limit: int | None = None) -> sql.Composed:
    """Return the SELECT whose columns are ``c1`` ... ``cn`` in the order of `query.columns`.

    Parameters
    ----------
    query
        A resolved query.
    limit
        Most rows to give, whatever TOP says; None for no limit.

    Raises
    ------
    UnsupportedFeatureError
        If the query needs something that cannot be written as SQL yet.
    """
    writer = _Writer()
    parts: list[Composable] = []
    if query.named_queries:
        named = [
            sql.SQL("{} AS ({})").format(sql.Identifier(name), writer.body(body)) for name, body in query.named_queries
        ]
        parts += [sql.SQL("WITH "), sql.SQL(", ").join(named), sql.SQL(" ")]
    parts.append(writer.body(query.body, limit))
    return sql.Composed(parts)


def column_type(column: OutputColumn) -> Composable:
    """Return the PostgreSQL type of a result column."""
    if column.meta.kind in {"point", "circle", "polygon"}:
        return sql.SQL("double precision[]")
    return POSTGRES_TYPES[column.meta.datatype]


class _Writer(ValueWriter):
    """Writes bodies; the values in them are written by its base, which calls back for queries inside conditions."""

    def body(self, body: Body, limit: int | None = None) -> Composable:
        if isinstance(body, SelectBody):
            return self._select(body, limit)
        sides = [self._cast_side(side, body.columns) for side in (body.left, body.right)]
        parts: list[Composable] = [_SET_OPERATORS[body.operator].join(sides)]
        if body.order_by:
            terms = [
                sql.SQL("{} {}").format(sql.Identifier(body.columns[n - 1].sql_name), _direction(descending))
                for n, descending in body.order_by
            ]
            parts += [sql.SQL(" ORDER BY "), sql.SQL(", ").join(terms)]
        parts += _limit(limit, body.offset)
        return sql.Composed(parts)

    def _cast_side(self, side: Body, columns: tuple[OutputColumn, ...]) -> Composable:
        written = self.body(side)
        if all(mine.meta.datatype == common.meta.datatype for mine, common in zip(side.columns, columns, strict=True)):
            return sql.SQL("({})").format(written)
        casts = [
            sql.SQL("CAST(s.{0} AS {1}) AS {0}").format(sql.Identifier(mine.sql_name), column_type(common))
            for mine, common in zip(side.columns, columns, strict=True)
        ]
        return sql.SQL("(SELECT {} FROM ({}) AS s)").format(sql.SQL(", ").join(casts), written)

    def _select(self, body: SelectBody, limit: int | None) -> Composable:
        grouped = bool(body.group_by) or body.having is not None
        items = [
            sql.SQL("{} AS {}").format(self.value(value, indexed=not grouped), sql.Identifier(column.sql_name))
            for value, column in zip(body.values, body.columns, strict=True)
        ]
        parts: list[Composable] = [
            sql.SQL("SELECT DISTINCT " if body.distinct else "SELECT "),
            sql.SQL(", ").join(items),
            sql.SQL(" FROM "),
            sql.SQL(", ").join([self._from(table) for table in body.tables]),
        ]
        if body.where is not None:
            parts += [sql.SQL(" WHERE "), self.condition(body.where)]
        groups = [self.value(term, indexed=False) for term in body.group_by if not isinstance(term, Constant)]
        if body.group_by:
            parts += [sql.SQL(" GROUP BY "), sql.SQL(", ").join(groups) if groups else sql.SQL("()")]
        if body.having is not None:
            parts += [sql.SQL(" HAVING "), self.condition(body.having, indexed=False)]
        terms = [self._order_term(body, value, descending, indexed=not grouped) for value, descending in body.order_by]
        terms = [term for term in terms if term is not None]
        if terms:
            parts += [sql.SQL(" ORDER BY "), sql.SQL(", ").join(terms)]
        limits = [number for number in (body.limit, limit) if number is not None]
        return sql.Composed([*parts, *_limit(min(limits, default=None), body.offset)])

    def _order_term(self, body: SelectBody, value: Typed, descending: bool, *, indexed: bool) -> Composable | None:  # noqa: FBT001  # a pair of the resolved query
        if isinstance(value, Constant):
            return None
        if value in body.values:
            written: Composable = sql.Identifier(body.columns[body.values.index(value)].sql_name)
        else:
            written = self.value(value, indexed=indexed)
        return sql.SQL("{} {}").format(written, _direction(descending))

    def _from(self, item: FromItem) -> Composable:
        match item:
            case BaseTable(alias, name):
                return sql.SQL("{} AS {}").format(sql.Identifier(*name), sql.Identifier(alias))
            case NamedQuery(alias, name):
                return sql.SQL("{} AS {}").format(sql.Identifier(name), sql.Identifier(alias))
            case QueryTable(alias, body):
                return sql.SQL("({}) AS {}").format(self.body(body), sql.Identifier(alias))
            case JoinedTables(kind, left, right, on):
                condition = sql.SQL("TRUE") if on is None else self.condition(on)
                return sql.SQL("({} {} JOIN {} ON {})").format(
                    self._from(left), _JOINS[kind], self._from(right), condition
                )


_JOINS = {"INNER": sql.SQL("INNER"), "LEFT": sql.SQL("LEFT"), "RIGHT": sql.SQL("RIGHT"), "FULL": sql.SQL("FULL")}
_SET_OPERATORS = {
    "UNION": sql.SQL(" UNION "),
    "UNION ALL": sql.SQL(" UNION ALL "),
    "EXCEPT": sql.SQL(" EXCEPT "),
    "EXCEPT ALL": sql.SQL(" EXCEPT ALL "),
    "INTERSECT": sql.SQL(" INTERSECT "),
    "INTERSECT ALL": sql.SQL(" INTERSECT ALL "),
}


def _direction(descending: bool) -> sql.SQL:  # noqa: FBT001  # a pair of the resolved query
    return sql.SQL("DESC" if descending else "ASC")


def _limit(limit: int | None, offset: int | None) -> list[Composable]:
    parts: list[Composable] = []
    if limit is not None:
        parts.append(sql.SQL(" LIMIT {}").format(sql.Literal(limit)))
    if offset:
        parts.append(sql.SQL(" OFFSET {}").format(sql.Literal(offset)))
    return parts
