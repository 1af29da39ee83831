"""Writes data products as VOTable 1.4: tables of arrays with parameters, in BINARY2."""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray

from vo.votable import VOTABLE_START, Info, clean

CONTENT_TYPE = "application/x-votable+xml"
_ROWS = 4_096
_TYPES = {"f": ("double", ">f8"), "i": ("int", ">i4"), "u": ("int", ">i4")}


@dataclass(frozen=True, slots=True)
class Param:
    """A fact about a table; a value of None is left out."""

    name: str
    value: str | float | None
    utype: str = ""
    ucd: str = ""
    unit: str = ""
    description: str = ""

    def xml(self) -> str:
        """Write the element."""
        if self.value is None:
            return ""
        number = isinstance(self.value, (int, float))
        kind = 'datatype="double"' if number else 'datatype="char" arraysize="*"'
        value = repr(float(self.value)) if isinstance(self.value, (int, float)) else clean(self.value)
        return (
            f'<PARAM name="{self.name}" {kind} value={quoteattr(value)}'
            f"{_attributes(unit=self.unit, ucd=self.ucd, utype=self.utype)}{_described('PARAM', self.description)}"
        )


@dataclass(frozen=True, slots=True)
class Field:
    """A column: whole numbers are written as int, others as double; `ref` names a TIMESYS, `own_id` the column."""

    name: str
    values: NDArray[np.generic]
    ucd: str
    description: str
    unit: str = ""
    utype: str = ""
    ref: str = ""
    own_id: str = ""

    def xml(self) -> str:
        """Write the element."""
        datatype, _ = _TYPES[self.values.dtype.kind]
        more = _attributes(ID=self.own_id, unit=self.unit, ucd=self.ucd, utype=self.utype, ref=self.ref)
        return f'<FIELD name="{self.name}" datatype="{datatype}"{more}{_described("FIELD", self.description)}'


@dataclass(frozen=True, slots=True)
class DataTable:
    """A table: what it is, facts about it, and its columns, all of one length."""

    name: str
    description: str
    params: tuple[Param, ...]
    fields: tuple[Field, ...]
    utype: str = ""
    groups: str = ""


def _attributes(**attributes: str) -> str:
    return "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items() if value)


def _described(element: str, description: str) -> str:
    return f">\n<DESCRIPTION>{escape(clean(description))}</DESCRIPTION>\n</{element}>\n" if description else "/>\n"


def write_document(
    tables: Iterable[DataTable], *, description: str, systems: str = "", utype: str = "", infos: Iterable[Info] = ()
) -> Iterator[bytes]:
    """Yield a document with one RESOURCE; `systems` are its COOSYS and TIMESYS elements."""
    head = f"<DESCRIPTION>{escape(clean(description))}</DESCRIPTION>\n{''.join(info.xml() for info in infos)}{systems}"
    yield f'{VOTABLE_START}<RESOURCE type="results"{_attributes(utype=utype)}>\n{head}'.encode()
    for table in tables:
        text = _attributes(name=table.name, utype=table.utype) + ">\n"
        text += f"<DESCRIPTION>{escape(clean(table.description))}</DESCRIPTION>\n"
        text += table.groups + "".join(param.xml() for param in table.params)
        text += "".join(field.xml() for field in table.fields)
        yield f'<TABLE{text}<DATA>\n<BINARY2>\n<STREAM encoding="base64">\n'.encode()
        yield from _rows(table.fields)
        yield b"</STREAM>\n</BINARY2>\n</DATA>\n</TABLE>\n"
    yield b"</RESOURCE>\n</VOTABLE>\n"


def _rows(fields: tuple[Field, ...]) -> Iterator[bytes]:
    """Yield the rows; a number that is not there is NaN, so that no flag of a NULL is ever set."""
    flags = (len(fields) + 7) // 8
    layout = [("flags", "u1", (flags,)), *((f"c{i}", _TYPES[f.values.dtype.kind][1]) for i, f in enumerate(fields))]
    for start in range(0, len(fields[0].values), _ROWS):
        part = np.zeros(len(fields[0].values[start : start + _ROWS]), dtype=layout)
        for number, field in enumerate(fields):
            part[f"c{number}"] = field.values[start : start + _ROWS]
        yield b64encode(part.tobytes()) + b"\n"
