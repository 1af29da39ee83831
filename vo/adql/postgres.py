"""Writes a resolved query as SQL for PostgreSQL.

SQL is made of the literals in these modules, quoted identifiers and quoted constants (`psycopg.sql`); nothing of the
user's text gets in otherwise. Tables and columns have generated names (t1, c1), so that no name of the user's can
clash with, or be cut off by, PostgreSQL's own rules.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import sql
from psycopg.sql import Composable

from vo.adql.position_joins import (
    AROUND_SLACK,
    MOST_CELLS,
    PlaceAround,
    PositionCover,
    PositionJoin,
    cell_span,
    cover_column,
    cover_order,
    find_position_joins,
    restricted_sources,
)
from vo.adql.postgres_values import ValueWriter
from vo.adql.resolved import (
    BaseTable,
    Body,
    Constant,
    FromItem,
    JoinedTables,
    Meta,
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
    return write_statement(query, limit=limit).text


@dataclass(frozen=True, slots=True)
class Statement:
    """A SELECT, and what it needs of the uploaded tables beyond their columns."""

    text: sql.Composed
    covers: tuple[PositionCover, ...]


def write_statement(query: ResolvedQuery, *, limit: int | None = None) -> Statement:
    """Like :func:`write_query`, for queries that may join uploaded tables by position."""
    writer = _Writer()
    parts: list[Composable] = []
    if query.named_queries:
        named = [
            sql.SQL("{} AS ({})").format(sql.Identifier(name), writer.body(body)) for name, body in query.named_queries
        ]
        parts += [sql.SQL("WITH "), sql.SQL(", ").join(named), sql.SQL(" ")]
    parts.append(writer.body(query.body, limit))
    return Statement(sql.Composed(parts), tuple(writer.covers))


def column_type(column: OutputColumn) -> Composable:
    """Return the PostgreSQL type of a result column."""
    return meta_type(column.meta)


def meta_type(meta: Meta) -> Composable:
    """Return the PostgreSQL type that holds a VOTable type."""
    plain = POSTGRES_TYPES[meta.datatype]
    return sql.SQL("{}[]").format(plain) if meta.is_array else plain


class _Writer(ValueWriter):
    """Writes bodies; the values in them are written by its base, which calls back for queries inside conditions."""

    def __init__(self) -> None:
        self.covers: list[PositionCover] = []
        self.restricted: set[str] = set()

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
            self._tables(body),
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

    def _tables(self, body: SelectBody) -> Composable:
        """Write the list after FROM; a table joined by position comes last, as LATERAL."""
        outside, self.restricted = self.restricted, restricted_sources(body.where)
        found = self._best(find_position_joins(body.where, body.tables))
        if found is None:
            written = [self._from(table) for table in body.tables]
        else:
            table, place = found
            written = [*(self._from(other) for other in body.tables if other is not table), self._near(table, place)]
        self.restricted = outside
        return sql.SQL(", ").join(written)

    def _best(self, found: Iterable[PositionJoin]) -> PositionJoin | None:
        """Choose the table that is looked up: one next to an upload, else one that WHERE does not restrict already."""
        joins = list(found)
        free = [j for j in joins if isinstance(j[1], PositionCover) or j[0].alias not in self.restricted]
        return next(iter([*free, *joins]), None)

    def _near(self, table: BaseTable, place: PositionCover | PlaceAround) -> Composable:
        """Write a table as its rows near a place in the tables before it: ranges of its index, a few for each row.

        OFFSET 0 keeps the planner from joining the other way round.
        """
        order = cover_order(place.radius_deg, AROUND_SLACK if isinstance(place, PlaceAround) else None)
        return sql.SQL(
            "LATERAL (SELECT n.* FROM {starts} AS v(low), "
            "LATERAL (SELECT x.* FROM {table} AS x WHERE x._hpx >= v.low AND x._hpx < v.low + {span} OFFSET 0) AS n "
            "WHERE v.low IS NOT NULL) AS {alias}"
        ).format(
            starts=self._starts(place, order),
            table=sql.Identifier(*table.name),
            span=sql.Literal(cell_span(order)),
            alias=sql.Identifier(table.alias),
        )

    def _starts(self, place: PositionCover | PlaceAround, order: int) -> Composable:
        """Write the rows of the first order-29 indices of the cells around a place."""
        if isinstance(place, PlaceAround):
            return sql.SQL("(SELECT cell << {} FROM unnest(sky.cells_around({}, {}, {}, {})) AS cell)").format(
                sql.Literal(2 * (29 - order)),
                sql.Literal(order),
                self.value(place.point.lon),
                self.value(place.point.lat),
                sql.Literal(place.radius_deg),
            )
        if place not in self.covers:
            self.covers.append(place)
        number = self.covers.index(place)
        names = [
            sql.SQL("{}.{}").format(sql.Identifier(place.alias), sql.Identifier(cover_column(number, n)))
            for n in range(MOST_CELLS)
        ]
        return sql.SQL("unnest(ARRAY[{}])").format(sql.SQL(", ").join(names))

    def _join(self, item: JoinedTables) -> Composable:
        condition = sql.SQL("TRUE") if item.on is None else self.condition(item.on)
        kind = item.kind
        joins = find_position_joins(item.on, (item.left, item.right))
        sides = {"INNER": (item.right, item.left), "LEFT": (item.right,), "RIGHT": (item.left,)}.get(kind, ())
        ordered = sorted((j for j in joins if j[0] in sides), key=lambda join: sides.index(join[0]))
        found = self._best(ordered)
        if found is not None:
            table, place = found
            other = item.left if table is item.right else item.right
            return sql.SQL("({} {} JOIN {} ON {})").format(
                self._from(other), _JOINS["LEFT" if kind == "RIGHT" else kind], self._near(table, place), condition
            )
        return sql.SQL("({} {} JOIN {} ON {})").format(
            self._from(item.left), _JOINS[kind], self._from(item.right), condition
        )

    def _from(self, item: FromItem) -> Composable:
        match item:
            case BaseTable(alias, name):
                return sql.SQL("{} AS {}").format(sql.Identifier(*name), sql.Identifier(alias))
            case NamedQuery(alias, name):
                return sql.SQL("{} AS {}").format(sql.Identifier(name), sql.Identifier(alias))
            case QueryTable(alias, body):
                return sql.SQL("({}) AS {}").format(self.body(body), sql.Identifier(alias))
            case JoinedTables():
                return self._join(item)


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
