"""Writing the table of limits as VOTable BINARY2 and as FITS: whole chunks become bytes, nothing is done row by row.

Texts have a fixed width here, that of the longest word of the answer, which is known before the first row.

References
----------
VOTable 1.5, section 5.4 (BINARY2); FITS 4.0, section 7.3 (binary tables).
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archive.errors import UsageError
from upper_limits.columnar import Chunk
from upper_limits.limits import Column
from upper_limits.table import Text
from upper_limits.writers import clean, field_start, votable_start

CONTENT_TYPES = {
    "votable": "application/x-votable+xml;serialization=BINARY2",
    "fits": "application/fits",
}
_NUMPY = {"double": ">f8", "int": ">i4", "long": ">i8"}
_TFORM = {"double": "D", "int": "J", "long": "K", "boolean": "L"}
_BLOCK = 2880
Texts = Mapping[str, tuple[int, str]]
"""Bytes and encoding of each text column."""


@dataclass(frozen=True, slots=True)
class TextWidth:
    """Longest text of a column, in characters of 16 bits, and whether all its texts are ASCII: these take one byte."""

    characters: int
    ascii: bool

    @property
    def votable_type(self) -> str:
        """VOTable 1.5, section 2.1: char is ASCII, unicodeChar is UTF-16."""
        return "char" if self.ascii else "unicodeChar"

    @property
    def votable_bytes(self) -> int:
        """Bytes of a text in BINARY2."""
        return self.characters * (1 if self.ascii else 2)

    @property
    def fits_bytes(self) -> int:
        """Bytes of a text in FITS, UTF-8 where it is not ASCII."""
        return self.characters * (1 if self.ascii else 4)


def write_binary2(
    head: Mapping[str, object], chunks: Iterable[Chunk], fields: Sequence[Column], widths: Mapping[str, TextWidth]
) -> Iterator[bytes]:
    """Yield a VOTable with BINARY2 data; the head goes into INFOs. No number is NaN.

    Parameters
    ----------
    widths : longest text of each char column
    """
    yield votable_start(head)
    for column in fields:
        width = widths.get(column.name) if column.datatype == "char" else None
        yield (
            field_start(column, str(width.characters), width.votable_type) if width else field_start(column)
        ).encode()
    yield b'<DATA><BINARY2><STREAM encoding="base64">\n'
    texts = {name: (one.votable_bytes, "ascii" if one.ascii else "utf-16-be") for name, one in widths.items()}
    flags = (len(fields) + 7) // 8
    layout = [("null", f"V{flags}"), *_layout(fields, texts)]
    row_bytes, rest = np.dtype(layout).itemsize, b""
    for chunk in chunks:
        content = bytearray(len(rest) + _length(chunk, fields) * row_bytes)
        content[: len(rest)] = rest
        rows = np.frombuffer(content, dtype=layout, offset=len(rest))
        for column in fields:
            rows[column.name] = _encode(chunk[column.name], column, texts)
        whole = len(content) - len(content) % 3
        rest = bytes(content[whole:])
        yield base64.b64encode(memoryview(content)[:whole])
    yield base64.b64encode(rest)
    yield b"\n</STREAM></BINARY2></DATA>\n</TABLE>\n</RESOURCE>\n</VOTABLE>\n"


def write_fits(
    head: Mapping[str, object], chunks: Iterable[Chunk], fields: Sequence[Column], widths: Mapping[str, TextWidth]
) -> Iterator[bytes]:
    """Yield a FITS file with one binary table of ``head["row_count"]`` rows; texts are UTF-8, no number is NaN.

    Raises
    ------
    UsageError
        If the number of rows is not known, or not what was said.
    """
    count = head.get("row_count")
    if not isinstance(count, int):
        raise UsageError("this answer cannot be written as FITS; ask for arrow or parquet")
    texts = {name: (one.fits_bytes, "utf-8") for name, one in widths.items()}
    layout = _layout(fields, texts)
    width = np.dtype(layout).itemsize
    yield _fits_header(head, fields, layout, width, count)
    written = 0
    for chunk in chunks:
        rows = np.zeros(_length(chunk, fields), dtype=layout)
        for column in fields:
            rows[column.name] = _encode(chunk[column.name], column, texts)
        written += len(rows)
        yield rows.tobytes()
    if written != count:
        raise RuntimeError(f"{written} rows were written, {count} announced")
    yield b"\0" * (-written * width % _BLOCK)


def _length(chunk: Chunk, fields: Sequence[Column]) -> int:
    values = chunk[fields[0].name]
    return len(values.codes) if isinstance(values, Text) else len(values)


def _layout(fields: Sequence[Column], texts: Texts) -> list[tuple[str, str]]:
    return [
        (one.name, f"S{texts[one.name][0]}" if one.datatype == "char" else _NUMPY.get(one.datatype, "S1"))
        for one in fields
    ]


def _encode(values: NDArray[np.generic] | Text | list[object], column: Column, texts: Texts) -> NDArray[np.generic]:
    if column.datatype == "char":
        return _words(values, *texts[column.name])
    if column.datatype == "boolean":
        return np.where(np.asarray(values, dtype=np.bool_), b"T", b"F")
    return np.asarray(values)


def _words(values: NDArray[np.generic] | Text | list[object], width: int, encoding: str) -> NDArray[np.generic]:
    words = values.words if isinstance(values, Text) else [str(value) for value in values]
    # characters that XML does not allow do not come through any format
    encoded = np.array([clean(word).encode(encoding, "replace") for word in words], dtype=f"S{max(width, 1)}")
    return encoded[values.codes] if isinstance(values, Text) else encoded


def _fits_header(
    head: Mapping[str, object], fields: Sequence[Column], layout: Sequence[tuple[str, str]], width: int, count: int
) -> bytes:
    primary = [_card("SIMPLE", True), _card("BITPIX", 8), _card("NAXIS", 0), _card("EXTEND", True)]
    cards = [
        *(_card("XTENSION", "BINTABLE"), _card("BITPIX", 8), _card("NAXIS", 2), _card("NAXIS1", width)),
        *(_card("NAXIS2", count), _card("PCOUNT", 0), _card("GCOUNT", 1), _card("TFIELDS", len(fields))),
    ]
    for number, (column, (_, kind)) in enumerate(zip(fields, layout, strict=True), start=1):
        form = f"{kind[1:]}A" if column.datatype == "char" else _TFORM[column.datatype]
        cards += [_card(f"TTYPE{number}", column.name), _card(f"TFORM{number}", form)]
        if column.unit not in {"", "map", "map2"}:
            cards.append(_card(f"TUNIT{number}", column.unit))
        cards.append(_card(f"TUCD{number}", column.ucd))
        cards.append(_card(f"TCOMM{number}", column.description[:68]))
    cards.append(_card("EXTNAME", "UPPER_LIMITS"))
    for name, value in head.items():
        if name not in {"columns", "combined"}:
            text = f"{name} = {value if isinstance(value, str) else json.dumps(value)}"
            printable = "".join(mark if " " <= mark <= "~" else "?" for mark in text)
            cards += [f"HISTORY {printable[at : at + 72]:<72}" for at in range(0, len(printable), 72)]
    return _header(primary) + _header(cards)


def _card(keyword: str, value: str | int) -> str:
    if isinstance(value, bool):
        text = f"{'T' if value else 'F':>20}"
    elif isinstance(value, int):
        text = f"{value:>20}"
    else:
        text = "'" + value.replace("'", "''")[:68].ljust(8) + "'"
    return f"{keyword:<8}= {text}"[:80].ljust(80)


def _header(cards: Sequence[str]) -> bytes:
    content = "".join([*cards, "END".ljust(80)]).encode("ascii")
    return content.ljust(-(-len(content) // _BLOCK) * _BLOCK)


def text_widths(words: Mapping[str, Iterable[str]]) -> dict[str, TextWidth]:
    """Width of each text column, at least 1, as it is written.

    Examples
    --------
    >>> text_widths({"band": ["20-40", "40-100"], "name": ["été"]})
    {'band': TextWidth(characters=6, ascii=True), 'name': TextWidth(characters=3, ascii=False)}
    """
    widths = {}
    for name, some in words.items():
        longest, ascii_only = 1, True
        for word in map(clean, some):
            ascii_only = ascii_only and word.isascii()
            longest = max(longest, len(word) if word.isascii() else len(word.encode("utf-16-be", "replace")) // 2)
        widths[name] = TextWidth(longest, ascii_only)
    return widths
