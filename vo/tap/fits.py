"""Writes results as FITS binary tables (FITS 4.0 section 7.3), in constant memory.

The header of a FITS table says how many rows there are and how wide they are, so the rows are put aside first, as
Arrow batches in a temporary file; then header, rows and heap are written from there, one batch at a time.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from astropy.io.fits import Header
from psycopg import sql

from vo.adql.resolved import OutputColumn
from vo.tap.arrow import arrow_schema, fetch_batches
from vo.tap.errors import QueryFailedError
from vo.tap.executor import Run
from vo.tap.params import TapRequest

pc: Any = pyarrow.compute  # its functions are made at import; no checker knows them

BATCH_ROWS = 8_192
BLOCK_BYTES = 2_880
MOST_COLUMNS = 999
"""FITS 4.0 section 7.3.1: TFIELDS is at most 999."""

_LETTERS = {"short": "I", "int": "J", "long": "K", "float": "E", "double": "D", "boolean": "L"}
_DTYPES = {"I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8", "L": "u1"}
_WASTE = 4
"""Texts stand in the table itself if that takes at most so many times their bytes; else in the heap."""


@dataclass(slots=True)
class _Extent:
    """What has been seen of a column: NULLs, extremes of whole numbers, lengths of texts and lists."""

    nulls: bool = False
    low: int | None = None
    high: int | None = None
    longest: int = 0
    total: int = 0
    references: bool = False


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a column stands in the file: its letter, elements of a cell (None: in the heap), longest cell, TNULL."""

    letter: str
    count: int | None
    longest: int
    null: int | None

    @property
    def form(self) -> str:
        return f"1Q{self.letter}({self.longest})" if self.count is None else f"{self.count}{self.letter}"

    @property
    def dtype(self) -> object:
        if self.count is None:
            return (">i8", (2,))
        return f"S{self.count}" if self.letter == "A" else (_DTYPES[self.letter], (self.count,))


def write_fits(
    columns: tuple[OutputColumn, ...], inner: sql.Composable, request: TapRequest, run: Run
) -> Iterator[bytes]:
    """Write a FITS file: an empty primary array and one binary table, whose header tells if the result was cut off.

    NULL is TNULLn in whole numbers, NaN in others, a zero byte in truth values, and the empty text. Characters outside
    ASCII, which FITS has not, are XML character references; a COMMENT says so where there are some.

    Raises
    ------
    QueryFailedError
        If the result has more columns than FITS can have, or a column holds NULL and both extremes of its type.
    """
    if len(columns) > MOST_COLUMNS:
        msg = (
            f"the result has {len(columns)} columns and a FITS table at most {MOST_COLUMNS}; ask for fewer, or VOTable"
        )
        raise QueryFailedError(msg)
    schema = arrow_schema(columns)
    extents = [_Extent() for _ in columns]
    overflow, count = request.maxrec == 0, 0
    with tempfile.TemporaryFile() as spool:
        with (
            closing(fetch_batches(columns, inner, request, run, schema=schema, size=BATCH_ROWS)) as batches,  # pyright: ignore[reportArgumentType]  # a generator
            pa.ipc.new_stream(spool, schema) as writer,
        ):
            for batch, more in batches:
                for column, extent, values in zip(columns, extents, batch.columns, strict=True):
                    _measure(column, extent, values)
                writer.write_batch(batch)
                count += batch.num_rows
                overflow = overflow or more
        layouts = [_layout(column, extent, count) for column, extent in zip(columns, extents, strict=True)]
        yield _header(columns, layouts, extents, count, overflow=overflow, query=request.query)
        yield from _padded(_data(spool, layouts))


def _measure(column: OutputColumn, extent: _Extent, values: pa.Array) -> None:
    extent.nulls = extent.nulls or values.null_count > 0
    if column.meta.is_array:
        lengths = pc.list_value_length(values)
        extent.nulls = extent.nulls or values.flatten().null_count > 0
    elif pa.types.is_string(values.type):
        references = not pc.all(pc.string_is_ascii(values)).as_py() if len(values) > values.null_count else False
        extent.references = extent.references or references
        lengths = pa.array([len(text) for text in _texts(values)]) if references else pc.binary_length(values)
    else:
        lengths = None
    if lengths is not None:
        extent.longest = max(extent.longest, pc.max(lengths).as_py() or 0)
        extent.total += pc.sum(lengths).as_py() or 0
    flat = values.flatten() if column.meta.is_array else values
    if pa.types.is_integer(flat.type) and len(flat) > flat.null_count:
        ends = pc.min_max(flat).as_py()
        extent.low = ends["min"] if extent.low is None else min(extent.low, ends["min"])
        extent.high = ends["max"] if extent.high is None else max(extent.high, ends["max"])


def _layout(column: OutputColumn, extent: _Extent, rows: int) -> _Layout:
    letter = _LETTERS.get(column.meta.datatype, "A")
    if letter == "A":
        fits_in = extent.longest * rows <= _WASTE * extent.total + 2**20
        return _Layout("A", max(extent.longest, 1) if fits_in else None, extent.longest, None)
    null = _unused_value(column, extent) if letter in "IJK" and extent.nulls else None
    if not column.meta.is_array:
        return _Layout(letter, 1, 1, null)
    return _Layout(letter, column.meta.element_count, extent.longest, null)


def _unused_value(column: OutputColumn, extent: _Extent) -> int:
    bits = {"short": 16, "int": 32, "long": 64}[column.meta.datatype]
    least, most = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    if extent.low is None or extent.low > least:
        return least
    if extent.high is None or extent.high < most:
        return most
    msg = (
        f"column {column.name!r} holds NULL and both extremes of its type, which FITS cannot tell apart; "
        "ask for another format, or CAST it to a wider type"
    )
    raise QueryFailedError(msg)


def _header(
    columns: Sequence[OutputColumn],
    layouts: Sequence[_Layout],
    extents: Sequence[_Extent],
    rows: int,
    *,
    overflow: bool,
    query: str,
) -> bytes:
    primary = Header([("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True)])
    row_bytes = _row_dtype(layouts).itemsize
    heap = sum(
        extent.total * (1 if layout.letter == "A" else np.dtype(_DTYPES[layout.letter]).itemsize)
        for layout, extent in zip(layouts, extents, strict=True)
        if layout.count is None
    )
    table = Header()
    table["XTENSION"] = "BINTABLE"
    for name, value in (
        ("BITPIX", 8),
        ("NAXIS", 2),
        ("NAXIS1", row_bytes),
        ("NAXIS2", rows),
        ("PCOUNT", heap),
        ("GCOUNT", 1),
        ("TFIELDS", len(columns)),
        ("EXTNAME", "RESULT"),
    ):
        table[name] = value
    for number, (column, layout) in enumerate(zip(columns, layouts, strict=True), 1):
        meta = column.meta
        sizes = (meta.arraysize or "").split("x")
        for name, value in (
            ("TTYPE", column.name),
            ("TFORM", layout.form),
            ("TDIM", f"({','.join(sizes)})" if meta.is_array and layout.count and len(sizes) > 1 else None),
            ("TUNIT", meta.unit),
            ("TNULL", layout.null),
            ("TUCD", meta.ucd),
            ("TUTYP", meta.utype),
            ("TXTYP", meta.xtype),
            ("TCOMM", meta.description),
        ):
            if value not in {None, ""}:
                table[f"{name}{number}"] = _plain(value) if isinstance(value, str) else value
    table["QSTATUS"] = ("OVERFLOW" if overflow else "OK", "OVERFLOW: rows beyond MAXREC are left out")
    table["QUERY"] = _plain(query)
    if any(extent.references for extent in extents):
        table["COMMENT"] = "Characters outside ASCII are written as XML character references."
    return (primary.tostring() + table.tostring()).encode("ascii")


def _plain(text: str) -> str:
    r"""Make a text fit for a header: ASCII, line ends as ``\n``."""
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return escaped.encode("ascii", "xmlcharrefreplace").decode()


def _row_dtype(layouts: Sequence[_Layout]) -> np.dtype:
    return np.dtype([(f"c{place}", layout.dtype) for place, layout in enumerate(layouts)])  # pyright: ignore[reportArgumentType, reportCallIssue]  # field types


def _data(spool: IO[bytes], layouts: Sequence[_Layout]) -> Iterator[bytes]:
    """Yield the rows, then the heap: column after column within each batch."""
    dtype, offset = _row_dtype(layouts), 0
    for batch in _spooled(spool):
        table = np.zeros(batch.num_rows, dtype)
        for place, (layout, values) in enumerate(zip(layouts, batch.columns, strict=True)):
            if layout.count is not None:
                table[f"c{place}"] = _fixed(layout, values)
                continue
            pieces = _heap_pieces(layout, values)
            size = 1 if layout.letter == "A" else np.dtype(_DTYPES[layout.letter]).itemsize
            lengths = np.array([len(piece) for piece in pieces], np.int64)
            table[f"c{place}"][:, 0] = lengths // size
            table[f"c{place}"][:, 1] = offset + np.concatenate([[0], np.cumsum(lengths)])[:-1]
            offset += int(lengths.sum())
        yield table.tobytes()
    if any(layout.count is None for layout in layouts):
        for batch in _spooled(spool):
            for layout, values in zip(layouts, batch.columns, strict=True):
                if layout.count is None:
                    yield b"".join(_heap_pieces(layout, values))


def _spooled(spool: IO[bytes]) -> Iterator[pa.RecordBatch]:
    spool.seek(0, os.SEEK_SET)
    with pa.ipc.open_stream(spool) as reader:
        yield from reader


def _texts(values: pa.Array) -> list[bytes]:
    return [(text or "").encode("ascii", "xmlcharrefreplace") for text in values.to_pylist()]


def _fixed(layout: _Layout, values: pa.Array) -> np.ndarray:
    if layout.letter == "A":
        return np.array(_texts(values), f"S{layout.count}")
    if pa.types.is_list(values.type):
        rows = values.to_pylist()
        return np.array([_elements(layout, row, layout.count or 0) for row in rows], _DTYPES[layout.letter]).reshape(
            len(rows), layout.count or 0
        )
    if layout.letter == "L":
        return np.array([_truth(value) for value in values.to_pylist()], "u1").reshape(-1, 1)
    filled = (
        values.fill_null(layout.null if layout.null is not None else _absent(layout)) if values.null_count else values
    )
    return filled.to_numpy(zero_copy_only=False).reshape(-1, 1)


def _absent(layout: _Layout) -> float | int:
    return float("nan") if layout.letter in "ED" else layout.null or 0


def _truth(value: bool | None) -> int:  # noqa: FBT001 - a value, not an option
    return 0 if value is None else ord("T") if value else ord("F")


def _elements(layout: _Layout, row: Sequence[object] | None, count: int) -> Sequence[object]:
    if layout.letter == "L":
        return [_truth(value) for value in (row if row is not None else [None] * count)]  # pyright: ignore[reportArgumentType]  # truth values
    absent = _absent(layout)
    return [absent] * count if row is None else [absent if value is None else value for value in row]


def _heap_pieces(layout: _Layout, values: pa.Array) -> list[bytes]:
    if layout.letter == "A":
        return _texts(values)
    return [np.array(_elements(layout, row, 0), _DTYPES[layout.letter]).tobytes() for row in values.to_pylist()]


def _padded(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Fill up to whole blocks (FITS 4.0 section 7.3.2)."""
    size = 0
    for piece in pieces:
        size += len(piece)
        yield piece
    if size % BLOCK_BYTES:
        yield bytes(BLOCK_BYTES - size % BLOCK_BYTES)
