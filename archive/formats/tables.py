"""Tables that are not FITS, as FITS: ECSV, VOTable, Parquet, CDS ReadMe, QDP, bars, and CDF of the radiation monitor.

A delivered table is turned into one binary table in memory, with names, units, UCDs, descriptions and keywords, so that
the same readers and rules apply to every format. The delivered file itself is what the archive keeps.
"""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from archive.formats.findings import refuse

MAX_COLUMNS = 999
MAX_ROWS = 2_000_000
_STRUCTURAL = re.compile(
    r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|TFIELDS|THEAP|END|EXTEND|CHECKSUM|DATASUM|COMMENT|HISTORY|"
    r"T(TYPE|FORM|UNIT|DIM|NULL|SCAL|ZERO|DISP|UCD|COMM)\d+"
)


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column: numbers (NaN = none), logicals, or texts ('' = none)."""

    name: str
    values: NDArray[np.generic]
    unit: str = ""
    ucd: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table in memory with what its file says of it; `form` is the format that it came in."""

    form: str
    name: str
    columns: tuple[TableColumn, ...]
    keywords: Mapping[str, object] = field(default_factory=dict)


def make_column(
    name: str, values: Sequence[object], unit: str = "", ucd: str = "", description: str = ""
) -> TableColumn:
    """Make a column of values of any one kind, None where there is none.

    Raises
    ------
    FormatError
        ``TABLE-CELL`` when a cell is no number, logical or text, or a logical column has gaps.
    """
    held = [value for value in values if value is not None]
    if all(isinstance(value, bool | np.bool_) for value in held) and held:
        if len(held) < len(values):
            row = next(number for number, value in enumerate(values, start=1) if value is None)
            raise refuse("TABLE-CELL", "a logical value is missing", column=name, row=row, expected="true or false")
        return TableColumn(name, np.array(held, dtype=bool), unit, ucd, description)
    if all(isinstance(value, int | float | np.number) and not isinstance(value, bool) for value in held):
        integers = len(held) == len(values) and all(isinstance(value, int | np.integer) for value in held)
        if integers and held and all(-(2**63) <= int(value) < 2**63 for value in held):  # type: ignore[call-overload]
            return TableColumn(name, np.array(held, dtype=np.int64), unit, ucd, description)
        numbers = [np.nan if value is None else float(value) for value in values]  # type: ignore[arg-type]
        return TableColumn(name, np.array(numbers, dtype=np.float64), unit, ucd, description)
    for row, value in enumerate(values, start=1):
        if value is not None and not isinstance(value, str):
            raise refuse(
                "TABLE-CELL",
                "the cell is no number, no logical and no text",
                column=name,
                row=row,
                found=type(value).__name__,
                fix="Deliver one value per cell.",
            )
    return TableColumn(
        name, np.array(["" if value is None else value for value in values], dtype=str), unit, ucd, description
    )


def as_fits(table: Table) -> bytes:
    """Write a table as a FITS file with one binary table.

    Raises
    ------
    FormatError
        ``TABLE-ROWS``, ``TABLE-EMPTY``, ``TABLE-COLUMNS``, ``COLUMN-DUPLICATE`` or ``TABLE-ASCII``.
    """
    _check_shape(table)
    made = [
        fits.Column(column.name, _form(column), unit=column.unit or None, array=_encoded(column))
        for column in table.columns
    ]
    hdu = fits.BinTableHDU.from_columns(made, name=_ascii(table.name, "the name of the table")[:68])
    for number, column in enumerate(table.columns, start=1):
        if column.ucd:
            hdu.header[f"TUCD{number}"] = _ascii(column.ucd, column.name)[:68]
        if column.description:
            hdu.header[f"TCOMM{number}"] = _shown(column.description)[:68]
    hdu.header["ARCFORM"] = (table.form, "format of the delivered table")
    for key, value in table.keywords.items():
        keyword = key.upper()
        usable = isinstance(value, str | int | bool) or (isinstance(value, float) and np.isfinite(value))
        if usable and re.fullmatch(r"[A-Z0-9_-]{1,8}", keyword) and not _STRUCTURAL.fullmatch(keyword):
            hdu.header[keyword] = _shown(value)[:68] if isinstance(value, str) else value
        else:
            hdu.header["HISTORY"] = _shown(f"{key}: {value}")[:70]
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(stream, checksum=True)
    return stream.getvalue()


def _check_shape(table: Table) -> None:
    names = [column.name for column in table.columns]
    if not names or len(names) > MAX_COLUMNS:
        raise refuse(
            "TABLE-COLUMNS",
            "the table has no columns or too many",
            found=str(len(names)),
            expected=f"1 to {MAX_COLUMNS}",
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise refuse("COLUMN-DUPLICATE", f"columns occur twice: {', '.join(twice)}", column=twice[0])
    rows = len(table.columns[0].values)
    if not rows:
        raise refuse("TABLE-EMPTY", "the table has no rows", found="0 rows")
    if rows > MAX_ROWS:
        raise refuse("TABLE-ROWS", "the table is too long", found=f"{rows} rows", expected=f"at most {MAX_ROWS}")


def _form(column: TableColumn) -> str:
    kind = column.values.dtype.kind
    return {"b": "L", "i": "K", "f": "D"}.get(kind, f"{max(1, column.values.dtype.itemsize // 4)}A")


def _encoded(column: TableColumn) -> NDArray[np.generic]:
    if column.values.dtype.kind == "U":
        for row, value in enumerate(column.values.tolist(), start=1):
            _ = value if value.isascii() else _ascii(value, column.name, row)
    return column.values


def _shown(text: str) -> str:
    r"""Return words about the data as a FITS card holds them: runs of blanks, tabs and line ends as one blank.

    Examples
    --------
    >>> _shown("right ascension\t\tin \u03b1")
    'right ascension in ?'
    """
    words = " ".join(text.split()).encode("ascii", "replace").decode()
    return "".join(character if character.isprintable() else "?" for character in words)


def _ascii(text: str, column: str, row: int | None = None) -> str:
    if not text.isascii() or not text.isprintable():
        raise refuse(
            "TABLE-ASCII",
            "the text has characters that a FITS table cannot hold",
            column=column,
            row=row,
            found=ascii(text)[:60],
            expected="printable ASCII",
        )
    return text


def name_of_file(path: Path) -> str:
    """Return the name that a table without one takes from its file.

    Examples
    --------
    >>> name_of_file(Path("ibis_survey-cat.v2.dat.gz"))
    'IBIS-SURVEY-CAT'
    """
    return path.name.split(".")[0].upper().replace("_", "-")
