"""Writes results as Arrow streams and as Parquet with the metadata of a VOTable (VOParquet 1.0)."""

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

import pyarrow as pa
import pyarrow.parquet as pq
from psycopg import sql

from vo.adql.resolved import Meta, OutputColumn
from vo.tap import executor, rows
from vo.tap.executor import Run
from vo.tap.params import TapRequest
from vo.votable import OVERFLOW, Info, metadata_document

ROW_GROUP_ROWS = 65_536
STREAM_ROWS = 8_192
_TYPES = {
    "boolean": pa.bool_(),
    "short": pa.int16(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
}


def arrow_schema(columns: Sequence[OutputColumn]) -> pa.Schema:
    """Return the schema of a result; unit, UCD and the rest are metadata of the fields."""
    names = ("unit", "ucd", "utype", "xtype", "description")
    return pa.schema(
        [
            pa.field(
                column.name,
                _type(column.meta),
                metadata={name: value for name in names if (value := getattr(column.meta, name))},
            )
            for column in columns
        ]
    )


def _type(meta: Meta) -> pa.DataType:
    plain = _TYPES.get(meta.datatype, pa.string())
    return pa.list_(plain) if meta.is_array else plain


def write_arrow(
    columns: tuple[OutputColumn, ...], inner: sql.Composable, request: TapRequest, run: Run
) -> Iterator[bytes]:
    """Write an Arrow IPC stream; a late failure breaks it off, and it has no place for an overflow."""
    schema = arrow_schema(columns)
    sink = _Sink()
    with closing(fetch_batches(columns, inner, request, run, schema=schema, size=STREAM_ROWS)) as batches:  # pyright: ignore[reportArgumentType]  # a generator
        first, _ = next(batches)
        with pa.ipc.new_stream(sink, schema) as writer:
            writer.write_batch(first)
            yield sink.take()
            for batch, _ in batches:
                writer.write_batch(batch)
                yield sink.take()
    yield sink.take()


def write_parquet(
    columns: tuple[OutputColumn, ...], inner: sql.Composable, request: TapRequest, run: Run
) -> Iterator[bytes]:
    """Write a Parquet file aside, then send it: its footer comes last and says whether the result was cut off."""
    schema = arrow_schema(columns)
    overflow = request.maxrec == 0
    with tempfile.TemporaryFile() as file:
        with (
            closing(fetch_batches(columns, inner, request, run, schema=schema, size=ROW_GROUP_ROWS)) as batches,  # pyright: ignore[reportArgumentType]  # a generator
            pq.ParquetWriter(file, schema, compression="zstd") as writer,
        ):
            for batch, more in batches:
                writer.write_batch(batch)
                overflow = overflow or more
            infos = [Info("QUERY", request.query)]
            document = metadata_document(columns, infos, after=[OVERFLOW] if overflow else [])
            writer.add_key_value_metadata(
                {"IVOA.VOTable-Parquet.version": "1.0", "IVOA.VOTable-Parquet.content": document}
            )
        file.seek(0, os.SEEK_SET)
        while chunk := file.read(executor.CHUNK_BYTES * 4):
            yield chunk


class _Sink:
    """A file to write to, whose content is taken away piece by piece."""

    closed = False

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        piece = bytes(data)
        self.pieces.append(piece)
        return len(piece)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def take(self) -> bytes:
        taken, self.pieces = b"".join(self.pieces), []
        return taken


def _batch(batch: Iterable[Sequence[object]], schema: pa.Schema) -> pa.RecordBatch:
    columns = list(zip(*batch, strict=True)) or [()] * len(schema)
    return pa.record_batch([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


def fetch_batches(
    columns: tuple[OutputColumn, ...],
    inner: sql.Composable,
    request: TapRequest,
    run: Run,
    *,
    schema: pa.Schema,
    size: int,
) -> Iterator[tuple[pa.RecordBatch, bool]]:
    """Yield (batch, overflow): the rows of a query in batches of at most `size`; the first may be empty."""
    statement = sql.SQL("SELECT {} FROM ({}) AS r").format(rows.plain_columns(columns), inner)
    with executor.read_only_transaction(run) as connection:
        for batch, more in executor.stream_tuples(
            connection, statement, most=request.maxrec, size=size, tally=run.tally
        ):
            yield _batch(batch, schema), more
