"""Cells of VOTables as Python values: from text (TABLEDATA) and from bytes (BINARY, BINARY2).

Layouts are those of VOTable 1.5 sections 5 and 6: big-endian numbers, a count of elements before whatever has a
variable size, and in BINARY2 a bit for each cell of a row that is NULL.
"""

import math
import re
import struct
from dataclasses import dataclass

import numpy as np

from archive.errors import TooLargeError, UsageError

_NUMPY = {
    "boolean": "S1",
    "bit": "u1",
    "unsignedByte": "u1",
    "short": ">i2",
    "int": ">i4",
    "long": ">i8",
    "float": ">f4",
    "double": ">f8",
    "floatComplex": ">f4",
    "doubleComplex": ">f8",
}
_INTEGERS = {"unsignedByte": (0, 255), "short": (-(2**15), 2**15 - 1), "int": (-(2**31), 2**31 - 1)}
_INTEGERS["long"] = (-(2**63), 2**63 - 1)
_FLOATS = {"float", "double", "floatComplex", "doubleComplex"}
_COMPLEX = {"floatComplex": "float", "doubleComplex": "double"}
_COMES_BACK_AS = {"unsignedByte": "short", "bit": "boolean", **_COMPLEX}
_TRUTH = {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False, "": None, "?": None}
_TRUE_BYTES, _FALSE_BYTES = (b"T", b"t", b"1"), (b"F", b"f", b"0")
_ARRAYSIZE = re.compile(r"(?:\d{1,9}x){0,7}(?:\d{1,9}\*?|\*)")
MAX_ELEMENTS = 10_000_000


@dataclass(frozen=True, slots=True)
class Cell:
    """The type of a column's cells.

    `count` is the number of elements (None for a variable number), `scalar` whether the value is one element and no
    list; a complex number counts as two elements. Texts are `str`.
    """

    name: str
    datatype: str
    count: int | None
    scalar: bool
    null: str | None

    @property
    def is_text(self) -> bool:
        """Whether the value is a text."""
        return self.datatype in {"char", "unicodeChar"}

    @property
    def comes_back_as(self) -> str:
        """Datatype in which the database has the column."""
        return _COMES_BACK_AS.get(self.datatype, self.datatype)

    @property
    def fixed_bytes(self) -> int | None:
        """Bytes of a cell in BINARY, or None if that differs from cell to cell."""
        if self.count is None:
            return None
        if self.is_text:
            return self.count * (2 if self.datatype == "unicodeChar" else 1)
        if self.datatype == "bit":
            return (self.count + 7) // 8
        return self.count * np.dtype(_NUMPY[self.datatype]).itemsize

    def fail(self, row: int, found: str, expected: str) -> UsageError:
        """Return the error to raise for a cell."""
        return UsageError(f"column {self.name!r}, row {row}: found {found[:60]!r}, expected {expected}")

    def from_text(self, text: str, row: int) -> object:
        """Return the value of a TABLEDATA cell; an empty one, or the declared null, is None.

        Raises
        ------
        UsageError
            If the text is no value of this type.
        """
        if self.is_text:
            if self.count is not None and len(text) > self.count:
                raise self.fail(row, text, f"at most {self.count} characters, as arraysize says")
            return _clean_text(text) if text else (None if self.scalar else "")
        stripped = text.strip()
        if not stripped or (self.null is not None and stripped == self.null.strip()):
            return None
        if self.scalar:
            return self._element(stripped, row)
        words = stripped.split()
        if self.datatype == "bit" and len(words) == 1 != self.count:
            words = list(stripped)
        if self.count is not None and len(words) != self.count:
            raise self.fail(row, text, f"{self.count} elements, as arraysize says")
        return [self._element(word, row) for word in words]

    def _element(self, text: str, row: int) -> object:
        if self.datatype in _FLOATS:
            lowered = text.lower()
            try:
                return float("inf" if lowered == "+inf" else text)
            except ValueError:
                raise self.fail(row, text, "a number") from None
        if self.datatype in _INTEGERS:
            low, high = _INTEGERS[self.datatype]
            try:
                number = int(text, 16) if text[:2].lower() == "0x" else int(text)
            except ValueError:
                raise self.fail(row, text, "a whole number") from None
            if not low <= number <= high:
                raise self.fail(row, text, f"a number from {low} to {high}")
            return number
        if text.lower() not in _TRUTH:
            raise self.fail(row, text, "true or false")
        return _TRUTH[text.lower()]


def _clean_text(text: str) -> str:
    """Cut at the first NUL, as VOTable has it; PostgreSQL's texts cannot hold one."""
    return text.partition("\0")[0]


def make_cell(name: str, datatype: str, arraysize: str | None, null: str | None) -> Cell:
    """Return the type of a FIELD's cells.

    Raises
    ------
    UsageError
        If there is no such datatype or arraysize.
    """
    if datatype not in _NUMPY and datatype not in {"char", "unicodeChar"}:
        msg = f"column {name!r} has datatype={datatype[:40]!r}, which is none of VOTable's"
        raise UsageError(msg)
    size = (arraysize or "").strip()
    if size and not _ARRAYSIZE.fullmatch(size):
        msg = f"column {name!r} has arraysize={size[:40]!r}; expected one such as 3, 4x2 or *"
        raise UsageError(msg)
    factor = 2 if datatype in _COMPLEX else 1
    count = None if size.endswith("*") else math.prod(int(number) for number in size.split("x") if number) * factor
    if count is not None and count > MAX_ELEMENTS:
        msg = f"column {name!r} has arraysize={size!r}, more than the {MAX_ELEMENTS} elements that a cell may have"
        raise TooLargeError(msg)
    return Cell(name, datatype, count, scalar=(not size or size == "1") and factor == 1, null=null)


def read_binary(data: bytes, cells: list[Cell], *, flags: bool, most: int) -> tuple[list[list[object]], int]:
    """Read the rows of a BINARY or, with null `flags`, BINARY2 stream; return its columns and the number of rows.

    Raises
    ------
    UsageError
        If it ends within a row or a cell says that it is longer than the rest.
    TooLargeError
        If it has more than `most` rows.
    """
    flag_bytes = (len(cells) + 7) // 8 if flags else 0
    sizes = [cell.fixed_bytes for cell in cells]
    if all(size is not None for size in sizes):
        return _read_fixed(data, cells, [size or 0 for size in sizes], flag_bytes, most)
    columns: list[list[object]] = [[] for _ in cells]
    position = row = 0
    while position < len(data):
        row += 1
        if row > most:
            msg = f"it has more than {most} rows"
            raise TooLargeError(msg)
        nulls = data[position : position + flag_bytes]
        position += flag_bytes
        for index, (cell, fixed, column) in enumerate(zip(cells, sizes, columns, strict=True)):
            count, size = cell.count, fixed
            if count is None:
                if position + 4 > len(data):
                    raise cell.fail(row, "the end of the data", "a count of elements")
                (count,) = struct.unpack_from(">i", data, position)
                position += 4
                size = _bytes_of(cell, count)
            if count < 0 or size is None or position + size > len(data):
                raise cell.fail(
                    row, f"{count} elements", f"no more than the {len(data) - position} bytes that are left"
                )
            piece = data[position : position + size]
            position += size
            is_null = flag_bytes and index // 8 < len(nulls) and nulls[index // 8] & (128 >> index % 8)
            column.append(None if is_null else _value(cell, piece, count, nan_is_null=not flags))
    return columns, row


def _bytes_of(cell: Cell, count: int) -> int:
    if cell.is_text:
        return count * (2 if cell.datatype == "unicodeChar" else 1)
    if cell.datatype == "bit":
        return (count + 7) // 8
    return count * np.dtype(_NUMPY[cell.datatype]).itemsize * (2 if cell.datatype in _COMPLEX else 1)


def _value(cell: Cell, piece: bytes, count: int, *, nan_is_null: bool) -> object:
    if cell.is_text:
        encoding = "utf-16-be" if cell.datatype == "unicodeChar" else "utf-8"
        try:
            text = _clean_text(piece.decode(encoding))
        except UnicodeDecodeError:
            msg = f"column {cell.name!r} has a text that is not {encoding.upper()}: {piece[:40]!r}"
            raise UsageError(msg) from None
        return None if cell.scalar and not text else text
    if cell.datatype == "bit" and count == 1:
        values: list[object] = [any(piece)]  # the standard means 0x80, astropy writes 0x08
    elif cell.datatype == "bit":
        values = [bool(bit) for bit in np.unpackbits(np.frombuffer(piece, "u1"))[:count]]
    elif cell.datatype == "boolean":
        values = [True if v in _TRUE_BYTES else False if v in _FALSE_BYTES else None for v in _split(piece)]
    else:
        values = np.frombuffer(piece, _NUMPY[cell.datatype]).tolist()
    if not cell.scalar:
        return values
    value = values[0]
    if nan_is_null and isinstance(value, float) and math.isnan(value):
        return None
    return None if cell.null is not None and _is_null(value, cell.null) else value


def _split(piece: bytes) -> list[bytes]:
    return [piece[i : i + 1] for i in range(len(piece))]


def _is_null(value: object, null: str) -> bool:
    try:
        return value == (int(null, 0) if isinstance(value, int) else float(null))
    except ValueError:
        return False


def _read_fixed(
    data: bytes, cells: list[Cell], sizes: list[int], flag_bytes: int, most: int
) -> tuple[list[list[object]], int]:
    """Read rows of one size with numpy."""
    row_bytes = flag_bytes + sum(sizes)
    count, rest = divmod(len(data), row_bytes) if row_bytes else (0, 0)
    if rest:
        msg = f"its data end within row {count + 1}: a row has {row_bytes} bytes and {rest} are left over"
        raise UsageError(msg)
    if count > most:
        msg = f"it has more than {most} rows"
        raise TooLargeError(msg)
    table = np.frombuffer(data, "u1").reshape(count, row_bytes)
    columns: list[list[object]] = []
    start = flag_bytes
    for index, (cell, size) in enumerate(zip(cells, sizes, strict=True)):
        raw = table[:, start : start + size]
        start += size
        simple = cell.scalar and cell.datatype in {*_INTEGERS, *_FLOATS}
        if simple:
            values = np.ascontiguousarray(raw).view(_NUMPY[cell.datatype]).reshape(count)
            column: list[object] = values.tolist()
            null = np.isnan(values) if cell.datatype in _FLOATS and not flag_bytes else np.zeros(count, bool)
            if cell.null is not None:
                null = null | np.array([_is_null(value, cell.null) for value in column], bool)
        else:
            pieces = np.ascontiguousarray(raw)
            column = [
                _value(cell, pieces[i].tobytes(), cell.count or 0, nan_is_null=not flag_bytes) for i in range(count)
            ]
            null = np.zeros(count, bool)
        if flag_bytes:
            null = null | ((table[:, index // 8] & (128 >> index % 8)) != 0)
        for place in np.flatnonzero(null):
            column[place] = None
        columns.append(column)
    return columns, count
