"""A page of a published table, its facets and its ADQL: SQL from names of our own tables and bound values only."""

import base64
import binascii
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.db import connection, transaction
from psycopg import sql

from archive.errors import UsageError
from archive.healpix import cone_ranges, unit_vector
from archive.published import Table, load_tables
from archive.selectors import INDEXED_RADIUS_DEG
from archive.website import adql
from archive.website.request_values import Cone
from archive.website.table_query import Filter, Match, OneOf, Span, TableQuery

TIMEOUT_MS = 20_000
MAX_FACET_VALUES = 40
Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class TablePage:
    """Rows in the order of `TableQuery.columns`, and the marks of the neighbouring pages ('' where there is none)."""

    rows: tuple[Row, ...]
    next_mark: str
    previous_mark: str


@dataclass(frozen=True, slots=True)
class Facet:
    """Values of one column with the number of rows that have them under all other filters, most frequent first."""

    column: str
    counts: tuple[tuple[str | int | bool | None, int], ...]
    more: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows fit, and the facets."""

    total: int
    facets: tuple[Facet, ...]


def read_page(query: TableQuery, key: Sequence[str]) -> TablePage:
    """Read one page; equally quick at any depth, because it starts at the last row of the one before.

    Raises
    ------
    UsageError
        If the page mark was not made for this order.
    """
    order = list(dict.fromkeys((query.sort_column, *key)))
    backwards, position = _read_mark(query, len(order))
    up = query.sort.startswith("-") == backwards
    columns = [*query.columns, *(name for name in order if name not in query.columns)]
    found: list[Row] = []
    # First the rows that have a value in the order's column, then those without, each in the order of an index.
    parts = (True,) if order[0] in key else (False, True) if backwards else (True, False)
    if position is not None and parts[0] != (position[0] is not None):
        parts = parts[1:]
    for number, has_value in enumerate(parts):
        wanted = query.size + 1 - len(found)
        if wanted > 0:
            where = _conditions(query.filters, query.cone)
            if order[0] not in key:
                where.append(
                    sql.SQL("{} IS {}").format(sql.Identifier(order[0]), sql.SQL("NOT NULL" if has_value else "NULL"))
                )
            terms = order if has_value else order[1:]
            if number == 0 and position is not None:
                where.append(_after(terms, position if has_value else position[1:], up=up))
            found += _run(_page_statement(query.table, columns, where, terms, up=up, limit=wanted))
    more, found = len(found) > query.size, found[: query.size]
    if backwards:
        found.reverse()
    has_next, has_previous = (position is not None, more) if backwards else (more, position is not None)
    places = [columns.index(name) for name in order]

    def mark(way: str, row: Row) -> str:
        content = json.dumps([way, query.sort, *(row[place] for place in places)], separators=(",", ":"))
        return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")

    return TablePage(
        tuple(row[: len(query.columns)] for row in found),
        mark("a", found[-1]) if found and has_next else "",
        mark("b", found[0]) if found and has_previous else "",
    )


@lru_cache(maxsize=512)
def read_counts(
    release: object, table: str, filters: tuple[Filter, ...], cone: Cone | None, facets: tuple[str, ...]
) -> Counts:
    """Count rows and facet values; a release never changes, so what was counted for `release` is kept.

    A facet that filters is counted without its own filter, so that its other values stay on offer.
    """
    del release
    filtering = {condition.column for condition in filters}
    free = [name for name in facets if name not in filtering]
    sets = [sql.SQL("({})").format(sql.Identifier(name)) for name in free] + [sql.SQL("()")]
    flags = [sql.SQL("GROUPING({})").format(sql.Identifier(name)) for name in free]
    statement = sql.SQL("SELECT {} FROM {} GROUP BY GROUPING SETS ({})").format(
        sql.SQL(", ").join([*map(sql.Identifier, free), *flags, sql.SQL("count(*)")]),
        _rows_to_count(table, free, filters, cone),
        sql.SQL(", ").join(sets),
    )
    counted: dict[str, list[Row]] = {name: [] for name in facets}
    total = 0
    for row in _run(statement):
        values, grouped, count = row[: len(free)], row[len(free) : -1], row[-1]
        if all(grouped):
            total = count
            continue
        place = grouped.index(0)
        counted[free[place]].append((values[place], count))
    for name in facets:
        if name in filtering:
            others = tuple(condition for condition in filters if condition.column != name)
            counted[name] = _count_values(_rows_to_count(table, [name], others, cone), name)
    return Counts(int(str(total)), tuple(make_facet(name, rows) for name, rows in counted.items()))


def _count_values(rows: sql.Composable, column: str) -> list[Row]:
    return _run(sql.SQL("SELECT {0}, count(*) FROM {1} GROUP BY {0}").format(sql.Identifier(column), rows))


def _rows_to_count(table: str, columns: Iterable[str], filters: Iterable[Filter], cone: Cone | None) -> sql.Composed:
    """Write what stands after FROM: the rows of a search with some of their columns.

    A circle is read cell by cell, so that an index which has all the columns gives them without the rows (an OR of
    cells would make PostgreSQL fetch every row); OFFSET keeps it from reading all cells in one pass.
    """
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    source = sql.Identifier(*table.split("."))
    if cone is None or cone.radius_deg > INDEXED_RADIUS_DEG:
        where = sql.SQL(" AND ").join(_conditions(filters, cone))
        return sql.SQL("(SELECT {} FROM {} WHERE {}) AS found").format(names, source, where)
    cells = sql.SQL(", ").join(
        sql.SQL("({}::bigint, {}::bigint)").format(sql.Literal(low), sql.Literal(high))
        for low, high in cone_ranges(cone.ra, cone.dec, cone.radius_deg)
    )
    where = sql.SQL(" AND ").join([*_conditions(filters, None), _chord(cone)])
    return sql.SQL(
        "(VALUES {}) AS cells(low, high) CROSS JOIN LATERAL "
        "(SELECT {} FROM {} WHERE _hpx >= cells.low AND _hpx < cells.high AND {} OFFSET 0) AS found"
    ).format(cells, names, source, where)


def make_facet(column: str, rows: Iterable[Row]) -> Facet:
    """Order the values of a facet by how many rows have them."""
    ordered = sorted(((value, int(str(count))) for value, count in rows), key=lambda pair: (-pair[1], str(pair[0])))
    kept = tuple(
        (value if value is None or isinstance(value, str | int | bool) else str(value), count)
        for value, count in ordered[:MAX_FACET_VALUES]
    )
    return Facet(column, kept, len(ordered) - len(kept))


def _run(statement: sql.Composed) -> list[Row]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.SQL("SET LOCAL statement_timeout = {}").format(sql.Literal(TIMEOUT_MS)))  # pyright: ignore[reportArgumentType]  # Django passes psycopg's SQL on
        cursor.execute(statement)  # pyright: ignore[reportArgumentType]
        return cursor.fetchall()


def _conditions(filters: Iterable[Filter], cone: Cone | None) -> list[sql.Composable]:
    """Return conditions to join by AND, at least one."""
    conditions: list[sql.Composable] = [part for condition in filters for part in _condition(condition)]
    if cone is not None:
        conditions += _cone(cone)
    return conditions or [sql.SQL("true")]


def _condition(condition: Filter) -> Iterable[sql.Composed]:
    column = sql.Identifier(condition.column)
    match condition:
        case Span(low=low, high=high):
            if low is not None:
                yield sql.SQL("{} >= {}").format(column, sql.Literal(low))
            if high is not None:
                yield sql.SQL("{} <= {}").format(column, sql.Literal(high))
        case Match(pattern=pattern):
            yield sql.SQL("{} ILIKE {}").format(column, sql.Literal(pattern))
        case OneOf(values=values):
            known = [sql.Literal(value) for value in values if value is not None]
            parts = [sql.SQL("{} IN ({})").format(column, sql.SQL(", ").join(known))] if known else []
            if None in values:
                parts.append(sql.SQL("{} IS NULL").format(column))
            yield sql.SQL("({})").format(sql.SQL(" OR ").join(parts) if parts else sql.SQL("FALSE"))


def _cone(cone: Cone) -> Iterable[sql.Composable]:
    if cone.radius_deg <= INDEXED_RADIUS_DEG:
        ranges = [
            sql.SQL("(_hpx >= {} AND _hpx < {})").format(sql.Literal(low), sql.Literal(high))
            for low, high in cone_ranges(cone.ra, cone.dec, cone.radius_deg)
        ]
        yield sql.SQL("({})").format(sql.SQL(" OR ").join(ranges))
    yield _chord(cone)


def _chord(cone: Cone) -> sql.Composed:
    """Write the exact test: the chord squared between unit vectors."""
    squares = [
        sql.SQL("({0} - {1}) * ({0} - {1})").format(sql.Identifier(name), sql.Literal(float(value)))
        for name, value in zip(("_x", "_y", "_z"), unit_vector(cone.ra, cone.dec), strict=True)
    ]
    limit = 4.0 * math.sin(math.radians(cone.radius_deg) / 2.0) ** 2
    return sql.SQL("{} <= {}").format(sql.SQL(" + ").join(squares), sql.Literal(limit))


def _page_statement(
    table: str,
    columns: Iterable[str],
    where: Iterable[sql.Composable],
    order: Sequence[str],
    *,
    up: bool,
    limit: int,
) -> sql.Composed:
    direction = sql.SQL("ASC") if up else sql.SQL("DESC")
    return sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY {} LIMIT {}").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.Identifier(*table.split(".")),
        sql.SQL(" AND ").join(where),
        sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(name), direction) for name in order),
        sql.Literal(limit),
    )


def _after(order: Sequence[str], position: Sequence[object], *, up: bool) -> sql.Composed:
    """Write the condition that a row comes after a position, as one comparison of rows, which an index answers."""
    return sql.SQL("({}) {} ({})").format(
        sql.SQL(", ").join(map(sql.Identifier, order)),
        sql.SQL(">") if up else sql.SQL("<"),
        sql.SQL(", ").join(map(sql.Literal, position)),
    )


def _read_mark(query: TableQuery, parts: int) -> tuple[bool, tuple[object, ...] | None]:
    if not query.mark:
        return False, None
    mistake = UsageError(f"page {query.mark[:40]!r} is not a page of this list; start again from its first page.")
    try:
        content = json.loads(base64.urlsafe_b64decode(query.mark + "=" * (-len(query.mark) % 4)))
        way, order, *position = content
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise mistake from error
    types = {column.name: column.datatype for column in load_tables()[query.table].columns}
    first_type = types[query.sort_column]
    if way not in {"a", "b"} or order != query.sort or len(position) != parts:
        raise mistake
    if not all(_is_clean(part) for part in position) or not _fits(position[0], first_type) or None in position[1:]:
        raise mistake
    return way == "b", tuple(position)


def _is_clean(part: object) -> bool:
    if isinstance(part, str):
        return "\x00" not in part
    return part is None or isinstance(part, bool) or (isinstance(part, int | float) and abs(part) < 2**63)


def _fits(value: object, datatype: str) -> bool:
    if value is None:
        return True
    wanted = {"char": str, "boolean": bool}.get(datatype, (int, float))
    return isinstance(value, wanted) and (datatype == "boolean" or not isinstance(value, bool))


def as_adql(query: TableQuery, table: Table) -> str:
    """Write the ADQL that gives all rows of a search, in its columns and order."""
    conditions = [text for condition in query.filters for text in _condition_text(condition)]
    if query.cone is not None and table.position is not None:
        conditions.append(adql.cone_condition(query.cone))
    order = f"{query.sort_column}{' DESC' if query.sort.startswith('-') else ''}"
    where = f"\nWHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {', '.join(query.columns)}\nFROM {query.table}{where}\nORDER BY {order}"


def _condition_text(condition: Filter) -> Iterable[str]:
    column = condition.column
    match condition:
        case Span(low=low, high=high):
            if low is not None:
                yield f"{column} >= {low!r}"
            if high is not None:
                yield f"{column} <= {high!r}"
        case Match(pattern=pattern):
            yield f"{column} ILIKE {adql.quote(pattern)}"
        case OneOf(values=values):
            known = [_literal(value) for value in values if value is not None]
            parts = [f"{column} = {value}" for value in known]
            parts += [f"{column} IS NULL"] if None in values else []
            yield f"({' OR '.join(parts)})" if len(parts) > 1 else parts[0]


def _literal(value: str | int) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return adql.quote(value) if isinstance(value, str) else str(value)
