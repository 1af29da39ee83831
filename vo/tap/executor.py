"""Runs SQL for outside queries: its own pool of read-only connections, a time limit, rows as a stream of bytes.

The connections belong to the role that may only read the published schemas. Every query runs in a READ ONLY
transaction; when the reader of the rows goes away, the query is cancelled.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import psycopg
from django.conf import settings
from django.db import connection as django_connection
from psycopg import sql
from psycopg.rows import scalar_row
from psycopg_pool import ConnectionPool, PoolTimeout

from archive import faults
from archive.errors import ArchiveError, UnavailableError
from vo.tap.errors import QueryFailedError, QueryTimeoutError, TooManyQueriesError

logger = logging.getLogger(__name__)

POOL_SIZE = 16
POOL_PATIENCE_S = 20.0
SYNC_TIMEOUT_S = 600
BATCH_ROWS = 2_000
CHUNK_BYTES = 65_536


@dataclass(slots=True)
class Tally:
    """How many rows of a result have been written so far."""

    rows: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """How a query is run.

    `prepare` works first in the query's transaction, which is READ ONLY after it (uploads, the lock of a job);
    `raise_late` makes a failure after the first rows an exception, instead of a mark in the document; `tally` is kept
    up to date while rows are written.
    """

    timeout_s: float = SYNC_TIMEOUT_S
    prepare: Callable[[psycopg.Connection], None] | None = None
    raise_late: bool = False
    tally: Tally = field(default_factory=Tally)


_CONNECTION_KEYS = ("host", "port", "dbname", "user", "password", "sslmode", "service")


_pools: dict[tuple[tuple[str, object], ...], ConnectionPool] = {}
_pools_lock = threading.Lock()


def _open_pool(parameters: tuple[tuple[str, object], ...]) -> ConnectionPool:
    return ConnectionPool(
        kwargs={**dict(parameters), "autocommit": True, "application_name": "archipelago tap"},
        configure=_configure,
        min_size=1,
        max_size=POOL_SIZE,
        timeout=POOL_PATIENCE_S,
        max_idle=300,
        open=True,
        name="tap",
    )


def _configure(connection: psycopg.Connection) -> None:
    role = sql.Identifier(settings.TAP_ROLE)
    connection.execute(
        sql.SQL("SET TimeZone = 'UTC'; SET default_transaction_read_only = on; SET ROLE {}").format(role)
    )
    connection.prepare_threshold = None


def current_pool() -> ConnectionPool:
    """Return this process's pool of connections to the archive's database."""
    parameters = django_connection.get_connection_params()
    key = tuple((key, parameters[key]) for key in _CONNECTION_KEYS if parameters.get(key))
    with _pools_lock:
        if key not in _pools:
            _pools[key] = _open_pool(key)
        return _pools[key]


def close_pools() -> None:
    """Close all connections; the next query opens new ones."""
    with _pools_lock:
        for pool in _pools.values():
            pool.close()
        _pools.clear()


@contextmanager
def read_only_transaction(run: Run) -> Iterator[psycopg.Connection]:
    """Yield a connection in a READ ONLY transaction; errors of the database become the archive's.

    Raises
    ------
    QueryTimeoutError, QueryFailedError, TooManyQueriesError, UnavailableError, InternalError
    """
    try:
        with current_pool().connection() as connection:
            milliseconds = sql.Literal(int(run.timeout_s * 1000))
            mode = sql.SQL("READ WRITE" if run.prepare else "READ ONLY")
            connection.execute(sql.SQL("BEGIN {}; SET LOCAL statement_timeout = {}").format(mode, milliseconds))
            try:
                if run.prepare:
                    run.prepare(connection)
                    connection.execute("SET TRANSACTION READ ONLY")
                yield connection
            finally:
                if not connection.closed:
                    connection.rollback()
    except (psycopg.Error, PoolTimeout) as error:
        raise explain(error, run.timeout_s) from error


def explain(error: Exception, timeout_s: float) -> ArchiveError:
    """Return the error to show for one of the database's; what must not be shown goes to the log."""
    match error:
        case PoolTimeout():
            return TooManyQueriesError("all connections for queries are in use; try again in a minute")
        case psycopg.errors.QueryCanceled():
            return QueryTimeoutError(
                f"the query took longer than {timeout_s:g} s and was stopped; narrow it down, or ask for fewer rows"
            )
        case psycopg.DataError():
            return QueryFailedError(f"the query cannot be computed: {error.diag.message_primary}")
        case psycopg.errors.UndefinedTable():
            return QueryFailedError("a table of the query has been removed meanwhile; /tap/tables lists what there is")
        case psycopg.errors.OutOfMemory() | psycopg.errors.DiskFull() | psycopg.errors.StatementTooComplex():
            return QueryFailedError("the query needs more memory or disk than it may use; narrow it down")
        case psycopg.OperationalError() if (getattr(error, "sqlstate", None) or "57P").startswith(("57P", "08")):
            logger.error("database out of reach: %s", error)
            return UnavailableError("the database of the archive is out of reach at the moment; try again later")
        case _:
            return faults.explain(error)


def stream_rows(
    connection: psycopg.Connection, statement: sql.Composed, *, most: int, tally: Tally | None = None
) -> Iterator[tuple[bytes, bool]]:
    """Yield (bytes, overflow): chunks of whole rows, each row one value of the statement's only column.

    At most `most` rows are given; `overflow` is True on the last item if the statement had more.
    """
    cursor = connection.cursor(row_factory=scalar_row)
    # Closing the stream cancels the query; it must happen before the transaction ends.
    with closing(cursor.stream(statement, binary=True, size=BATCH_ROWS)) as stream:  # pyright: ignore[reportArgumentType]  # a generator
        yield from _chunks((row if isinstance(row, bytes) else row.encode() for row in stream), most, tally)


def stream_tuples(
    connection: psycopg.Connection, statement: sql.Composed, *, most: int, size: int, tally: Tally | None = None
) -> Iterator[tuple[list[tuple[object, ...]], bool]]:
    """Like :func:`stream_rows`, with batches of at most `size` rows as tuples; the first may be empty."""
    batch: list[tuple[object, ...]] = []
    given, tally = 0, tally or Tally()
    with closing(connection.cursor().stream(statement, binary=True, size=BATCH_ROWS)) as stream:  # pyright: ignore[reportArgumentType]  # a generator
        for row in stream:
            given += 1
            if given > most:
                break
            batch.append(row)
            if len(batch) >= size:
                tally.rows = given
                yield batch, False
                batch = []
        tally.rows = min(given, most)
        yield batch, given > most


def _chunks(rows: Iterable[bytes], most: int, tally: Tally | None) -> Iterator[tuple[bytes, bool]]:
    pending: list[bytes] = []
    size = given = 0
    tally = tally or Tally()
    for row in rows:
        given += 1
        if given > most:
            continue
        pending.append(row)
        size += len(row)
        if size >= CHUNK_BYTES:
            tally.rows = given
            yield b"".join(pending), False
            pending, size = [], 0
    tally.rows = min(given, most)
    yield b"".join(pending), given > most


class Flagged:
    """Passes chunks on and remembers whether the last one said that there were more rows."""

    def __init__(self, chunks: Iterator[tuple[bytes, bool]], first: tuple[bytes, bool]) -> None:
        self.chunks = chunks
        self.first = first
        self.overflow = False

    def __iter__(self) -> Iterator[bytes]:
        """Yield the chunks."""
        chunk, self.overflow = self.first
        yield chunk
        for chunk, overflow in self.chunks:
            self.overflow = overflow
            yield chunk


def probe(timeout_s: float = 5.0) -> str:
    """Read one row of TAP_SCHEMA, as a query would, and say so.

    Raises
    ------
    ArchiveError
        If queries cannot be answered at the moment.
    """
    with read_only_transaction(Run(timeout_s)) as connection:
        connection.execute("SELECT table_name FROM tap_schema.tables LIMIT 1").fetchone()
    return "a query was answered"
