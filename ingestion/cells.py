"""Cells of text and FITS tables as typed values, every doubt a finding with row and column."""

import csv
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from archive.errors import UsageError
from archive.formats import headers
from archive.formats.container import FitsFile, read_content
from archive.formats.findings import Finding, Severity, refuse
from archive.times import MISSION_START_MJD_TT, MISSION_STOP_MJD_TT

MAX_ROWS = 2_000_000
MAX_FINDINGS_PER_RULE = 20
LIMIT_SIGNS = "<>\u2264\u2265"
LIMIT_TEXT = "a limit is written into a column of measurements"
LIMIT_FIX = "Write the bare number, and mark it as a limit in the column of flags."
_MISSING = {"", "nan", "-", "--", "xxxx", "null", "none", "n/a"}


@dataclass(slots=True)
class Findings:
    """Collects findings of one file; after the first few of a rule and column the rest are counted, not listed."""

    items: list[Finding] = field(default_factory=list)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, rule: str, severity: Severity, message: str, **place: Any) -> None:
        """Note a finding."""
        slot = (rule, str(place.get("column", "")))
        self.counts[slot] = self.counts.get(slot, 0) + 1
        if self.counts[slot] <= MAX_FINDINGS_PER_RULE:
            self.items.append(Finding(rule, severity, message, **place))

    def is_full(self, rule: str, column: str) -> bool:
        """Say whether a finding would only be counted, so that its words need not be made; if so, count it."""
        slot = (rule, column)
        if self.counts.get(slot, 0) < MAX_FINDINGS_PER_RULE:
            return False
        self.counts[slot] += 1
        return True

    def extend(self, findings: tuple[Finding, ...] | list[Finding]) -> None:
        """Take over findings made elsewhere."""
        self.items += findings

    def finish(self) -> tuple[Finding, ...]:
        """Return everything found; what was only counted is said in one finding per rule and column."""
        extra = []
        for (rule, column), count in self.counts.items():
            if count > MAX_FINDINGS_PER_RULE:
                first = next(item for item in self.items if item.rule == rule and item.column == column)
                message = f"{count - MAX_FINDINGS_PER_RULE} further findings of this kind"
                rest = count - MAX_FINDINGS_PER_RULE
                extra.append(Finding(rule, first.severity, message, hdu=first.hdu, column=column, count=rest))
        return (*self.items, *extra)


@dataclass(slots=True)
class Line:
    """One row of a table; its accessors note findings and return None for what cannot be used."""

    number: int
    cells: dict[str, str]
    findings: Findings
    hdu: str = ""
    usable: bool = True

    def fail(self, rule: str, message: str, column: str, *, found: str = "", expected: str = "", fix: str = "") -> None:
        """Note an error in this row."""
        self.usable = False
        self.findings.add(
            rule,
            "error",
            message,
            row=self.number,
            column=column,
            hdu=self.hdu,
            found=found,
            expected=expected,
            fix=fix,
        )

    def text(self, column: str) -> str:
        """Return a cell without surrounding blanks; '' when it marks a missing value."""
        value = self.cells[column].strip()
        return "" if value.lower() in _MISSING else value

    def number_or_none(
        self, column: str, low: float = -math.inf, high: float = math.inf, unit: str = ""
    ) -> float | None:
        """Return a finite number within [low, high], None when the cell marks a missing value."""
        value = self.text(column)
        if not value:
            return None
        try:
            number = float(value)
        except ValueError:
            if value[0] in LIMIT_SIGNS:
                self.fail("LIMIT-TEXT", LIMIT_TEXT, column, found=repr(value), expected="a number", fix=LIMIT_FIX)
                return None
            self.fail("CELL-NUMBER", "the cell is not a number", column, found=repr(value), expected="a number")
            return None
        if not math.isfinite(number):
            self.fail(
                "CELL-FINITE",
                "the number is not finite",
                column,
                found=value,
                expected="a finite number, or blank for none",
            )
            return None
        if not low <= number <= high:
            self.fail(
                "CELL-RANGE",
                "the number is out of range",
                column,
                found=f"{value} {unit}".strip(),
                expected=f"{low:g} to {high:g} {unit}".strip(),
            )
            return None
        return number

    def number_required(self, column: str, low: float = -math.inf, high: float = math.inf, unit: str = "") -> float:
        """Return a number that must be there; NaN (and an error noted) when it is not."""
        number = self.number_or_none(column, low, high, unit)
        if number is None:
            if self.usable or not self.text(column):
                self.fail(
                    "CELL-MISSING", "the value is missing", column, found=repr(self.cells[column]), expected="a number"
                )
            return math.nan
        return number

    def integer_or_none(self, column: str, low: int, high: int) -> int | None:
        """Return a whole number within [low, high], None when missing."""
        number = self.number_or_none(column, low, high)
        if number is None:
            return None
        if number != int(number):
            self.fail(
                "CELL-INTEGER", "the number must be whole", column, found=self.text(column), expected="a whole number"
            )
            return None
        return int(number)

    def position(self, ra_column: str, dec_column: str) -> tuple[float, float] | None:
        """Return a position that is either complete or absent, degrees."""
        ra = self.number_or_none(ra_column, 0.0, 360.0, "deg")
        dec = self.number_or_none(dec_column, -90.0, 90.0, "deg")
        if (ra is None) != (dec is None) and self.usable:
            self.fail(
                "POSITION-HALF",
                "only one of the two coordinates is given",
                f"{ra_column}, {dec_column}",
                found=f"{ra}, {dec}",
                expected="both or none",
            )
        return None if ra is None or dec is None else (ra, dec)

    def position_required(self, ra_column: str, dec_column: str) -> tuple[float, float]:
        """Return a position that must be there, degrees; NaN (and an error noted) when it is not."""
        return self.number_required(ra_column, 0.0, 360.0, "deg"), self.number_required(dec_column, -90.0, 90.0, "deg")

    def mission_time(self, mjd_tt: float, column: str) -> float:
        """Check that a time (MJD TT) lies in the mission."""
        if math.isfinite(mjd_tt) and not MISSION_START_MJD_TT <= mjd_tt <= MISSION_STOP_MJD_TT:
            expected = f"MJD(TT) {MISSION_START_MJD_TT:g} to {MISSION_STOP_MJD_TT:g}"
            self.fail(
                "TIME-MISSION",
                "the time is outside the mission",
                column,
                found=f"{self.cells[column]} = MJD(TT) {mjd_tt:.5f}",
                expected=expected,
                fix="Check scale and zero of the times.",
            )
        return mjd_tt

    def identifier(self, column: str, parse: Callable[[str], object]) -> str:
        """Return an identifier checked by `parse`, '' when missing; an error is noted when `parse` refuses it."""
        value = self.text(column)
        if not value:
            return ""
        try:
            return str(parse(value))
        except UsageError as error:
            self.fail("IDENTIFIER", str(error), column, found=repr(value))
            return value


def read_text(path: Path) -> str:
    """Return the content of a text file (gzip or not) as UTF-8.

    Raises
    ------
    FormatError
        ``TEXT-UTF8`` or ``TEXT-BINARY``.
    """
    raw = read_content(path)
    try:
        decoded = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = raw[: error.start].count(b"\n") + 1
        raise refuse(
            "TEXT-UTF8",
            "the text is not UTF-8",
            row=row,
            found=f"byte 0x{raw[error.start]:02x} at {error.start}",
            expected="UTF-8",
            fix="Save the file as UTF-8.",
        ) from error
    if "\0" in decoded:
        raise refuse(
            "TEXT-BINARY",
            "the text holds NUL characters",
            found=f"at character {decoded.index(chr(0))}",
            expected="text",
        )
    return decoded


def csv_lines(path: Path, required: tuple[str, ...], findings: Findings) -> Iterator[Line]:
    """Yield the rows of a CSV file with a header line; row 1 is the first after the header.

    Raises
    ------
    FormatError
        ``TEXT-UTF8``, ``COLUMN-MISSING``, ``COLUMN-DUPLICATE``, ``TABLE-EMPTY`` or ``TABLE-ROWS``.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader)]
    except StopIteration:
        raise refuse("TABLE-EMPTY", "the table has no header line", found="an empty file") from None
    check_columns(header, required)
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            if number > MAX_ROWS:
                raise refuse(
                    "TABLE-ROWS",
                    "the table is too long",
                    found=f"more than {MAX_ROWS} rows",
                    expected=f"at most {MAX_ROWS}",
                    fix="Split it into several files.",
                )
            if not cells:
                continue
            if len(cells) != len(header):
                findings.add(
                    "ROW-LENGTH",
                    "error",
                    "the row has another number of cells than the header",
                    row=number,
                    found=str(len(cells)),
                    expected=str(len(header)),
                )
                continue
            yield Line(number, dict(zip(header, cells, strict=True)), findings)
    except csv.Error as error:
        raise refuse("CSV-SYNTAX", f"the CSV cannot be read: {error}", row=number + 1) from error
    if number == 0:
        raise refuse("TABLE-EMPTY", "the table has no rows", found="a header line only")


def check_columns(held: list[str], required: tuple[str, ...], hdu: str = "") -> None:
    """Refuse a table that lacks a column or has one twice."""
    missing = [name for name in required if name not in held]
    if missing:
        raise refuse(
            "COLUMN-MISSING",
            f"missing columns: {', '.join(missing)}",
            hdu=hdu,
            column=missing[0],
            found=", ".join(held),
            expected=", ".join(required),
        )
    twice = sorted({name for name in held if held.count(name) > 1})
    if twice:
        raise refuse("COLUMN-DUPLICATE", f"columns occur twice: {', '.join(twice)}", hdu=hdu, column=twice[0])


@dataclass(frozen=True, slots=True)
class FitsTable:
    """A binary table with its columns checked: names, kinds of values and units."""

    label: str
    header: fits.Header
    data: Any
    units: dict[str, str]

    def __len__(self) -> int:
        return len(self.data)

    def numbers(self, name: str) -> np.ndarray:
        """Return a column as float64 (one number per row)."""
        return np.asarray(self.data[name], dtype=np.float64)

    def texts(self, name: str) -> list[str]:
        """Return a column as stripped text."""
        return [str(value).strip() for value in self.data[name]]


def fits_table(file: FitsFile, extname: str, columns: dict[str, str]) -> FitsTable:
    """Return the table `extname` after checking `columns`: name -> kind and unit.

    Parameters
    ----------
    file, extname
        An open file and the name of the HDU.
    columns
        Column name -> ``text``, ``logical``, or ``number`` followed by a blank and its VOUnit (none = dimensionless).

    Raises
    ------
    FormatError
        ``HDU-MISSING``, ``COLUMN-MISSING``, ``COLUMN-TYPE``, ``UNIT-WRONG`` or ``TABLE-EMPTY``.
    """
    index = next(
        (index for index, hdu in enumerate(file.hdus) if hdu.name == extname and isinstance(hdu, fits.BinTableHDU)),
        None,
    )
    if index is None:
        raise refuse(
            "HDU-MISSING",
            f"there is no table {extname}",
            found=", ".join(hdu.name for hdu in file.hdus),
            expected=extname,
        )
    hdu, label = file.hdus[index], file.label(index)
    check_columns(list(hdu.columns.names), tuple(columns), label)
    if not len(hdu.data):
        raise refuse("TABLE-EMPTY", "the table has no rows", hdu=label, found="0 rows")
    kinds = {"text": "SU", "logical": "b", "number": "iuf"}
    units = {}
    for name, wanted in columns.items():
        kind, _, unit = wanted.partition(" ")
        values = hdu.data[name]
        if kind == "number" and values.dtype.kind in "SU":
            _refuse_limits(values, label, name)
        if values.dtype.kind not in kinds[kind] or (kind != "text" and values.ndim != 1):
            raise refuse(
                "COLUMN-TYPE",
                f"the column must hold {kind}s, one per row",
                hdu=label,
                column=name,
                found=f"TFORM {hdu.columns[name].format}",
                expected=kind,
            )
        spelling = hdu.columns[name].unit
        known = headers.vounit(spelling)
        units[name] = f"? {spelling}" if known is None else known
        if kind == "number" and units[name] != unit:
            raise refuse(
                "UNIT-WRONG",
                "the unit is not the one of this column",
                hdu=label,
                column=name,
                found=repr(spelling),
                expected=unit or "none",
                fix=f"Convert to {unit or 'a number without unit'}.",
            )
    return FitsTable(label, hdu.header, hdu.data, units)


def _refuse_limits(values: Any, label: str, name: str) -> None:
    row = next((row for row, value in enumerate(values, start=1) if str(value).strip()[:1] in tuple(LIMIT_SIGNS)), None)
    if row is not None:
        found = repr(str(values[row - 1]).strip())[:60]
        raise refuse(
            "LIMIT-TEXT", LIMIT_TEXT, hdu=label, row=row, column=name, found=found, expected="a number", fix=LIMIT_FIX
        )


def optional_number(value: float) -> float | None:
    """Return a float, None for NaN."""
    return None if math.isnan(value) else float(value)
