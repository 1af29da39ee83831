"""Writes VOTable 1.4 as a stream of bytes: the frame and the fields here, the rows as PostgreSQL made them.

Version 1.4 and not 1.5, because STILTS in today's distributions takes 1.5 for an error. Nothing is kept per row.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from vo.adql.resolved import Meta, OutputColumn

CONTENT_TYPE = "application/x-votable+xml"
_NCNAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

VOTABLE_START = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xsi:schemaLocation="http://www.ivoa.net/xml/VOTable/v1.3 http://www.ivoa.net/xml/VOTable/v1.3">\n'
)
"""Everything before the first RESOURCE."""

_HEAD = f'{VOTABLE_START}<RESOURCE type="results">\n'
_FOOT = "</RESOURCE>\n</VOTABLE>\n"


@dataclass(frozen=True, slots=True)
class Info:
    """An INFO element."""

    name: str
    value: str
    text: str = ""

    def xml(self) -> str:
        """Write the element."""
        start = f"<INFO name={_attribute(self.name)} value={_attribute(self.value)}"
        return f"{start}>{_text(self.text)}</INFO>\n" if self.text else f"{start}/>\n"


OVERFLOW = Info("QUERY_STATUS", "OVERFLOW")


def clean(text: str) -> str:
    """Replace the characters that XML cannot hold by U+FFFD."""
    return _CONTROL.sub("\ufffd", text)


def _text(text: str) -> str:
    return escape(clean(text))


def _attribute(text: str) -> str:
    return quoteattr(clean(text))


def error_document(message: str) -> bytes:
    """Return the document that says that a request failed (DALI 1.1 section 4.2).

    Clients read the message out of exactly ``<INFO name="QUERY_STATUS" value="ERROR">``.
    """
    status = f'<INFO name="QUERY_STATUS" value="ERROR">{_text(message)}</INFO>\n'
    return f"{_HEAD}{status}{_FOOT}".encode()


def table_head(columns: Iterable[OutputColumn], infos: Iterable[Info] = (), *, serialization: str) -> bytes:
    """Return everything up to the first row.

    Parameters
    ----------
    columns
        The fields, in order.
    infos
        INFO elements before the table, after ``QUERY_STATUS="OK"``.
    serialization
        "BINARY2", "BINARY" or "TABLEDATA".
    """
    columns = tuple(columns)
    parts = [_HEAD, '<INFO name="QUERY_STATUS" value="OK"/>\n', *(info.xml() for info in infos)]
    if any(_reference(column) == "ICRS" for column in columns):
        parts.append('<COOSYS ID="ICRS" system="ICRS"/>\n')
    if any(_reference(column) == "MJD_TT" for column in columns):
        parts.append('<TIMESYS ID="MJD_TT" refposition="UNKNOWN" timeorigin="MJD-origin" timescale="TT"/>\n')
    parts.append('<TABLE name="result">\n')
    parts += [_field(column, null_value(column.meta) if serialization == "BINARY" else None) for column in columns]
    parts.append(f"<DATA>\n<{serialization}>\n")
    parts.append("" if serialization == "TABLEDATA" else '<STREAM encoding="base64">\n')
    return "".join(parts).encode()


def table_foot(infos: Iterable[Info] = (), *, serialization: str, resources: str = "") -> bytes:
    """Return everything after the last row; `infos` stand after the table (overflow, late errors).

    `resources` are further RESOURCE elements, after the results: service descriptors.
    """
    end = "" if serialization == "TABLEDATA" else "\n</STREAM>\n"
    status = "".join(info.xml() for info in infos)
    return f"{end}</{serialization}>\n</DATA>\n</TABLE>\n{status}</RESOURCE>\n{resources}</VOTABLE>\n".encode()


def metadata_document(columns: Iterable[OutputColumn], infos: Iterable[Info], *, after: Iterable[Info]) -> str:
    """Return a VOTable without data, as files of other formats carry it; `after` are the INFO after the table."""
    head = table_head(columns, infos, serialization="TABLEDATA").decode()
    tail = "".join(info.xml() for info in after)
    head = head.removesuffix("<DATA>\n<TABLEDATA>\n")
    return f"{head}</TABLE>\n{tail}{_FOOT}"


def _reference(column: OutputColumn) -> str:
    """ID of the COOSYS or TIMESYS of a column."""
    ucd = column.meta.ucd or ""
    if column.meta.kind in {"point", "circle", "polygon"} or (column.meta.unit == "deg" and "pos.eq" in ucd):
        return "ICRS"
    if column.meta.unit == "d" and (
        column.name.endswith("mjd_tt") or "TimeAxis.Coverage.Bounds" in (column.meta.utype or "")
    ):
        return "MJD_TT"
    return ""


def field_id(column: OutputColumn) -> str:
    """Return the ID of the FIELD of a column, to which other elements refer; '' if its name cannot be one."""
    return column.name if _NCNAME.fullmatch(column.name) and column.name not in {"ICRS", "MJD_TT"} else ""


def null_value(meta: Meta) -> int | None:
    """Return what stands for NULL in BINARY, which has no flags: the least of a whole number's type; else None."""
    bits = {"short": 16, "int": 32, "long": 64}.get(meta.datatype)
    return None if bits is None or meta.is_array else -(2 ** (bits - 1))


def _field(column: OutputColumn, null: int | None) -> str:
    meta = column.meta
    attributes = {
        "ID": field_id(column),
        "name": column.name,
        "datatype": meta.datatype,
    }
    for name in ("arraysize", "unit", "ucd", "utype", "xtype"):
        attributes[name] = getattr(meta, name) or ""
    attributes["ref"] = _reference(column)
    written = "".join(f" {name}={_attribute(value)}" for name, value in attributes.items() if value)
    content = f"<DESCRIPTION>{_text(meta.description)}</DESCRIPTION>\n" if meta.description else ""
    content += f'<VALUES null="{null}"/>\n' if null is not None else ""
    return f"<FIELD{written}>\n{content}</FIELD>\n" if content else f"<FIELD{written}/>\n"


def base64_stream(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Encode chunks as one base64 text, without padding in between.

    Examples
    --------
    >>> b"".join(base64_stream([b"ab", b"cd"])) == b64encode(b"abcd")
    True
    """
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        cut = len(data) - len(data) % 3
        rest = data[cut:]
        if cut:
            yield b64encode(memoryview(data)[:cut])
    if rest:
        yield b64encode(rest)


def is_fixed_text(meta: Meta) -> int | None:
    """Return the number of bytes of a text of fixed length, or None; without arraysize it is one character."""
    size = meta.arraysize or "1"
    return int(size) if meta.datatype == "char" and size.isdigit() else None
