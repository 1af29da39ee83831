"""Facet counts made once for a release: every combination of values, so that any choice of facets is a sum over them.

A release never changes, so the cube of a table is counted once, by the scheduler or by whoever needs it first, and
kept in the database for every process; the counts are exact.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from django.db import connection, transaction
from psycopg import sql

from archive.models import FacetCube, Release
from archive.website.table_query import Filter, Match, OneOf

MAX_CELLS = 20_000
"""A table with more combinations than this is counted search by search."""

SOURCE_FACETS = ("source_id", "kind", "instrument", "delivery_id", "simulated")
"""What the page of a source counts of `integral.products`."""

COUNT_TIMEOUT_MS = 300_000
Value = str | int | bool | None
Cell = tuple[tuple[Value, ...], int]


def read_cube(release: Release, table: str, facets: tuple[str, ...]) -> tuple[Cell, ...] | None:
    """Return the combinations of facet values that rows of the current release have, with their counts.

    None when there are more than `MAX_CELLS`.
    """
    return _read_cube(release.number, release.published_at, table, facets)


@lru_cache(maxsize=64)
def _read_cube(number: int, published_at: datetime, table: str, facets: tuple[str, ...]) -> tuple[Cell, ...] | None:
    del published_at
    found = FacetCube.objects.filter(release_id=number, table_name=table, facets=list(facets)).first()
    if found is None:
        return _count(number, table, facets)
    return tuple((tuple(values), count) for *values, count in found.counts)


def _count(number: int, table: str, facets: tuple[str, ...]) -> tuple[Cell, ...] | None:
    columns = sql.SQL(", ").join(map(sql.Identifier, facets))
    # One statement sees one release; it says which.
    statement = sql.SQL(
        "SELECT {columns}, count(*), (SELECT release_id FROM archive_currentrelease) "
        "FROM {table} GROUP BY {columns} LIMIT {limit}"
    ).format(columns=columns, table=sql.Identifier(*table.split(".")), limit=sql.Literal(MAX_CELLS + 1))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.SQL("SET LOCAL statement_timeout = {}").format(sql.Literal(COUNT_TIMEOUT_MS)))  # pyright: ignore[reportArgumentType]  # Django passes psycopg's SQL on
        cursor.execute(statement)  # pyright: ignore[reportArgumentType]
        rows = cursor.fetchall()
    cells = tuple((tuple(row[:-2]), int(row[-2])) for row in rows)
    if len(cells) > MAX_CELLS:
        return None
    if all(row[-1] == number for row in rows):
        FacetCube.objects.update_or_create(
            release_id=number,
            table_name=table,
            facets=list(facets),
            defaults={"counts": [[*values, count] for values, count in cells]},
        )
    return cells


def count_cube(
    release: Release, table: str, facets: tuple[str, ...], filters: Sequence[Filter]
) -> tuple[int, dict[str, list[tuple[Value, int]]]] | None:
    """Count rows and facet values under filters; None when no cube can say it.

    The filters must all be facets, but for one that looks into a text whose cube has been counted. A facet that filters
    is counted without its own filter, so that its other values stay on offer.
    """
    chosen = {condition.column: set(condition.values) for condition in filters if isinstance(condition, OneOf)}
    others = [condition for condition in filters if not isinstance(condition, OneOf)]
    if not set(chosen) <= set(facets) or len(others) > 1:
        return None
    for condition in others:
        texts = find_texts(release, table, facets, condition) if isinstance(condition, Match) else None
        if texts is None:
            return None
        facets = (*facets, condition.column)
        chosen[condition.column] = set(texts)
    cells = read_cube(release, table, facets)
    if cells is None:
        return None
    total, values = sum_cells(cells, facets, chosen)
    for condition in others:
        del values[condition.column]
    return total, values


def find_texts(release: Release, table: str, facets: tuple[str, ...], match: Match) -> list[str] | None:
    """Return the values of a column that match a pattern, out of its cube; None when that has not been counted.

    PostgreSQL compares them as it compares the rows of the table.
    """
    statement = """SELECT ARRAY(SELECT DISTINCT cell ->> %(place)s FROM jsonb_array_elements(counts) AS cell
        WHERE cell ->> %(place)s ILIKE %(pattern)s) FROM archive_facetcube
        WHERE release_id = %(release)s AND table_name = %(table)s AND facets = %(facets)s::jsonb"""
    values = {
        "place": len(facets),
        "pattern": match.pattern,
        "release": release.number,
        "table": table,
        "facets": json.dumps([*facets, match.column]),
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone()
    return None if row is None else row[0]


def sum_cells(
    cells: Sequence[Cell], facets: Sequence[str], chosen: Mapping[str, set[Value]]
) -> tuple[int, dict[str, list[tuple[Value, int]]]]:
    """Add up the cells of a cube.

    Examples
    --------
    >>> cells = ((("spectrum", "isgri"), 3), (("spectrum", "spi"), 2), (("mosaic", "spi"), 1))
    >>> sum_cells(cells, ("kind", "instrument"), {"kind": {"spectrum"}})
    (5, {'kind': [('spectrum', 5), ('mosaic', 1)], 'instrument': [('isgri', 3), ('spi', 2)]})
    """
    sums: list[dict[Value, int]] = [{} for _ in facets]
    limits = [chosen.get(name) for name in facets]
    total = 0
    for values, count in cells:
        refused = [place for place, limit in enumerate(limits) if limit is not None and values[place] not in limit]
        if not refused:
            total += count
        for place in range(len(facets)) if not refused else refused if len(refused) == 1 else ():
            sums[place][values[place]] = sums[place].get(values[place], 0) + count
    return total, {name: list(found.items()) for name, found in zip(facets, sums, strict=True)}
