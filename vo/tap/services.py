"""Runs a TAP query from text to bytes: parse, resolve, translate, execute, write."""

import csv
import io
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache

import orjson
import psycopg
from django.conf import settings
from psycopg import sql

from archive.errors import ArchiveError
from archive.published import Table, load_optional_tables, load_tables
from vo.adql.late import split_late
from vo.adql.parser import parse_query
from vo.adql.postgres import write_query, write_statement
from vo.adql.resolved import OutputColumn, ResolvedQuery
from vo.adql.resolver import resolve_query
from vo.datalink.descriptors import service_descriptors
from vo.tap import executor, rows
from vo.tap.arrow import write_arrow, write_parquet
from vo.tap.demo_table import present_optional_tables
from vo.tap.errors import QueryFailedError
from vo.tap.executor import Flagged, Run
from vo.tap.fits import write_fits
from vo.tap.formats import find_format
from vo.tap.late_limits import compute_late, describe_late, find_maps, late_rows
from vo.tap.params import TapRequest
from vo.tap.text_tables import write_ecsv, write_html
from vo.tap.uploads import load_uploads, read_uploaded_tables
from vo.votable import OVERFLOW, Info, base64_stream, table_foot, table_head

PREVIEW_ROWS = 200
MOST_KEPT_CHARACTERS = 4_000
"""Longer queries are parsed anew each time: a tree takes about a hundred times the memory of its text."""
PREVIEW_TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class Result:
    """A running query: the columns of its result and the bytes of the document, which must be read or closed."""

    columns: tuple[OutputColumn, ...]
    content: Iterator[bytes]


def published_tables() -> Mapping[str, Table]:
    """Tables that queries may name."""
    return _tables(present_optional_tables())


@lru_cache(maxsize=8)
def _tables(optional: tuple[str, ...]) -> Mapping[str, Table]:
    return {**load_tables(), **{name: load_optional_tables()[name] for name in optional}}


def resolve_text(text: str) -> ResolvedQuery:
    """Parse and resolve a query against the published tables; the same text is resolved once while they stay the same.

    Raises
    ------
    ADQLError
        A subclass that names what is wrong and where.
    """
    resolve = _resolve if len(text) <= MOST_KEPT_CHARACTERS else _resolve.__wrapped__
    return resolve(text, present_optional_tables())


@lru_cache(maxsize=2_000)
def _resolve(text: str, optional: tuple[str, ...]) -> ResolvedQuery:
    return resolve_query(parse_query(text), _tables(optional), text)


def translate_text(text: str, limit: int) -> tuple[ResolvedQuery, sql.Composed]:
    """Like :func:`resolve_text`, with the SQL that gives at most `limit` rows, which is also made once."""
    translate = _translate if len(text) <= MOST_KEPT_CHARACTERS else _translate.__wrapped__
    return translate(text, limit, present_optional_tables())


@lru_cache(maxsize=1_000)
def _translate(text: str, limit: int, optional: tuple[str, ...]) -> tuple[ResolvedQuery, sql.Composed]:
    resolve = _resolve if len(text) <= MOST_KEPT_CHARACTERS else _resolve.__wrapped__
    resolved = resolve(text, optional)
    return resolved, write_query(split_late(resolved)[0], limit=limit)


def run_query(
    request: TapRequest,
    run: Run | None = None,
    contents: Mapping[str, bytes] | None = None,
    kept: Mapping[str, Table] | None = None,
) -> Result:
    """Start a query and return its result once the first rows are there.

    `contents` are the uploads by their part, `kept` the tables of the account that asks, or shared with it.

    The database is asked for one row more than MAXREC, which tells whether the result is cut off.

    Raises
    ------
    ArchiveError
        If the query cannot be parsed, resolved or started; a failure after the first rows ends the document instead.
    """
    run = run or Run()
    limit = request.maxrec + 1 if request.maxrec else 0
    if request.uploads:
        uploads = read_uploaded_tables(request.uploads, contents or {})
        tables = {**published_tables(), **(kept or {}), **{upload.table.name: upload.table for upload in uploads}}
        resolved = resolve_query(parse_query(request.query), tables, request.query)
        statement = write_statement(split_late(resolved)[0], limit=limit)
        inner = statement.text
        run = replace(run, prepare=_in_turn(run.prepare, lambda c: load_uploads(c, uploads, statement.covers)))
    elif kept:
        resolved = resolve_query(parse_query(request.query), {**published_tables(), **kept}, request.query)
        inner = write_query(split_late(resolved)[0], limit=limit)
    else:
        resolved, inner = translate_text(request.query, limit)
    columns = resolved.columns
    if calls := split_late(resolved)[1]:
        rows_of_query = inner
        maps = find_maps(calls, request.query)
        columns, inner = describe_late(columns, maps), late_rows(columns, maps)
        run = replace(run, prepare=_in_turn(run.prepare, lambda c: compute_late(c, rows_of_query, maps)))
    write = _WRITERS[request.result_format.writer]
    content = write(columns, inner, request, run)
    first = next(content)
    return Result(columns, _continue(first, content))


def _in_turn(*actions: Callable[[psycopg.Connection], None] | None) -> Callable[[psycopg.Connection], None]:
    def act(connection: psycopg.Connection) -> None:
        for action in actions:
            if action is not None:
                action(connection)

    return act


@dataclass(frozen=True, slots=True)
class Preview:
    """The first rows of a result; `cut` if there are more."""

    columns: tuple[OutputColumn, ...]
    rows: list[list[object]]
    cut: bool


def preview_query(text: str) -> Preview:
    """Run a query for its first rows only.

    Raises
    ------
    ArchiveError
        If the query cannot be parsed, resolved or run.
    """
    result = run_query(TapRequest(text, PREVIEW_ROWS, find_format("json")), Run(PREVIEW_TIMEOUT_S))
    document = orjson.loads(b"".join(result.content))
    if document["status"] not in {"OK", "OVERFLOW"}:
        raise QueryFailedError(document["status"])
    return Preview(result.columns, document["data"], document["status"] == "OVERFLOW")


def _continue(first: bytes, content: Iterator[bytes]) -> Iterator[bytes]:
    with closing(content):  # pyright: ignore[reportArgumentType]  # generators have close
        yield first
        yield from content


Writer = Callable[[tuple[OutputColumn, ...], sql.Composable, TapRequest, Run], Iterator[bytes]]


def _select(expression: sql.Composable, inner: sql.Composable) -> sql.Composed:
    return sql.SQL("SELECT {} FROM ({}) AS r").format(expression, inner)


def _write_votable(
    columns: tuple[OutputColumn, ...], inner: sql.Composable, request: TapRequest, run: Run
) -> Iterator[bytes]:
    """Write a VOTable; what goes wrong after the first rows is an INFO after the table (DALI 1.1 section 4.4)."""
    serialization = request.result_format.writer
    row = _VOTABLE_ROWS[serialization](columns)
    started = False
    status: list[Info] = []
    try:
        with executor.read_only_transaction(run) as connection:
            stream = executor.stream_rows(connection, _select(row, inner), most=request.maxrec, tally=run.tally)
            with closing(stream) as chunks:  # pyright: ignore[reportArgumentType]  # a generator
                flagged = Flagged(chunks, next(chunks))
                head = table_head(columns, [Info("QUERY", request.query)], serialization=serialization)
                started = True
                encoded = iter(flagged) if serialization == "TABLEDATA" else base64_stream(flagged)
                yield head + next(encoded, b"")
                yield from encoded
            status = [OVERFLOW] if flagged.overflow or request.maxrec == 0 else []
    except ArchiveError as error:
        if not started or run.raise_late:
            raise
        status = [Info("QUERY_STATUS", "ERROR", str(error))]
    resources = service_descriptors(columns, settings.PUBLIC_URL)
    yield table_foot(status, serialization=serialization, resources=resources)


_VOTABLE_ROWS: Mapping[str, Callable[[rows.Columns], sql.Composable]] = {
    "BINARY2": rows.binary2_row,
    "BINARY": rows.binary_row,
    "TABLEDATA": rows.tabledata_row,
}


def _write_compressed(
    columns: tuple[OutputColumn, ...], inner: sql.Composable, request: TapRequest, run: Run
) -> Iterator[bytes]:
    """Write a VOTable as a gzip file, piece by piece."""
    packer = zlib.compressobj(level=4, wbits=31)
    plain = replace(request, result_format=find_format("votable"))
    with closing(_write_votable(columns, inner, plain, run)) as content:  # pyright: ignore[reportArgumentType]  # a generator
        for chunk in content:
            if packed := packer.compress(chunk):
                yield packed
    yield packer.flush()


def _write_separated(
    columns: tuple[OutputColumn, ...], inner: sql.Composable, request: TapRequest, run: Run
) -> Iterator[bytes]:
    """Write CSV or TSV; these formats have no place for a status, a late failure breaks the transfer off."""
    delimiter = "," if request.result_format.writer == "csv" else "\t"
    header = io.StringIO()
    csv.writer(header, delimiter=delimiter, lineterminator="\n").writerow([column.name for column in columns])
    row = rows.separated_row(columns, delimiter)
    with (
        executor.read_only_transaction(run) as connection,
        closing(executor.stream_rows(connection, _select(row, inner), most=request.maxrec, tally=run.tally)) as chunks,  # pyright: ignore[reportArgumentType]  # a generator
    ):
        first, _ = next(chunks)
        yield header.getvalue().encode() + first
        for chunk, _ in chunks:
            yield chunk


def _write_json(
    columns: tuple[OutputColumn, ...], inner: sql.Composable, request: TapRequest, run: Run
) -> Iterator[bytes]:
    """Write ``{"metadata": [...], "data": [[...], ...]}``, the shape of ESA's archives; a status comes last."""
    names = ("datatype", "arraysize", "unit", "ucd", "utype", "xtype", "description")
    metadata = [
        {"name": column.name, **{name: getattr(column.meta, name) for name in names if getattr(column.meta, name)}}
        for column in columns
    ]
    separated = sql.SQL("{} || E',\\n'").format(rows.json_row(columns))
    head = b'{"metadata": ' + orjson.dumps(metadata) + b',\n"data": [\n'
    pending = b""
    status = "OK"
    try:
        with executor.read_only_transaction(run) as connection:
            stream = executor.stream_rows(connection, _select(separated, inner), most=request.maxrec, tally=run.tally)
            with closing(stream) as chunks:  # pyright: ignore[reportArgumentType]  # a generator
                flagged = Flagged(chunks, next(chunks))
                # One chunk is held back, so that the comma after the last row can be left out.
                for chunk in flagged:
                    if pending:
                        yield head + pending
                        head = b""
                    pending = chunk
            status = "OVERFLOW" if flagged.overflow or request.maxrec == 0 else "OK"
    except ArchiveError as error:
        if head or run.raise_late:
            raise
        status = str(error)
    yield head + pending.removesuffix(b",\n") + b'\n],\n"status": ' + orjson.dumps(status) + b"}\n"


_WRITERS: Mapping[str, Writer] = {
    "BINARY2": _write_votable,
    "BINARY": _write_votable,
    "gzip": _write_compressed,
    "TABLEDATA": _write_votable,
    "csv": _write_separated,
    "tsv": _write_separated,
    "json": _write_json,
    "parquet": write_parquet,
    "arrow": write_arrow,
    "fits": write_fits,
    "ecsv": write_ecsv,
    "html": write_html,
}
