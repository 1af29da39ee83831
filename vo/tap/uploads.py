"""Uploaded tables in the database: temporary tables of the query's own transaction, gone with it.

Nobody else can see them, and no name of the user's gets into SQL: tables are u1, u2, ..., their columns c1, c2, ...
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import psycopg
from psycopg import sql
from psycopg.sql import Composable

from archive.errors import TooLargeError, UsageError
from archive.published import Column, Table
from archive.votable_cells import Cell
from archive.votable_reader import Field, ReadTable
from vo.adql.position_joins import PositionCover, cover_circles, cover_column
from vo.adql.postgres import meta_type
from vo.adql.resolved import Meta
from vo.adql.resolver import UPLOAD_PREFIX, uploaded_table_name
from vo.tap.params import MOST_UPLOAD_BYTES
from vo.tap.upload_formats import read_table

ANALYZE_FROM_ROWS = 500


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded table: how queries see it, and what is in it."""

    table: Table
    content: ReadTable


def read_uploaded_tables(uploads: Sequence[tuple[str, str]], contents: Mapping[str, bytes]) -> tuple[Upload, ...]:
    """Read the tables of UPLOAD: pairs of table name and part.

    Raises
    ------
    UsageError
        If one cannot be read; the message names the table.
    """
    if sum(map(len, contents.values())) > MOST_UPLOAD_BYTES:
        msg = f"the uploads have more than {MOST_UPLOAD_BYTES} bytes together"
        raise TooLargeError(msg)
    read = []
    for name, part in uploads:
        try:
            content = read_table(contents[part])
        except UsageError as error:
            msg = f"the uploaded table {name} cannot be read: {error}"
            raise type(error)(msg) from error
        pairs = zip(content.fields, content.cells, content.columns, strict=True)
        columns = tuple(_column(field, cell, values) for field, cell, values in pairs)
        read.append(Upload(Table(UPLOAD_PREFIX + name, name, "uploaded", columns), content))
    return tuple(read)


def _column(field: Field, cell: Cell, values: list[object]) -> Column:
    """Describe a column as queries see it; what the database has no type for comes back as the nearest that has."""
    datatype, arraysize = cell.comes_back_as, (field.arraysize or "").strip() or None
    if cell.is_text:
        plain = cell.datatype == "char" and all(v is None or str(v).isascii() for v in values)
        datatype = "char" if plain else "unicodeChar"
        single = arraysize is None or arraysize.isdigit() or arraysize.rstrip("*").isdigit()
        arraysize = (None if arraysize == "1" else arraysize) if plain and single else "*"
    elif cell.scalar:
        arraysize = None
    elif cell.datatype.endswith("Complex"):
        arraysize = "*" if cell.count is None else str(cell.count)
    xtype = "timestamp" if field.xtype == "adql:TIMESTAMP" else field.xtype
    return Column(
        name=field.name,
        datatype=datatype,
        description=field.description,
        arraysize=arraysize,
        unit=field.unit,
        ucd=field.ucd,
        utype=field.utype,
        xtype=xtype,
    )


def load_uploads(
    connection: psycopg.Connection, uploads: Sequence[Upload], covers: Sequence[PositionCover] = ()
) -> None:
    """Make the temporary tables, with the index ranges that `covers` asks for."""
    for number, upload in enumerate(uploads, 1):
        name = uploaded_table_name(number)
        _load(connection, sql.Identifier(*name), upload, [(k, c) for k, c in enumerate(covers) if c.table == name])


def _load(
    connection: psycopg.Connection, name: Composable, upload: Upload, covers: Sequence[tuple[int, PositionCover]]
) -> None:
    types = [meta_type(Meta(c.datatype, c.arraysize)) for c in upload.table.columns]
    columns = [(f"c{i}", written) for i, written in enumerate(types, 1)]
    values: list[Sequence[object]] = list(upload.content.columns)
    for number, cover in covers:
        cells = cover_circles(_degrees(upload, cover.lon), _degrees(upload, cover.lat), cover.radius_deg)
        for place, starts in enumerate(cells.T.tolist()):
            columns.append((cover_column(number, place), sql.SQL("bigint")))
            values.append([None if start < 0 else start for start in starts])
    definitions = [sql.SQL("{} {}").format(sql.Identifier(column), written) for column, written in columns]
    connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(name, sql.SQL(", ").join(definitions))
    )
    with connection.cursor() as cursor, cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(name)) as copy:
        copy.set_types([written.as_string(None) for _, written in columns])
        for row in zip(*values, strict=True):
            copy.write_row(row)
    if upload.content.row_count >= ANALYZE_FROM_ROWS:
        connection.execute(sql.SQL("ANALYZE {}").format(name))


def _degrees(upload: Upload, column: str) -> np.ndarray:
    """Return a column as float64, NaN for NULL."""
    return np.array(upload.content.columns[int(column[1:]) - 1], dtype=np.float64)
