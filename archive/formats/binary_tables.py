"""Tables in containers: VOTable and Parquet."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from archive.errors import ArchiveError
from archive.formats.findings import refuse
from archive.formats.tables import MAX_COLUMNS, MAX_ROWS, Table, TableColumn, make_column, name_of_file
from archive.votable_reader import read_votable

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROW_GROUP_BYTES = 256 << 20
PARQUET_MAGIC = b"PAR1"


def read_votable_table(path: Path, content: bytes) -> Table:
    """Read the one table of a VOTable with our own reader: no document types, entities or references elsewhere.

    Raises
    ------
    FormatError
        ``VOTABLE-REFUSED`` with the reason, ``TABLE-CELL``.
    """
    try:
        found = read_votable(content)
    except ArchiveError as error:
        raise refuse("VOTABLE-REFUSED", "the VOTable is not read", found=str(error)[:200]) from error
    columns = tuple(
        make_column(one.name, [_plain(value) for value in values], one.unit or "", one.ucd or "", one.description)
        for one, values in zip(found.fields, found.columns, strict=True)
    )
    return Table("VOTable", found.name or name_of_file(path), columns, found.params)


def _plain(value: object) -> object:
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124 - NaN


def read_parquet(path: Path, content: bytes) -> Table:
    """Read a Parquet file of plain columns; units, UCDs and descriptions are metadata of its fields.

    Raises
    ------
    FormatError
        ``PARQUET-DAMAGED``, ``PARQUET-SIZE`` or ``PARQUET-NESTED``.
    """
    # Loaded at the first Parquet file: most that read products, a build of sky maps too, never see one.
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        file = pq.ParquetFile(io.BytesIO(content))
        schema, facts = file.schema_arrow, file.metadata
        groups = [facts.row_group(number).total_byte_size for number in range(facts.num_row_groups)]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise refuse(
            "PARQUET-DAMAGED", "the Parquet file cannot be read", found=" ".join(str(error).split())[:160]
        ) from error
    if facts.num_rows > MAX_ROWS or len(schema) > MAX_COLUMNS or any(size > MAX_ROW_GROUP_BYTES for size in groups):
        found = f"{facts.num_rows} rows, {len(schema)} columns, row groups up to {max(groups, default=0)} bytes"
        expected = f"at most {MAX_ROWS} rows, {MAX_COLUMNS} columns, {MAX_ROW_GROUP_BYTES} bytes"
        raise refuse("PARQUET-SIZE", "the Parquet file is too large", found=found, expected=expected)
    for one in schema:
        if not _is_plain(one.type):
            raise refuse(
                "PARQUET-NESTED",
                "nested, opaque and dictionary columns are not taken",
                column=one.name,
                found=str(one.type)[:60],
                expected="numbers, logicals or texts",
            )
    try:
        table = file.read()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise refuse(
            "PARQUET-DAMAGED", "the Parquet file cannot be read", found=" ".join(str(error).split())[:160]
        ) from error
    columns = tuple(_parquet_column(one, table.column(number)) for number, one in enumerate(schema))
    keywords = {
        key.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for key, value in (schema.metadata or {}).items()
        if len(value) <= 68
    }
    return Table(
        "Parquet",
        keywords.pop("EXTNAME", "") or name_of_file(path),
        columns,
        {k: _number_or_text(v) for k, v in keywords.items()},
    )


def _is_plain(kind: pa.DataType) -> bool:
    from pyarrow import types  # noqa: PLC0415 - see read_parquet

    return bool(
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_boolean(kind)
        or types.is_string(kind)
        or types.is_large_string(kind)
    )


def _parquet_column(one: pa.Field, values: pa.ChunkedArray) -> TableColumn:
    from pyarrow import types  # noqa: PLC0415 - see read_parquet

    facts = {
        key.decode("utf-8", "replace").lower(): value.decode("utf-8", "replace")
        for key, value in (one.metadata or {}).items()
    }
    about = (facts.get("unit", ""), facts.get("ucd", ""), facts.get("description", ""))
    if types.is_floating(one.type) or (types.is_integer(one.type) and not values.null_count):
        kept = values.to_numpy()
        return TableColumn(one.name, kept.astype(np.float64 if types.is_floating(one.type) else np.int64), *about)
    return make_column(one.name, values.to_pylist(), *about)


def _number_or_text(text: str) -> object:
    """Return what the text of a keyword stands for: metadata of Parquet has no types."""
    if text in {"T", "F", "true", "false"}:
        return text in {"T", "true"}
    try:
        return float(text) if "." in text or "e" in text.lower() else int(text)
    except ValueError:
        return text
