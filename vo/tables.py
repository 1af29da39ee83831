"""Streams the answer to a query of ours as a VOTable in the words of another protocol: SCS, SIA, SSA."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing

from django.conf import settings
from psycopg import sql

from archive.errors import ArchiveError
from vo.adql.postgres import write_query
from vo.adql.resolved import OutputColumn
from vo.datalink.descriptors import service_descriptors
from vo.tap import executor, rows
from vo.tap.executor import Run
from vo.tap.services import resolve_text
from vo.votable import OVERFLOW, Info, table_foot, table_head

Present = Callable[[OutputColumn], OutputColumn]
_SERIALIZATION = "TABLEDATA"


def quote_text(text: str) -> str:
    """Write a text as an ADQL literal.

    Examples
    --------
    >>> quote_text("Barnard's star")
    "'Barnard''s star'"
    """
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def stream_table(
    query: str,
    *,
    maxrec: int,
    present: Present = lambda column: column,
    infos: Iterable[Info] = (),
    cutouts: bool = True,
) -> Iterator[bytes]:
    """Run an ADQL query and return its result as VOTable 1.4 in TABLEDATA, once the first rows are there.

    Parameters
    ----------
    query
        ADQL that this package wrote, with texts through :func:`quote_text`.
    maxrec
        At most so many rows; an INFO after the table says if there are more. 0 gives the fields alone.
    present
        Changes what the document says of a column (UCD, utype), not its values.
    infos
        INFO elements before the table.
    cutouts
        Whether any of the products in the result can be cut; see `vo.datalink.descriptors`.

    Raises
    ------
    ArchiveError
        If the query cannot be run; a failure after the first rows is an INFO after the table.
    """
    content = _write(query, maxrec, present, tuple(infos), cutouts=cutouts)
    first = next(content)
    return _after(first, content)


def _after(first: bytes, content: Iterator[bytes]) -> Iterator[bytes]:
    with closing(content):  # pyright: ignore[reportArgumentType]  # a generator
        yield first
        yield from content


def _write(query: str, maxrec: int, present: Present, infos: tuple[Info, ...], *, cutouts: bool) -> Iterator[bytes]:
    resolved = resolve_text(query)
    inner = write_query(resolved, limit=maxrec + 1 if maxrec else 0)
    statement = sql.SQL("SELECT {} FROM ({}) AS r").format(rows.tabledata_row(resolved.columns), inner)
    started = overflow = False
    status: list[Info] = []
    try:
        with (
            executor.read_only_transaction(Run()) as connection,
            closing(executor.stream_rows(connection, statement, most=maxrec)) as chunks,  # pyright: ignore[reportArgumentType]  # a generator
        ):
            for chunk, more in chunks:
                overflow = more
                if not started:
                    fields = [present(column) for column in resolved.columns]
                    yield table_head(fields, infos, serialization=_SERIALIZATION) + chunk
                    started = True
                else:
                    yield chunk
        status = [OVERFLOW] if overflow or maxrec == 0 else []
    except ArchiveError as error:
        if not started:
            raise
        status = [Info("QUERY_STATUS", "ERROR", str(error))]
    resources = service_descriptors(map(present, resolved.columns), settings.PUBLIC_URL, cutouts=cutouts)
    yield table_foot(status, serialization=_SERIALIZATION, resources=resources)
