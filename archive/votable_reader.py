"""Reads uploaded VOTables: one table, TABLEDATA, BINARY or BINARY2, every datatype, nothing else.

All input is hostile. The parser is expat with our own handlers: document types, entities, references to other
places and unknown encodings are refused before anything is read, and every size is capped.

VOTable 1.5 sections 5 (datatypes) and 6 (serializations). What has no type of its own in the database comes back as
the nearest that holds it: unsignedByte as short, bit as boolean, complex numbers as pairs of numbers.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from xml.parsers import expat

from archive.errors import TooLargeError, UsageError
from archive.votable_cells import Cell, make_cell, read_binary

MAX_FIELDS = 1_000
MAX_ROWS = 1_000_000
MAX_CELLS = 20_000_000
MAX_DEPTH = 32
MAX_TEXT = 1_000_000
_XML_SPACE = re.compile(rb"[ \t\r\n]+")


class VOTableError(UsageError):
    """The uploaded document is no VOTable that this service reads."""


@dataclass(frozen=True, slots=True)
class Field:
    """A FIELD as the document has it."""

    name: str
    datatype: str
    arraysize: str | None
    unit: str | None
    ucd: str | None
    utype: str | None
    xtype: str | None
    description: str = ""
    null: str | None = None


@dataclass(frozen=True, slots=True)
class ReadTable:
    """A table in memory: for each column its field, its cell type, and the values, None for NULL.

    `params` are the scalar PARAMs of the document by name.
    """

    fields: tuple[Field, ...]
    cells: tuple[Cell, ...]
    columns: tuple[list[object], ...]
    row_count: int
    name: str = ""
    params: Mapping[str, object] = field(default_factory=dict)


def read_votable(content: bytes) -> ReadTable:
    """Read the one table of a document.

    Raises
    ------
    VOTableError
        If it is not well-formed, not a VOTable with one table, or not what it says of itself.
    TooLargeError
        If it has more columns, rows or cells than an upload may have.

    Examples
    --------
    >>> table = read_votable(
    ...     b"<VOTABLE><RESOURCE><TABLE><FIELD name='a' datatype='int'/><DATA><TABLEDATA>"
    ...     b"<TR><TD>7</TD></TR><TR><TD/></TR></TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
    ... )
    >>> table.columns
    ([7, None],)
    """
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.refuse_doctype
    parser.EntityDeclHandler = reader.refuse_doctype
    parser.ExternalEntityRefHandler = reader.refuse_doctype  # pyright: ignore[reportAttributeAccessIssue]  # it never returns
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        msg = f"it is not well-formed XML: {expat.ErrorString(error.code)} in line {error.lineno}"
        raise VOTableError(msg) from None
    return reader.finish()


@dataclass(slots=True)
class _Reader:
    """Collects what the handlers of expat see."""

    path: list[str] = field(default_factory=list)
    fields: list[Field] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    columns: list[list[object]] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    pieces_size: int = 0
    collecting: bool = False
    tables: int = 0
    declared_rows: int | None = None
    rows: int = 0
    row: list[str] = field(default_factory=list)
    mode: str = ""
    decoded: bool = False
    name: str = ""
    params: dict[str, object] = field(default_factory=dict)

    def refuse_doctype(self, *_arguments: object) -> None:
        msg = "it has a document type declaration or entities, which this service does not read; remove them"
        raise VOTableError(msg)

    def start(self, name: str, attributes: dict[str, str]) -> None:  # noqa: C901  # one line for each element
        name = name.rpartition(":")[2]
        if not self.path and name != "VOTABLE":
            msg = f"its first element is {name[:40]!r}, expected VOTABLE"
            raise VOTableError(msg)
        self.path.append(name)
        if len(self.path) > MAX_DEPTH:
            msg = f"its elements are nested deeper than {MAX_DEPTH}"
            raise VOTableError(msg)
        match name:
            case "TD":
                self._collect()
            case "TR":
                self.row = []
            case "TABLE":
                self._start_table(attributes)
            case "PARAM" if len(self.params) < MAX_FIELDS:
                self.params |= _read_param(attributes)
            case "FIELD" if "TABLE" in self.path:
                self._add_field(attributes)
            case "VALUES" if self.path[-2] == "FIELD" and "null" in attributes:
                self._change_field(null=attributes["null"])
            case "DESCRIPTION" if self.path[-2] == "FIELD":
                self._collect()
            case "DATA":
                self._start_data()
            case "TABLEDATA" | "BINARY" | "BINARY2":
                self.mode = name
            case "STREAM":
                self._start_stream(attributes)
            case "FITS":
                msg = "its data are a FITS file inside of the VOTable; send TABLEDATA, BINARY or BINARY2"
                raise VOTableError(msg)
            case _:
                pass

    def end(self, name: str) -> None:
        name = self.path.pop()
        match name:
            case "TD":
                self.row.append(self._collected())
            case "TR" if self.mode == "TABLEDATA":
                self._end_row()
            case "DESCRIPTION" if self.path and self.path[-1] == "FIELD":
                self._change_field(description=" ".join(self._collected().split()))
            case "STREAM":
                self._end_stream()
            case _:
                pass

    def text(self, data: str) -> None:
        if not self.collecting:
            return
        self.pieces.append(data)
        self.pieces_size += len(data)
        if self.pieces_size > MAX_TEXT and self.path[-1] != "STREAM":
            msg = f"a cell has more than {MAX_TEXT} characters"
            raise TooLargeError(msg)

    def finish(self) -> ReadTable:
        if not self.tables:
            msg = "it has no TABLE"
            raise VOTableError(msg)
        if not self.fields:
            msg = "its table has no FIELD"
            raise VOTableError(msg)
        if not self.cells:
            self._start_data()
        if self.declared_rows is not None and self.declared_rows != self.rows:
            msg = f"its TABLE says nrows={self.declared_rows} and holds {self.rows} rows"
            raise VOTableError(msg)
        return ReadTable(
            tuple(self.fields), tuple(self.cells), tuple(self.columns), self.rows, self.name, dict(self.params)
        )

    def _collect(self) -> None:
        self.collecting, self.pieces, self.pieces_size = True, [], 0

    def _collected(self) -> str:
        self.collecting = False
        return "".join(self.pieces)

    def _start_table(self, attributes: dict[str, str]) -> None:
        self.tables += 1
        self.name = attributes.get("name", "").strip()[:200]
        if self.tables > 1:
            msg = "it has more than one TABLE; upload each under its own name"
            raise VOTableError(msg)
        nrows = attributes.get("nrows", "").strip()
        if nrows:
            if not (nrows.isascii() and nrows.isdigit() and len(nrows) < 18):
                msg = f"nrows={nrows[:40]!r} is not a number of rows"
                raise VOTableError(msg)
            self.declared_rows = int(nrows)

    def _add_field(self, attributes: dict[str, str]) -> None:
        if len(self.fields) >= MAX_FIELDS:
            msg = f"it has more than {MAX_FIELDS} columns"
            raise TooLargeError(msg)
        name = (attributes.get("name") or attributes.get("ID") or "").strip()
        if not name or len(name) > 200:
            msg = f"column {len(self.fields) + 1} has no name, or one of more than 200 characters"
            raise VOTableError(msg)
        if any(name.lower() == other.name.lower() for other in self.fields):
            msg = f"two columns are named {name!r}"
            raise VOTableError(msg)
        optional = {key: attributes.get(key) or None for key in ("arraysize", "unit", "ucd", "utype", "xtype")}
        self.fields.append(Field(name, attributes.get("datatype", "").strip(), **optional))  # pyright: ignore[reportArgumentType]  # of these none is a description

    def _change_field(self, **changes: str) -> None:
        self.fields[-1] = replace(self.fields[-1], **changes)  # pyright: ignore[reportArgumentType]  # null or description

    def _start_data(self) -> None:
        if not self.fields:
            msg = "its table has no FIELD"
            raise VOTableError(msg)
        if self.cells:
            msg = "its table has more than one DATA"
            raise VOTableError(msg)
        self.cells = [make_cell(f.name, f.datatype, f.arraysize, f.null) for f in self.fields]
        self.columns = [[] for _ in self.fields]

    def _start_stream(self, attributes: dict[str, str]) -> None:
        if "href" in attributes:
            msg = "its data are somewhere else (STREAM href); this service reads what is in the upload only"
            raise VOTableError(msg)
        encoding = attributes.get("encoding", "base64").strip().lower()
        if encoding != "base64":
            msg = f"its STREAM has encoding={encoding[:40]!r}; this service reads base64"
            raise VOTableError(msg)
        if self.mode not in {"BINARY", "BINARY2"} or self.decoded:
            msg = "it has a STREAM that belongs to no BINARY or BINARY2, or more than one"
            raise VOTableError(msg)
        self._collect()

    def _end_row(self) -> None:
        if len(self.row) != len(self.cells):
            msg = f"row {self.rows + 1} has {len(self.row)} cells and there are {len(self.cells)} columns"
            raise VOTableError(msg)
        for cell, column, text in zip(self.cells, self.columns, self.row, strict=True):
            column.append(cell.from_text(text, self.rows + 1))
        self.rows += 1
        self._check_rows()

    def _end_stream(self) -> None:
        self.decoded = True
        try:
            data = b64decode(_XML_SPACE.sub(b"", self._collected().encode("ascii")), validate=True)
        except (binascii.Error, UnicodeEncodeError):
            msg = "its STREAM is not base64"
            raise VOTableError(msg) from None
        self.columns, self.rows = read_binary(data, self.cells, flags=self.mode == "BINARY2", most=MAX_ROWS)
        self._check_rows()

    def _check_rows(self) -> None:
        if self.rows > MAX_ROWS or self.rows * len(self.cells) > MAX_CELLS:
            msg = f"it has more than {MAX_ROWS} rows, or more than {MAX_CELLS} cells"
            raise TooLargeError(msg)


def _read_param(attributes: dict[str, str]) -> dict[str, object]:
    """Return the value of a scalar PARAM under its name; as text where it is not of its datatype."""
    name, text = attributes.get("name", "")[:200], attributes.get("value", "")[:1000].strip()
    datatype, arraysize = attributes.get("datatype", ""), attributes.get("arraysize")
    if datatype == "boolean" and text.lower() in {"true", "t", "1", "false", "f", "0"}:
        return {name: text.lower() in {"true", "t", "1"}}
    if datatype in {"short", "int", "long", "float", "double"} and arraysize in {None, "1"}:
        try:
            return {name: float(text) if datatype in {"float", "double"} else int(text)}
        except ValueError:
            return {name: text}
    return {name: text}
