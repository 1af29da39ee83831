"""Tables of any contents that describe themselves: of the community, of papers, of other missions; and their ReadMe."""

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from archive.formats import headers
from archive.formats.container import open_fits
from archive.formats.findings import Finding, refuse
from ingestion.cells import LIMIT_FIX, LIMIT_SIGNS, LIMIT_TEXT, Findings, read_text
from ingestion.content import Content, Probe, ReadmePart, TableColumnFacts, TablePart
from ingestion.profiles.meaning import is_ucd, unit_in_vounits

NAME, README_NAME = "table", "cds_readme"
_POSITIONS = {"pos.eq.ra": (0.0, 360.0), "pos.eq.dec": (-90.0, 90.0)}


def recognise(probe: Probe) -> bool:
    """Say whether there is one table, converted from another format or with UCDs of its columns."""
    held = [hdu for hdu in probe.hdus if hdu.kind == "BINTABLE"]
    return len(held) == 1 and any(key == "ARCFORM" or key.startswith("TUCD") for key in held[0].cards)


def recognise_readme(probe: Probe) -> bool:
    """Say whether the text is a CDS ReadMe."""
    return not probe.hdus and any(line.startswith("Byte-by-byte Description of file:") for line in probe.lines)


def read_readme(path: Path) -> Content:
    """Read a CDS ReadMe; the tables that it describes are read by it."""
    return Content(part=ReadmePart(read_text(path)))


def read(path: Path) -> Content:
    """Read the columns of a table: each with description, unit and UCD; values are kept in the file.

    Raises
    ------
    FormatError
        ``HDU-MISSING`` or ``TABLE-EMPTY``.
    """
    findings = Findings()
    with open_fits(path) as file:
        index = next((n for n, hdu in enumerate(file.hdus) if isinstance(hdu, fits.BinTableHDU)), None)
        if index is None:
            raise refuse("HDU-MISSING", "there is no table", found=", ".join(hdu.name for hdu in file.hdus))
        hdu, label = file.hdus[index], file.label(index)
        if not len(hdu.data):
            raise refuse("TABLE-EMPTY", "the table has no rows", hdu=label, found="0 rows")
        findings.extend(file.findings)
        facts = tuple(_column(hdu, number, label, findings) for number in range(1, len(hdu.columns) + 1))
        _check_positions(hdu, facts, label, findings)
        _check_limits(hdu, facts, label, findings)
        part = TablePart(
            name=hdu.name,
            form=headers.text(hdu.header, "ARCFORM") or "FITS",
            row_count=len(hdu.data),
            columns=facts,
            title=headers.text(hdu.header, "TITLE") or "",
            instrument=headers.instrument_of(hdu.header) or "",
            created_at=headers.text(hdu.header, "DATE") or "",
            software=headers.text(hdu.header, "CREATOR") or "",
        )
        return Content(part=part, findings=findings.finish(), simulated=headers.is_simulated(hdu.header))


def _column(hdu: fits.BinTableHDU, number: int, label: str, findings: Findings) -> TableColumnFacts:
    columns: Any = hdu.columns
    column = columns[number - 1]
    spelling = str(column.unit or "").strip()
    ucd = headers.text(hdu.header, f"TUCD{number}") or ""
    description = headers.text(hdu.header, f"TCOMM{number}") or ""
    place = {"hdu": label, "column": column.name}
    unit = unit_in_vounits(spelling)
    if unit is None:
        findings.add(
            "UNIT-UNKNOWN",
            "warning",
            "the unit is written in no dialect that is known (VOUnits, FITS, OGIP, CDS)",
            found=repr(spelling)[:60],
            fix="Write it as VOUnits do, for example erg.s**-1.cm**-2.",
            **place,
        )
    elif unit != spelling and spelling:
        message = "the unit is shown as VOUnits write it; the file keeps its own spelling"
        findings.add("UNIT-SPELLING", "info", message, found=spelling, expected=unit or "none", **place)
    if ucd and not is_ucd(ucd):
        message = "this is no UCD1+ of the IVOA's list, or its words stand in the wrong order"
        findings.add(
            "UCD-UNKNOWN", "warning", message, found=ucd[:80], expected="for example phot.flux;em.X-ray", **place
        )
    elif not ucd:
        findings.add("UCD-ABSENT", "info", "the column has no UCD: nobody can find it by its meaning", **place)
    if not description:
        findings.add("DESCRIPTION-ABSENT", "warning", "the column has no description", fix="Say what it is.", **place)
    return TableColumnFacts(column.name, unit if unit is not None else "", spelling, ucd, description)


def _check_positions(
    hdu: fits.BinTableHDU, facts: tuple[TableColumnFacts, ...], label: str, findings: Findings
) -> None:
    for one in facts:
        meaning = ";".join(word for word in one.ucd.split(";") if word != "meta.main")
        if meaning not in _POSITIONS or one.unit != "deg":
            continue
        low, high = _POSITIONS[meaning]
        values = np.asarray(hdu.data[one.name], dtype=np.float64)
        bad = np.flatnonzero(~np.isnan(values) & ~((values >= low) & (values <= high)))
        if len(bad):
            findings.extend(
                [
                    Finding(
                        "CELL-RANGE",
                        "error",
                        "the number is out of range",
                        hdu=label,
                        row=int(bad[0]) + 1,
                        column=one.name,
                        found=str(values[bad[0]]),
                        expected=f"{low:g} to {high:g}",
                        count=len(bad),
                    )
                ]
            )


def _check_limits(hdu: fits.BinTableHDU, facts: tuple[TableColumnFacts, ...], label: str, findings: Findings) -> None:
    """Say which columns of fluxes hold limits as text: nobody can plot them, and who strips the sign plots a value."""
    for one in facts:
        values = np.asarray(hdu.data[one.name])
        if not one.ucd.startswith("phot.") or values.dtype.kind not in "SU":
            continue
        rows = [row for row, value in enumerate(values, start=1) if str(value).strip()[:1] in tuple(LIMIT_SIGNS)]
        if rows:
            found = repr(str(values[rows[0] - 1]).strip())[:60]
            findings.add(
                "LIMIT-TEXT",
                "warning",
                LIMIT_TEXT,
                hdu=label,
                row=rows[0],
                column=one.name,
                found=found,
                expected="a column of numbers",
                fix=LIMIT_FIX,
                count=len(rows),
            )
