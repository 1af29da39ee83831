"""The demonstration table: two million simulated sources, the same everywhere, published while they are there."""

import time
from collections.abc import Iterator
from typing import cast

import numpy as np
from django.db import DatabaseError, connection, transaction
from psycopg import Cursor, sql

from archive.errors import UsageError
from archive.healpix import hpx29, unit_vector
from archive.published import load_optional_tables
from archive.services import drop_published_tables, lock_migration, publish_tables

SEED = 20021017
MOST_ROWS = 2_000_000
CLASSES = ("LMXB", "HMXB", "AGN", "CV", "PSR", "UNK")
TABLE = "archive_demo_source"
CHUNK_ROWS = 50_000
LOOK_EVERY_S = 1.0
"""A table that is made or removed is noticed by every process after so long."""

_seen: tuple[float, tuple[str, ...]] = (-LOOK_EVERY_S, ())


def present_optional_tables() -> tuple[str, ...]:
    """Return the names of the optional tables that are published now, or were a second ago."""
    global _seen  # noqa: PLW0603  # one pair, replaced as a whole
    at, names = _seen
    if time.monotonic() - at < LOOK_EVERY_S:
        return names
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT schemaname || '.' || viewname AS name FROM pg_views"
                " WHERE schemaname || '.' || viewname = ANY(%s) ORDER BY name",
                [list(load_optional_tables())],
            )
            names = tuple(name for (name,) in cursor.fetchall())
    except DatabaseError:  # without a database no query runs; the standing tables can still be described
        return names
    _seen = (time.monotonic(), names)
    return names


def forget_optional_tables() -> None:
    """Look at once, the next time."""
    global _seen  # noqa: PLW0603
    _seen = (-LOOK_EVERY_S, ())


def make_demo_table(rows: int = MOST_ROWS) -> None:
    """Make the table with its first `rows` rows and publish it as ``demo.sources``.

    Raises
    ------
    UsageError
        If it is there, or more rows are asked for than it has.
    """
    if not 1 <= rows <= MOST_ROWS:
        msg = f"the demonstration table has 1 to {MOST_ROWS} rows, not {rows}"
        raise UsageError(msg)
    with transaction.atomic(), connection.cursor() as django_cursor:
        lock_migration()
        cursor = cast("Cursor", django_cursor)
        if TABLE in connection.introspection.table_names(django_cursor):
            msg = "the demonstration table is there already; archipelago demo-table remove removes it"
            raise UsageError(msg)
        cursor.execute(
            sql.SQL(
                "CREATE TABLE {} (id integer NOT NULL, name text NOT NULL, ra float8 NOT NULL, dec float8 NOT NULL, "
                "flux float8 NOT NULL, class text NOT NULL, hpx bigint NOT NULL, x float8 NOT NULL, "
                "y float8 NOT NULL, z float8 NOT NULL)"
            ).format(sql.Identifier(TABLE))
        )
        with cursor.copy(sql.SQL("COPY {} FROM STDIN WITH (FREEZE)").format(sql.Identifier(TABLE))) as copy:
            for text in _rows(rows):
                copy.write(text)
        cursor.execute(
            sql.SQL(
                "ALTER TABLE {0} ADD PRIMARY KEY (id); CREATE INDEX ON {0} (hpx); CREATE INDEX ON {0} (flux); "
                "ANALYZE {0}"
            ).format(sql.Identifier(TABLE))
        )
        drop_published_tables()
        publish_tables()
    forget_optional_tables()


def remove_demo_table() -> bool:
    """Remove the table from database and publication; return whether there was one."""
    with transaction.atomic(), connection.cursor() as cursor:
        lock_migration()
        there = TABLE in connection.introspection.table_names(cursor)
        if there:
            drop_published_tables()
            cast("Cursor", cursor).execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(TABLE)))
            publish_tables()
    forget_optional_tables()
    return there


def _rows(count: int) -> Iterator[str]:
    """Yield chunks of rows as COPY takes them: isotropic on the sky, log-normal fluxes (erg cm-2 s-1).

    All columns are drawn for all rows, in an order that must not change, so that a shorter table has the first
    identifiers of the whole one; error, number of observations and time of the first one are drawn and not used.
    The rows are given in the order of their pixels: what is near on the sky is near on disk.
    """
    random = np.random.default_rng(SEED)
    ra = np.round(random.uniform(0, 360, MOST_ROWS), 9)
    dec = np.round(np.degrees(np.arcsin(random.uniform(-1, 1, MOST_ROWS))), 9)
    flux = 10 ** random.normal(-11, 1, MOST_ROWS)
    random.uniform(0.01, 0.3, MOST_ROWS)
    random.integers(1, 500, MOST_ROWS)
    classes = random.choice(CLASSES, MOST_ROWS)
    pixels = hpx29(ra[:count], dec[:count])
    order = np.argsort(pixels, kind="stable")
    for start in range(0, count, CHUNK_ROWS):
        part = order[start : start + CHUNK_ROWS]
        x, y, z = unit_vector(ra[part], dec[part])
        columns = (part + 1, ra[part], dec[part], flux[part], classes[part], pixels[part], x, y, z)
        yield "".join(
            f"{number}\tIGR S{number:07d}\t{a!r}\t{d!r}\t{f:.6e}\t{c}\t{p}\t{u!r}\t{v!r}\t{w!r}\n"
            for number, a, d, f, c, p, u, v, w in zip(*(column.tolist() for column in columns), strict=True)
        )
