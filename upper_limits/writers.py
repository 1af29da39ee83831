"""Writing the table of limits as JSON or VOTable, chunk by chunk; nothing grows with the number of rows."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

import orjson

from upper_limits.limits import COLUMNS, Column
from upper_limits.table import Columns

CONTENT_TYPES = {
    "json": "application/json",
    "votable": "application/x-votable+xml",
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


def write_votable(
    head: dict[str, object], chunks: Iterable[Columns], fields: Sequence[Column] = COLUMNS
) -> Iterator[bytes]:
    """Yield a VOTable 1.4 with TABLEDATA; the head goes into PARAMs and INFOs, flux units into the column `unit`."""
    yield (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">\n'
        b'<RESOURCE type="results">\n<INFO name="QUERY_STATUS" value="OK"/>\n'
    )
    for name, value in head.items():
        if name not in {"columns", "combined"}:
            text = value if isinstance(value, str) else json.dumps(value)
            yield f"<INFO name={quoteattr(name)} value={quoteattr(_clean(text))}/>\n".encode()
    yield b'<TABLE name="upper_limits">\n'
    for column in fields:
        yield _field(column).encode()
    yield b"<DATA><TABLEDATA>\n"
    for columns in chunks:
        cells = [_xml_cells(columns[column.name], column) for column in fields]
        yield "".join(f"<TR>{''.join(row)}</TR>\n" for row in zip(*cells, strict=True)).encode()
    yield b"</TABLEDATA></DATA>\n</TABLE>\n</RESOURCE>\n</VOTABLE>\n"


WRITERS = {"json": write_json, "votable": write_votable}


def _field(column: Column) -> str:
    # The unit of the map may differ from row to row, so it stands in the column `unit`.
    unit = f" unit={quoteattr(column.unit)}" if column.unit not in {"", "map", "map2"} else ""
    size = ' arraysize="*"' if column.datatype == "char" else ""
    datatype = "unicodeChar" if column.datatype == "char" else column.datatype
    return (
        f'<FIELD name="{column.name}" ID="{column.name}" datatype="{datatype}"{size}{unit} ucd="{column.ucd}">'
        f"<DESCRIPTION>{escape(column.description)}</DESCRIPTION></FIELD>\n"
    )


def _xml_cells(values: list[object], column: Column) -> list[str]:
    if column.datatype == "double":
        return [f"<TD>{'NaN' if value != value else value!r}</TD>" for value in values]  # noqa: PLR0124 - NaN
    if column.datatype == "boolean":
        return [f"<TD>{'true' if value else 'false'}</TD>" for value in values]
    return [f"<TD>{escape(_clean(str(value)))}</TD>" for value in values]


_NOT_XML = re.compile("[^\\t\\n\\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _clean(text: str) -> str:
    """Replace the characters that XML 1.0 (section 2.2) does not allow."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
