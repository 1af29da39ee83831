"""Computes the upper limits that a query asks for with `integral_ul`: see `vo.adql.late` and docs/decisions/0050.

In the transaction of the query: its rows go into a temporary table, the limits at their positions into another, and
what is sent to the client is the two joined, in the order of the query, by the same writers as any other result.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import psycopg
from psycopg import sql

from archive.errors import UsageError
from upper_limits.services import BandMap, find_band, limits_in_mcrab
from vo.adql.errors import ADQLError, QueryTooLargeError
from vo.adql.late import LateCall
from vo.adql.resolved import OutputColumn
from vo.adql.tokens import line_and_column

MOST_ROWS = 200_000
"""Rows for which limits are computed in one query."""


@dataclass(frozen=True, slots=True)
class LateMap:
    """A call and the map that answers it."""

    call: LateCall
    found: BandMap


def find_maps(calls: Sequence[LateCall], text: str) -> tuple[LateMap, ...]:
    """Find the map of each call.

    Raises
    ------
    ADQLError
        With the place of the call, if there is no such instrument or band, or its map is not in a unit of flux.
    UnavailableError
        If no limits can be served.
    """
    found = []
    for call in calls:
        try:
            found.append(LateMap(call, find_band(call.instrument, call.band, call.confidence)))
        except UsageError as error:
            line, column = line_and_column(text, call.offset)
            raise ADQLError(f"integral_ul: {error}", line=line, column=column) from error
    return tuple(found)


def describe_late(columns: tuple[OutputColumn, ...], maps: Sequence[LateMap]) -> tuple[OutputColumn, ...]:
    """Say in the columns of the limits what they are: confidence, map, and whether it is simulated."""
    described = list(columns)
    for one in maps:
        column = described[one.call.place]
        description = (
            f"Upper limit, flat prior on flux >= 0, {one.call.confidence:g} one-sided; {one.found.description}"
        )
        described[one.call.place] = replace(column, meta=replace(column.meta, description=description))
    return tuple(described)


def compute_late(connection: psycopg.Connection, inner: sql.Composable, maps: Sequence[LateMap]) -> None:
    """Run the query into a temporary table and put the limits at its positions beside it.

    Raises
    ------
    QueryTooLargeError
        If the query has more rows than limits are computed for.
    """
    make = sql.SQL(
        "CREATE TEMPORARY TABLE late_rows ON COMMIT DROP AS "
        "SELECT row_number() OVER () AS n, r.* FROM ({}) AS r LIMIT {}"
    ).format(inner, sql.Literal(MOST_ROWS + 1))
    connection.execute(make)
    places = sql.SQL(", ").join(
        sql.Identifier(name) for one in maps for name in (one.call.right_ascension, one.call.declination)
    )
    read = sql.SQL("SELECT {} FROM pg_temp.late_rows ORDER BY n").format(places)
    with connection.cursor(binary=True) as cursor:
        rows = cursor.execute(read).fetchall()
    if len(rows) > MOST_ROWS:
        msg = f"integral_ul is computed for at most {MOST_ROWS} rows: narrow the query down, or say TOP {MOST_ROWS}"
        raise QueryTooLargeError(msg)
    given = np.array(rows, dtype=np.float64).reshape(len(rows), 2 * len(maps))  # NULL becomes NaN
    values = [
        limits_in_mcrab(one.found, given[:, 2 * number], given[:, 2 * number + 1]) for number, one in enumerate(maps)
    ]
    columns = sql.SQL(", ").join(
        sql.SQL("{} double precision").format(_value_column(one.call)) for one in maps
    )  # fmt: skip
    connection.execute(sql.SQL("CREATE TEMPORARY TABLE late_values (n bigint, {}) ON COMMIT DROP").format(columns))
    with connection.cursor() as cursor, cursor.copy("COPY pg_temp.late_values FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["bigint", *["double precision"] * len(maps)])
        for number, row in enumerate(zip(*(value.tolist() for value in values), strict=True), start=1):
            copy.write_row((number, *(None if value != value else value for value in row)))  # noqa: PLR0124 - NaN


def late_rows(columns: Sequence[OutputColumn], maps: Sequence[LateMap]) -> sql.Composed:
    """Return the SELECT of the rows with their limits, columns c1 ... cn, in the order of the query."""
    late = {one.call.place for one in maps}
    items = [
        sql.SQL("{}.{} AS {}").format(
            sql.Identifier("v" if place in late else "q"),
            sql.Identifier(f"v{place}" if place in late else column.sql_name),
            sql.Identifier(column.sql_name),
        )
        for place, column in enumerate(columns)
    ]
    return sql.SQL("SELECT {} FROM pg_temp.late_rows AS q JOIN pg_temp.late_values AS v USING (n) ORDER BY n").format(
        sql.SQL(", ").join(items)
    )


def _value_column(call: LateCall) -> sql.Identifier:
    return sql.Identifier(f"v{call.place}")
