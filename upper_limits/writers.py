"""Writing the table of limits as JSON or VOTable TABLEDATA, chunk by chunk; nothing grows with the number of rows."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import orjson

from upper_limits.limits import COLUMNS, Column
from upper_limits.table import Columns, Text

CONTENT_TYPES = {
    "json": "application/json",
    "json_columns": "application/json",
    "votable_td": "application/x-votable+xml",
}


def write_json(
    head: dict[str, object], chunks: Iterable[Columns], fields: Sequence[Column] = COLUMNS
) -> Iterator[bytes]:
    """Yield one JSON object: the head's members, then ``results``, a list of rows. No number is ``null``."""
    names = [column.name for column in fields]
    yield orjson.dumps(head)[:-1] + b',"results":['
    first = True
    for columns in chunks:
        rows = zip(*(columns[name] for name in names), strict=True)
        # orjson writes NaN as null
        body = b",\n".join(orjson.dumps(dict(zip(names, row, strict=True))) for row in rows)
        yield body if first else b",\n" + body
        first = False
    yield b"]}\n"


def write_json_columns(
    head: dict[str, object], chunks: Iterable[Mapping[str, object]], fields: Sequence[Column] = COLUMNS
) -> Iterator[bytes]:
    """Yield one JSON object: the head's members, then ``blocks``, a list of objects that hold each column as a list."""
    yield orjson.dumps(head)[:-1] + b',"blocks":['
    first = True
    for chunk in chunks:
        block = {column.name: _json_column(chunk[column.name]) for column in fields}
        body = orjson.dumps(block, option=orjson.OPT_SERIALIZE_NUMPY)  # writes NaN as null
        yield body if first else b",\n" + body
        first = False
    yield b"]}\n"


def _json_column(values: object) -> object:
    if isinstance(values, Text):
        return values.tolist()
    return np.ascontiguousarray(values) if isinstance(values, np.ndarray) else values


def write_votable(
    head: dict[str, object], chunks: Iterable[Columns], fields: Sequence[Column] = COLUMNS
) -> Iterator[bytes]:
    """Yield a VOTable 1.4 with TABLEDATA; the head goes into PARAMs and INFOs, flux units into the column `unit`."""
    yield votable_start(head)
    for column in fields:
        yield field_start(column).encode()
    yield b"<DATA><TABLEDATA>\n"
    for columns in chunks:
        cells = [_xml_cells(columns[column.name], column) for column in fields]
        yield "".join(f"<TR>{''.join(row)}</TR>\n" for row in zip(*cells, strict=True)).encode()
    yield b"</TABLEDATA></DATA>\n</TABLE>\n</RESOURCE>\n</VOTABLE>\n"


WRITERS = {"json": write_json, "votable_td": write_votable}


def votable_start(head: Mapping[str, object]) -> bytes:
    """Return a VOTable up to its first FIELD; the head goes into INFOs."""
    kept = {name: value for name, value in head.items() if name not in {"columns", "combined"}}
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in kept.items()}
    infos = [f"<INFO name={quoteattr(name)} value={quoteattr(clean(text))}/>\n" for name, text in texts.items()]
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">\n'
        '<RESOURCE type="results">\n<INFO name="QUERY_STATUS" value="OK"/>\n'
        f'{"".join(infos)}<TABLE name="upper_limits">\n'
    ).encode()


def field_start(column: Column, size: str = "*", text_type: str = "unicodeChar") -> str:
    """Return the FIELD of a column; a text has `size` characters of `text_type`."""
    # The unit of the map may differ from row to row, so it stands in the column `unit`.
    unit = f" unit={quoteattr(column.unit)}" if column.unit not in {"", "map", "map2"} else ""
    arraysize = f' arraysize="{size}"' if column.datatype == "char" else ""
    datatype = text_type if column.datatype == "char" else column.datatype
    return (
        f'<FIELD name="{column.name}" ID="{column.name}" datatype="{datatype}"{arraysize}{unit} ucd="{column.ucd}">'
        f"<DESCRIPTION>{escape(column.description)}</DESCRIPTION></FIELD>\n"
    )


def _xml_cells(values: list[object], column: Column) -> list[str]:
    if column.datatype == "double":
        return [f"<TD>{'NaN' if value != value else value!r}</TD>" for value in values]  # noqa: PLR0124 - NaN
    if column.datatype == "boolean":
        return [f"<TD>{'true' if value else 'false'}</TD>" for value in values]
    return [f"<TD>{escape(clean(str(value)))}</TD>" for value in values]


_NOT_XML = re.compile("[^\\t\\n\\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """Replace the characters that XML 1.0 (section 2.2) does not allow."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
