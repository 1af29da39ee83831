"""Writing the table of limits as Arrow stream, Parquet or CSV, chunk by chunk: the formats for many positions.

No number is NaN, as in the arrays; in CSV it is an empty field. Unit, UCD and description of a column are in the
metadata of its field, the head of the answer (confidence, formulas, versions, notices) is JSON in the metadata
``archipelago`` of the schema.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import orjson
import pyarrow as pa  # pyright: ignore[reportMissingTypeStubs]
import pyarrow.csv as pa_csv  # pyright: ignore[reportMissingTypeStubs]
import pyarrow.parquet as pq  # pyright: ignore[reportMissingTypeStubs]
from numpy.typing import NDArray

from upper_limits.limits import COLUMNS, Column
from upper_limits.table import Text

Chunk = Mapping[str, NDArray[np.generic] | Text | list[object]]

CONTENT_TYPES = {
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv; charset=utf-8; header=present",
}
_TYPES = {"double": pa.float64(), "int": pa.int32(), "long": pa.int64(), "boolean": pa.bool_(), "char": pa.string()}
_WORDS = pa.dictionary(pa.int32(), pa.string())


class _Drain(io.RawIOBase):
    """A sink whose content is taken out again as soon as it is written."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        part = bytes(data)
        self._parts.append(part)
        self._length += len(part)
        return len(part)

    def tell(self) -> int:
        return self._length

    def take(self) -> bytes:
        content = b"".join(self._parts)
        self._parts.clear()
        return content


def write_arrow(
    head: dict[str, object], chunks: Iterable[Chunk], fields: Sequence[Column] = COLUMNS
) -> Iterator[bytes]:
    """Yield an Arrow IPC stream, a record batch for each chunk; texts are dictionaries, replaced as they change."""
    schema, drain = _schema(head, fields, words_once=True), _Drain()
    with pa.ipc.new_stream(drain, schema) as writer:
        yield drain.take()
        for chunk in chunks:
            writer.write_batch(_batch(chunk, schema, fields, words_once=True))
            yield drain.take()
    yield drain.take()


def write_parquet(
    head: dict[str, object], chunks: Iterable[Chunk], fields: Sequence[Column] = COLUMNS
) -> Iterator[bytes]:
    """Yield a Parquet file, one row group for each chunk."""
    schema, drain = _schema(head, fields), _Drain()
    with pq.ParquetWriter(drain, schema) as writer:
        yield drain.take()
        for chunk in chunks:
            writer.write_batch(_batch(chunk, schema, fields))
            yield drain.take()
    yield drain.take()


def write_csv(head: dict[str, object], chunks: Iterable[Chunk], fields: Sequence[Column] = COLUMNS) -> Iterator[bytes]:
    """Yield CSV with one header line; no number and no text are an empty field, lines end with a line feed."""
    schema, drain = _schema(head, fields), _Drain()
    yield (",".join(column.name for column in fields) + "\n").encode()
    options = pa_csv.WriteOptions(include_header=False)
    for chunk in chunks:
        batch = _batch(chunk, schema, fields, empty_is_null=True)
        pa_csv.write_csv(batch, drain, options)
        yield drain.take()


COLUMNAR_WRITERS = {"arrow": write_arrow, "parquet": write_parquet, "csv": write_csv}


def _schema(head: dict[str, object], fields: Sequence[Column], *, words_once: bool = False) -> pa.Schema:
    kept = {name: value for name, value in head.items() if name not in {"columns", "combined"}}
    return pa.schema(
        [
            pa.field(
                column.name,
                _WORDS if words_once and column.datatype == "char" else _TYPES[column.datatype],
                metadata={"unit": column.unit, "ucd": column.ucd, "description": column.description},
            )
            for column in fields
        ],
        metadata={"archipelago": orjson.dumps(kept)},
    )


def _batch(
    chunk: Chunk,
    schema: pa.Schema,
    fields: Sequence[Column],
    *,
    empty_is_null: bool = False,
    words_once: bool = False,
) -> pa.RecordBatch:
    arrays = [
        _dictionary(chunk[column.name])
        if words_once and column.datatype == "char"
        else _array(chunk[column.name], _TYPES[column.datatype], empty_is_null=empty_is_null)
        for column in fields
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _dictionary(values: NDArray[np.generic] | Text | list[object]) -> pa.Array:
    if isinstance(values, Text):
        return pa.DictionaryArray.from_arrays(values.codes, pa.array(values.words, pa.string()))
    return pa.array(values, pa.string()).dictionary_encode()


def _array(values: NDArray[np.generic] | Text | list[object], kind: pa.DataType, *, empty_is_null: bool) -> pa.Array:
    if isinstance(values, Text):
        words = [word or None for word in values.words] if empty_is_null else values.words
        return pa.DictionaryArray.from_arrays(values.codes, pa.array(words, pa.string())).dictionary_decode()
    if isinstance(values, np.ndarray):
        return pa.array(np.ascontiguousarray(values), from_pandas=empty_is_null).cast(kind)
    if empty_is_null:
        values = [None if value in {"", None} else value for value in values]
    return pa.array(values, kind, from_pandas=empty_is_null)
