"""Whatever the resolver accepts, PostgreSQL executes: the corpus, and random queries; the types are those announced."""

import random
from collections import Counter

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from archive.published import load_tables
from tests.support.adql_corpus import ACCEPTED
from tests.support.adql_generator import query
from tests.support.archive_rows import deliver, random_sources
from vo.adql.errors import ADQLError
from vo.adql.late import split_late
from vo.adql.parser import parse_query
from vo.adql.postgres import write_query
from vo.adql.resolver import resolve_query
from vo.tap import rows

pytestmark = pytest.mark.django_db

TYPES = {
    "boolean": {"boolean"},
    "short": {"smallint"},
    "int": {"integer", "smallint"},
    "long": {"bigint", "integer", "smallint"},
    "float": {"real"},
    "double": {"double precision", "real", "bigint", "integer", "smallint"},
    "char": {"text"},
    "unicodeChar": {"text"},
}


@pytest.fixture
def connection(db):
    from django.db import connection as own

    from archive.models import Source, SourceName

    deliver("random", Source, random_sources(20))
    names = [{"source_id": f"J{i:06d}", "name": f"A{i}", "normalized_name": f"A{i}", "is_main": True} for i in range(9)]
    deliver("names", SourceName, names)
    own.connection.execute("SET LOCAL statement_timeout = 20000")
    return own.connection


def execute(connection, text, tree=None):
    """Run a query as TAP does and return its rows' types in the database, or None if it cannot be computed."""
    resolved, _ = split_late(resolve_query(tree or parse_query(text), load_tables(), text))
    inner = write_query(resolved, limit=100)
    names = [sql.Identifier(column.sql_name) for column in resolved.columns]
    types = sql.SQL("SELECT {} FROM (SELECT 1) AS one LEFT JOIN ({}) AS r ON TRUE LIMIT 1").format(
        sql.SQL(", ").join(sql.SQL("pg_typeof(r.{})::text").format(name) for name in names), inner
    )
    try:
        with connection.transaction():
            for expression in (
                rows.binary2_row(resolved.columns),
                rows.tabledata_row(resolved.columns),
                rows.separated_row(resolved.columns, ","),
            ):
                connection.execute(sql.SQL("SELECT {} FROM ({}) AS r").format(expression, inner)).fetchall()
            found = connection.execute(types).fetchone()
    except psycopg.DataError:
        return None
    for column, given_type in zip(resolved.columns, found, strict=True):
        wanted = (
            {f"{t}[]" for t in TYPES[column.meta.datatype]} if column.meta.is_array else TYPES[column.meta.datatype]
        )
        assert given_type in wanted, (text, column)
    return found


@pytest.mark.parametrize("text", ACCEPTED)
def test_the_corpus_runs(connection, text):
    assert execute(connection, text) is not None


def test_minus_nothing_is_nothing(connection):
    for text in ("SELECT -(NULL) AS x FROM tap_schema.schemas", "SELECT 1 + -NULL AS x FROM tap_schema.schemas"):
        assert execute(connection, text) is not None


def test_whatever_the_resolver_accepts_runs(connection):
    counts = Counter()

    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 2**40))
    def run(seed):
        text = query(random.Random(seed))  # noqa: S311  # no secret
        tree = parse_query(text)
        try:
            counts["run" if execute(connection, text, tree) is not None else "not computable"] += 1
        except ADQLError:
            counts["refused"] += 1

    run()
    assert counts["run"] > 40, counts
