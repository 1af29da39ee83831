"""Tables written as text: ECSV, CDS ReadMe with its data file, ESAC's QDP series, and columns between bars."""

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from archive.formats.findings import refuse
from archive.formats.tables import MAX_ROWS, Table, TableColumn, make_column, name_of_file

MAX_HEADER_BYTES = 1 << 20
_MISSING = {"", "nan", "-", "--", "---", "xxxx", "null", "none", "n/a"}
_TRUE = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


def read_ecsv(path: Path, content: str) -> Table:
    """Read an ECSV 1.0 file (APE 6) with one value per cell.

    The header is read as plain YAML, so that no tag can make an object; `subtype` (arrays, objects) is refused.

    Raises
    ------
    FormatError
        ``ECSV-HEADER``, ``TABLE-CELL``, ``CELL-NUMBER`` or ``ROW-LENGTH``.
    """
    lines = content.splitlines(keepends=True)
    count = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    header = _ecsv_header(
        "".join(line[2:] for line in lines[1:count] if line.startswith("# ") and line.strip() != "# ---")
    )
    delimiter = str(header.get("delimiter", " "))
    columns = header.get("datatype")
    if (
        delimiter not in {" ", ","}
        or not isinstance(columns, list)
        or not all(isinstance(one, dict) for one in columns)
    ):
        raise refuse("ECSV-HEADER", "the header names no columns, or an unknown delimiter", found=repr(delimiter)[:40])
    rows = list(_rows(io.StringIO("".join(lines[count:]), newline=""), delimiter))
    names = [str(one.get("name", "")) for one in columns]
    if not rows or rows[0] != names:
        raise refuse(
            "ECSV-HEADER",
            "the line of names is not the list of the header",
            found=str(rows[:1])[:80],
            expected=str(names)[:80],
        )
    cells = _transposed(rows[1:], len(names))
    made = []
    for one, values in zip(columns, cells, strict=True):
        if one.get("subtype"):
            raise refuse(
                "TABLE-CELL",
                "cells of arrays or objects are not taken",
                column=str(one["name"]),
                found=str(one["subtype"])[:40],
            )
        kind = str(one.get("datatype", ""))
        meta = one.get("meta") if isinstance(one.get("meta"), dict) else {}
        made.append(
            make_column(
                str(one["name"]),
                [_typed(value, kind, str(one["name"]), row) for row, value in enumerate(values, start=1)],
                str(one.get("unit") or ""),
                str(meta.get("ucd") or one.get("ucd") or ""),
                str(one.get("description") or ""),
            )
        )
    meta = header.get("meta")
    pairs = (
        meta
        if isinstance(meta, dict)
        else dict(meta)
        if isinstance(meta, list) and all(isinstance(p, tuple) for p in meta)
        else {}
    )
    keywords = {str(key): value for key, value in pairs.items()}
    return Table("ECSV", str(keywords.pop("EXTNAME", "") or name_of_file(path)), tuple(made), keywords)


def _ecsv_header(text: str) -> dict[str, object]:
    if len(text) > MAX_HEADER_BYTES or re.search(r"(?m)(?:^|[\s\[{,])[&*][A-Za-z0-9]", text):
        raise refuse("ECSV-HEADER", "the header is too long, or has anchors and aliases")
    try:
        header = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise refuse("ECSV-HEADER", "the header is not plain YAML", found=" ".join(str(error).split())[:160]) from error
    if not isinstance(header, dict):
        raise refuse("ECSV-HEADER", "the header is not a mapping", found=type(header).__name__)
    return header


def _rows(stream: io.StringIO, delimiter: str) -> list[list[str]]:
    try:
        rows = [row for row in csv.reader(stream, delimiter=delimiter, doublequote=True, strict=True) if row]
    except csv.Error as error:
        raise refuse("CSV-SYNTAX", f"the table cannot be read: {error}") from error
    if len(rows) > MAX_ROWS:
        raise refuse("TABLE-ROWS", "the table is too long", found=f"{len(rows)} rows", expected=f"at most {MAX_ROWS}")
    return rows


def _transposed(rows: list[list[str]], width: int) -> list[list[str]]:
    for number, row in enumerate(rows, start=1):
        if len(row) != width:
            raise refuse(
                "ROW-LENGTH",
                "the row has another number of cells than the header",
                row=number,
                found=str(len(row)),
                expected=str(width),
            )
    return [[row[column] for row in rows] for column in range(width)]


def _typed(value: str, kind: str, column: str, row: int) -> object:
    if kind == "string":
        return value
    if value.strip().lower() in _MISSING:
        return None
    if kind == "bool":
        if value.lower() in _TRUE:
            return _TRUE[value.lower()]
    elif re.fullmatch(r"u?int\d+", kind) and re.fullmatch(r"[+-]?\d{1,19}", value.strip()):
        return int(value)
    elif re.fullmatch(r"float\d+", kind):
        return _number(value, column, row)
    raise refuse(
        "CELL-NUMBER",
        "the cell is not of the type of its column",
        column=column,
        row=row,
        found=repr(value)[:40],
        expected=kind,
    )


def _number(value: str, column: str, row: int) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise refuse(
            "CELL-NUMBER",
            "the cell is not a number",
            column=column,
            row=row,
            found=repr(value)[:40],
            expected="a number",
        ) from error


@dataclass(frozen=True, slots=True)
class _Bytes:
    """A line of a byte-by-byte description; `null` is the text that stands for no value."""

    start: int
    stop: int
    form: str
    unit: str
    label: str
    null: str
    description: str


_BYTES = re.compile(r"\s*(?:(\d+)\s*-\s*)?(\d+)\s+([AIFEL]\d*(?:\.\d+)?)\s+(\S+)\s+(\S+)\s*(.*)")


def describes(readme: str, file_name: str) -> bool:
    """Say whether a CDS ReadMe describes a file byte by byte."""
    return _block(readme, file_name) is not None


def _block(readme: str, file_name: str) -> str | None:
    for match in re.finditer(r"(?m)^Byte-by-byte Description of file: *(.+)$", readme):
        if file_name.removesuffix(".gz") in match[1].replace(",", " ").split():
            return readme[match.end() :].split("\nByte-by-byte", 1)[0]
    return None


def read_cds(path: Path, content: str, readme: str) -> Table:
    """Read a data file by the byte-by-byte description of its ReadMe.

    RAh..DEs become RA_OBJ and DEC_OBJ in degrees beside the delivered columns.

    Raises
    ------
    FormatError
        ``CDS-README``, ``CELL-NUMBER`` or ``TABLE-EMPTY``.

    References
    ----------
    Standards for Astronomical Catalogues, Version 2.0, section 3.3 (CDS 2000).
    """
    described = _descriptions(_block(readme, path.name) or "")
    lines = [line for line in content.splitlines() if line.strip()]
    columns: list[TableColumn] = []
    for one in described:
        cells = [line[one.start - 1 : one.stop].strip() for line in lines]
        values = [_cds_value(cell, one, row) for row, cell in enumerate(cells, start=1)]
        columns.append(
            make_column(one.label, values, "" if one.unit in {"---", "--", "-"} else one.unit, "", one.description)
        )
    return Table("CDS", name_of_file(path), (*columns, *_cds_position({one.name: one.values for one in columns})))


def _descriptions(block: str) -> list[_Bytes]:
    rules = [match.end() for match in re.finditer(r"(?m)^-{20,}$", block)]
    if len(rules) < 3:
        raise refuse("CDS-README", "the byte-by-byte description has not its three rules of dashes")
    described: list[_Bytes] = []
    for line in block[rules[1] : rules[2]].splitlines():
        match = _BYTES.fullmatch(line)
        if match is None:
            continue  # a description goes on, or the last rule
        start, stop = int(match[1] or match[2]), int(match[2])
        null = re.match(r"\?=(\S+)", match[6])
        if not 1 <= start <= stop <= 100_000:
            raise refuse("CDS-README", "the bytes of a column are wrong", column=match[5], found=f"{start}-{stop}")
        text = re.sub(r"^\?(=\S+)?\s*", "", match[6])
        described.append(_Bytes(start, stop, match[3], match[4], match[5], null[1] if null else "", text))
    if not described:
        raise refuse("CDS-README", "the byte-by-byte description has no columns")
    return described


def _cds_value(cell: str, one: _Bytes, row: int) -> object:
    if one.form.startswith("A"):
        return cell
    if not cell or cell == one.null:
        return None
    number = _number(cell, one.label, row)
    if one.null and number == _number(one.null, one.label, row):
        return None
    return int(number) if one.form.startswith("I") and number == int(number) else number


def _cds_position(held: dict[str, np.ndarray]) -> tuple[TableColumn, ...]:
    if not {"RAh", "RAm", "RAs", "DE-", "DEd", "DEm", "DEs"} <= held.keys() or "RA_OBJ" in held:
        return ()
    ra = 15.0 * (held["RAh"] + held["RAm"] / 60.0 + held["RAs"] / 3600.0)
    sign = np.where(held["DE-"] == "-", -1.0, 1.0)
    dec = sign * (held["DEd"] + held["DEm"] / 60.0 + held["DEs"] / 3600.0)
    return (
        TableColumn("RA_OBJ", ra, "deg", "pos.eq.ra", "RAh, RAm and RAs in degrees"),
        TableColumn("DEC_OBJ", dec, "deg", "pos.eq.dec", "DE-, DEd, DEm and DEs in degrees"),
    )


_QDP_ZERO = re.compile(r"(?m)^LAB X +Time \(s\)? since MJD ([0-9.]+)\)?")
_QDP_BAND = re.compile(r"\(([0-9.]+)-([0-9.]+) keV\)")
_QDP_TARGET = re.compile(r"(?m)^LAB T +(.*?) *\(RA=([0-9.]+), Dec=([+-]?[0-9.]+)\)")


def is_esac_qdp(text: str) -> bool:
    """Say whether a text is a long-term series as ESAC's tools write it for QDP."""
    has_rows = re.search(r"(?m)^\s*(?:[+-]?\d[\d.eE+-]*\s+){3}", text)
    return "READ SERR 1 2" in text and _QDP_ZERO.search(text) is not None and has_rows is not None


def read_qdp(path: Path, content: str) -> Table:
    """Read an ESAC long-term series: time and half width in s since the MJD of its label, rate and error.

    Raises
    ------
    FormatError
        ``QDP-LABELS``, ``ROW-LENGTH`` or ``CELL-NUMBER``.
    """
    zero, band, target = _QDP_ZERO.search(content), _QDP_BAND.search(content), _QDP_TARGET.search(content)
    if zero is None or band is None or target is None:
        raise refuse(
            "QDP-LABELS",
            "the labels do not say zero of time, energy band and target",
            expected="LAB X, LAB OT and LAB T of ESAC's series",
        )
    rows = [line.split() for line in content.splitlines() if re.match(r"\s*[+-]?[0-9.]", line)]
    cells = _transposed([row[:4] for row in rows], 4)
    names = ("TIME", "XAX_E", "RATE", "ERROR")
    units = ("s", "s", "count/s", "count/s")
    columns = tuple(
        make_column(
            name,
            [None if value.upper() == "NO" else _number(value, name, row) for row, value in enumerate(values, start=1)],
            unit,
        )
        for name, unit, values in zip(names, units, cells, strict=True)
    )
    keywords = {
        "TIMESYS": "MJD",
        "TIMEZERO": float(zero[1]) * 86400.0,
        "TIMEUNIT": "s",
        "INSTRUME": "ISGRI" if "ISGRI" in content else "",
        "E_MIN": float(band[1]),
        "E_MAX": float(band[2]),
        "OBJECT": target[1],
        "NAME": target[1],
        "RA_OBJ": float(target[2]),
        "DEC_OBJ": float(target[3]),
        "RADECSYS": "FK5",
        "EQUINOX": 2000.0,
        "CREATOR": "QDP of ESAC",
    }
    return Table("QDP", "TIMESERIES", columns, keywords)


def is_between_bars(lines: list[str]) -> bool:
    """Say whether the first lines are names and units between bars, the second beginning with a hash."""
    return (
        len(lines) > 2
        and lines[0].count("|") >= 2
        and lines[1].lstrip().startswith("#")
        and lines[0].count("|") == lines[1].count("|")
    )


def read_bars(path: Path, content: str) -> Table:
    """Read columns between bars: a line of names, a line of units that begins with a hash, then the rows.

    Raises
    ------
    FormatError
        ``ROW-LENGTH``.
    """
    rows = [[cell.strip() for cell in line.split("|")] for line in content.splitlines() if line.strip()]
    names = rows[0]
    if not names[-1]:
        names = names[:-1]
    units = [unit.lstrip("#").strip() for unit in rows[1]]
    cells = _transposed([row[: len(names)] for row in rows[2:]], len(names))
    columns = []
    seen: dict[str, int] = {}
    for name, unit, values in zip(names, units, cells, strict=False):
        seen[name] = seen.get(name, 0) + 1
        unique = name if seen[name] == 1 else f"{name}_{seen[name]}"
        columns.append(make_column(unique, _guessed(values), unit))
    return Table("BARS", name_of_file(path), tuple(columns))


def _guessed(values: list[str]) -> list[object]:
    """Return numbers when every cell that is filled is one, else the texts."""
    try:
        return [None if value.lower() in _MISSING else float(value) for value in values]
    except ValueError:
        return list(values)
