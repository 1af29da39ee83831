"""Reads an uploaded table of any format that is taken: VOTable, CSV, TSV, FITS, Parquet; told apart by the content."""

import csv
import io
import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from archive.errors import TooLargeError, UsageError
from archive.votable_cells import make_cell
from archive.votable_reader import MAX_CELLS, MAX_FIELDS, MAX_ROWS, MAX_TEXT, Field, ReadTable, read_votable
from vo.tap import unpack_upload

UNPACK_PATIENCE_S = 60
_WHOLE = re.compile(r"[+-]?(?:0|[1-9]\d{0,18})")
_NUMBER = re.compile(
    r"[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?|[+-]?(?:nan|inf|infinity)", re.IGNORECASE
)
_TRUTH = {"true": True, "false": False}
_ARROW_TYPES = {
    pa.bool_(): "boolean",
    pa.int8(): "short",
    pa.uint8(): "short",
    pa.int16(): "short",
    pa.uint16(): "int",
    pa.int32(): "int",
    pa.uint32(): "long",
    pa.int64(): "long",
    pa.float32(): "float",
    pa.float64(): "double",
}


def read_table(content: bytes) -> ReadTable:
    r"""Read the one table of an upload.

    Raises
    ------
    UsageError
        If it is none of the formats, or not what it says of itself.
    TooLargeError
        If it has more columns, rows, cells or bytes than an upload may have.

    Examples
    --------
    >>> read_table(b"id,ra\n7,10.5\n8,\n").columns
    ([7, 8], [10.5, None])
    """
    if content[:2] == b"\x1f\x8b" or content[:4] in {b"PK\x03\x04", b"BZh9", b"\xfd7zX"}:
        msg = "it is packed; send it as it is (the request itself is not long for that)"
        raise UsageError(msg)
    if content[:4] == b"PAR1" or content[:9] == b"SIMPLE  =":
        return _read_unpacked(content)
    if content.lstrip(b"\xef\xbb\xbf \t\r\n\xff\xfe")[:1] in {b"<", b"\x00"} or content[:2] in {
        b"\xff\xfe",
        b"\xfe\xff",
    }:
        return read_votable(content)
    return _read_text(content)


def _read_text(content: bytes) -> ReadTable:
    """Read CSV (RFC 4180) or tab-separated values; the first line names the columns, an empty value is NULL."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        msg = f"it is no VOTable, FITS or Parquet, and no UTF-8 text either (byte {error.start}); send one of these"
        raise UsageError(msg) from None
    if "\0" in text:
        msg = "it has a NUL character; text is expected where the table is no VOTable, FITS or Parquet"
        raise UsageError(msg)
    first = text.split("\n", 1)[0]
    csv.field_size_limit(MAX_TEXT)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter="\t" if "\t" in first and "," not in first else ",", strict=True
    )
    try:
        names = [name.strip() for name in next(reader, [])]
        _check_names(names)
        rows = _rows_of_text(reader, names)
    except csv.Error as error:
        msg = f"line {reader.line_num} cannot be read as CSV: {error}"
        raise UsageError(msg) from None
    if not rows and len(names) == 1:
        msg = "it is no VOTable, FITS or Parquet, and as CSV it has one word and no rows"
        raise UsageError(msg)
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    typed = [_typed(column) for column in columns]
    fields = [Field(n, d, s, None, None, None, None) for n, (d, s, _) in zip(names, typed, strict=True)]
    return _table(fields, [values for _, _, values in typed], len(rows))


def _rows_of_text(reader: Any, names: Sequence[str]) -> list[list[str]]:
    rows: list[list[str]] = []
    for row in reader:
        if not row:
            continue
        if len(row) != len(names):
            number = reader.line_num
            msg = f"line {number} has {len(row)} values and there are {len(names)} columns"
            raise UsageError(msg)
        rows.append(row)
        _check_size(len(rows), len(names))
    return rows


def _typed(texts: Sequence[str]) -> tuple[str, str | None, list[object]]:
    """Return datatype, arraysize and values: the narrowest type that holds every text without loss.

    A number with leading zeros, as identifiers have them, stays a text.
    """
    given = [text.strip() for text in texts if text.strip()]
    if given and all(_WHOLE.fullmatch(text) for text in given):
        numbers = [int(text) if text.strip() else None for text in texts]
        largest = max(abs(number) for number in numbers if number is not None)
        if largest < 2**63:
            return ("int" if largest < 2**31 else "long"), None, list(numbers)
    elif given and all(_NUMBER.fullmatch(text) for text in given):
        return "double", None, [float(text) if text.strip() else None for text in texts]
    elif given and all(text.lower() in _TRUTH for text in given):
        return "boolean", None, [_TRUTH[text.strip().lower()] if text.strip() else None for text in texts]
    return "unicodeChar", "*", [text or None for text in texts]


def _read_unpacked(content: bytes) -> ReadTable:
    """Read FITS or Parquet by way of the child process `vo.tap.unpack_upload`."""
    command = [sys.executable, "-P", unpack_upload.__file__, str(MAX_ROWS), str(MAX_CELLS)]
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=UNPACK_PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        msg = f"reading it took longer than {UNPACK_PATIENCE_S} s"
        raise TooLargeError(msg) from None
    if done.returncode == 3:
        raise UsageError(done.stderr.decode(errors="replace").strip()[-400:])
    if done.returncode:
        msg = "it unpacks to more than this service can hold, or it is damaged"
        raise TooLargeError(msg)
    with pa.ipc.open_stream(done.stdout) as reader:
        table = reader.read_all()
    names = [str(name).strip() for name in table.column_names]
    _check_names(names)
    _check_size(table.num_rows, len(names))
    described = _described(table.schema)
    fields, columns = [], []
    for name, field, values in zip(names, table.schema, table.columns, strict=True):
        read, column = _arrow_column(name, field, values)
        known = described.get(name)
        fields.append(
            read
            if known is None
            else Field(
                name, read.datatype, read.arraysize, known.unit, known.ucd, known.utype, known.xtype, known.description
            )
        )
        columns.append(column)
    return _table(fields, columns, table.num_rows)


def _described(schema: pa.Schema) -> dict[str, Field]:
    """What the VOTable inside of a VOParquet file says of the columns."""
    document = (schema.metadata or {}).get(b"IVOA.VOTable-Parquet.content")
    return {} if document is None else {field.name: field for field in read_votable(document).fields}


def _arrow_column(name: str, field: pa.Field, values: Any) -> tuple[Field, list[object]]:
    kind, arraysize = field.type, None
    if pa.types.is_dictionary(kind):
        values, kind = values.cast(kind.value_type), kind.value_type
    if pa.types.is_fixed_size_list(kind):
        kind, arraysize = kind.value_type, str(kind.list_size)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        kind, arraysize = kind.value_type, "*"
    column: list[object]
    metadata = {key.decode(): value.decode(errors="replace") for key, value in (field.metadata or {}).items()}
    xtype = metadata.get("xtype")
    if kind in _ARROW_TYPES:
        datatype, column = _ARROW_TYPES[kind], values.to_pylist()
    elif arraysize is None and (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        datatype, arraysize, column = (
            "unicodeChar",
            "*",
            [text and text.partition("\0")[0] for text in values.to_pylist()],
        )
    elif arraysize is None and (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        datatype, arraysize, xtype = "char", "*", "timestamp"
        column = [None if time is None else time.isoformat().removesuffix("+00:00") for time in values.to_pylist()]
    else:
        msg = f"column {name!r} has the type {field.type}, which this service does not take"
        raise UsageError(msg)
    described = {key: metadata.get(key) for key in ("unit", "ucd", "utype")}
    return Field(
        name, datatype, arraysize, **described, xtype=xtype, description=metadata.get("description", "")
    ), column


def _table(fields: Sequence[Field], columns: Sequence[list[object]], rows: int) -> ReadTable:
    cells = tuple(make_cell(field.name, field.datatype, field.arraysize, None) for field in fields)
    return ReadTable(tuple(fields), cells, tuple(columns), rows)


def _check_names(names: Sequence[str]) -> None:
    if not names or len(names) > MAX_FIELDS:
        msg = f"it has {len(names)} columns; 1 to {MAX_FIELDS} are expected"
        raise UsageError(msg)
    for number, name in enumerate(names, 1):
        if not name or len(name) > 200 or not name.isprintable():
            msg = (
                f"column {number} has no name, or one that is too long or cannot be printed; the first line names them"
            )
            raise UsageError(msg)
        if name.lower() in (other.lower() for other in names[: number - 1]):
            msg = f"two columns are named {name!r}"
            raise UsageError(msg)


def _check_size(rows: int, columns: int) -> None:
    if rows > MAX_ROWS or rows * columns > MAX_CELLS:
        msg = f"it has more than {MAX_ROWS} rows, or more than {MAX_CELLS} cells"
        raise TooLargeError(msg)
