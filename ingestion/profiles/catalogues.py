"""Catalogues of fixed layout: their columns, what these mean, and which of their fluxes are upper limits.

The columns are declared in ``catalogues.yaml``. A flux is a measurement with a positive 1-sigma error, or an upper
limit that its flag marks (``IS_UL_...``, as is_ul in gamma-astro-data-formats) at the confidence of the keyword
``UL_CONF``; nothing in between is taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from archive.formats import headers
from archive.formats.container import FitsFile
from ingestion.cells import Findings, FitsTable, fits_table
from ingestion.profiles.checks import note_rows
from ingestion.profiles.meaning import is_ucd

BoolArray = NDArray[np.bool_]
FORMATS_PATH = Path(__file__).with_name("catalogues.yaml")


@dataclass(frozen=True, slots=True)
class CatalogueColumn:
    """A column: ``text``, ``number`` or ``logical``, its VOUnit and the first word of its UCD."""

    name: str
    kind: str
    ucd: str
    unit: str = ""
    error: str = ""
    limit: str = ""


@dataclass(frozen=True, slots=True)
class CatalogueFormat:
    """The layout of one catalogue; `ignored` columns may be there and are not published."""

    extname: str
    columns: Mapping[str, CatalogueColumn]
    ignored: tuple[str, ...]

    @property
    def limits(self) -> tuple[str, ...]:
        """Names of the flags of limits."""
        return tuple(column.limit for column in self.columns.values() if column.limit)


@cache
def catalogue_format(name: str) -> CatalogueFormat:
    """Return the layout of a catalogue by the name of its profile.

    Examples
    --------
    >>> catalogue_format("jemx_catalogue").limits
    ('IS_UL_3_10', 'IS_UL_10_25')
    """
    held: dict[str, Any] = yaml.safe_load(FORMATS_PATH.read_text("utf-8"))[name]
    columns = {key: CatalogueColumn(key, **facts) for key, facts in held["columns"].items()}
    return CatalogueFormat(held["extname"], columns, tuple(held.get("ignored", ())))


def read_catalogue_table(file: FitsFile, name: str, findings: Findings) -> FitsTable:
    """Return the table of a catalogue with kinds, units and UCDs of its columns checked.

    Raises
    ------
    FormatError
        As `fits_table`.
    """
    layout = catalogue_format(name)
    index = next((number for number, hdu in enumerate(file.hdus) if hdu.name == layout.extname), None)
    held = () if index is None else getattr(getattr(file.hdus[index], "columns", None), "names", ()) or ()
    wanted = {column.name: f"{column.kind} {column.unit}".strip() for column in layout.columns.values()}
    table = fits_table(file, layout.extname, wanted | {flag: "logical" for flag in layout.limits if flag in held})
    _check_ucds(table, layout, findings)
    extra = [column for column in held if column not in {*layout.columns, *layout.limits, *layout.ignored}]
    if extra:
        findings.add(
            "COLUMN-EXTRA",
            "warning",
            "columns that this catalogue does not have are not published; the file keeps them",
            hdu=table.label,
            column=extra[0],
            found=", ".join(extra)[:200],
            expected="the columns of docs/reference/delivery-formats.md",
            fix="Leave them out, or deliver them as a table of their own (profile table).",
        )
    return table


def _check_ucds(table: FitsTable, layout: CatalogueFormat, findings: Findings) -> None:
    absent = []
    for number, name in enumerate(table.data.dtype.names, start=1):
        column = layout.columns.get(name)
        if column is None:
            continue
        stated = headers.text(table.header, f"TUCD{number}") or ""
        place = {"hdu": table.label, "column": name, "found": stated[:80], "expected": column.ucd}
        if not stated:
            absent.append(name)
        elif not is_ucd(stated):
            message = "this is no UCD1+ of the IVOA's list, or its words stand in the wrong order"
            fix = f"Write a UCD that begins with {column.ucd}."
            findings.add("UCD-UNKNOWN", "warning", message, fix=fix, **place)
        elif column.ucd not in stated.split(";"):
            message = "the UCD says that the column holds something else"
            fix = "Correct TUCD, or the order of the columns if the numbers are indeed something else."
            findings.add("UCD-WRONG", "warning", message, fix=fix, **place)
    if absent:
        findings.add(
            "UCD-ABSENT",
            "info",
            f"{len(absent)} columns have no UCD; the archive publishes them with its own",
            hdu=table.label,
            column=absent[0],
            found=", ".join(absent)[:200],
            expected="TUCD of each column",
            fix="Add TUCDn, for example meta.id;meta.main for the name.",
        )


def limit_confidence(table: FitsTable, name: str, findings: Findings) -> float | None:
    """Return the confidence of the upper limits of a catalogue, None when it has none; a missing one is an error."""
    flags = [flag for flag in catalogue_format(name).limits if flag in table.data.dtype.names]
    if not any(np.asarray(table.data[flag], dtype=bool).any() for flag in flags):
        return None
    stated = headers.number(table.header, "UL_CONF")
    if stated is None or not 0.5 < stated < 1.0:
        findings.add(
            "LIMIT-CONFIDENCE",
            "error",
            "the table has upper limits and does not say at which confidence they hold",
            hdu=table.label,
            column="UL_CONF",
            found="no UL_CONF" if stated is None else f"{stated:g}",
            expected="a fraction between 0.5 and 1, for example 0.9973 for 3 sigma",
            fix="Add the keyword UL_CONF to the header of the table.",
        )
        return None
    return stated


def read_flux(
    table: FitsTable, name: str, flux: str, findings: Findings
) -> tuple[list[float | None], list[float | None], list[str], BoolArray]:
    """Return fluxes, errors, limit flags (``<`` or '') and the rows that cannot be used.

    A flagged row has no error: the number is the limit itself.
    """
    column = catalogue_format(name).columns[flux]
    values, errors = table.numbers(flux), table.numbers(column.error)
    flagged = column.limit in table.data.dtype.names
    limits = np.asarray(table.data[column.limit], dtype=bool) if flagged else np.zeros(len(values), dtype=bool)
    unmarked = note_rows(
        findings,
        ~limits & np.isfinite(values) & ~(errors > 0),
        "LIMIT-UNMARKED",
        "a flux has no positive error and no flag: is it a measurement or an upper limit?",
        place=(table.label, column.error),
        found=[f"{flux} {value:g}, {column.error} {error:g}" for value, error in zip(values, errors, strict=True)],
        expected="an error > 0, or the flag of a limit",
        fix=f"Give the error; where the value is an upper limit set {column.limit} to T and the error to NaN.",
    )
    hollow = note_rows(
        findings,
        limits & ~(values > 0),
        "LIMIT-VALUE",
        "the row is flagged as upper limit and holds no positive limit",
        place=(table.label, flux),
        found=values,
        expected="> 0",
        fix="Write the limit into the column of the flux.",
    )
    endless = note_rows(
        findings,
        np.isinf(values),
        "CELL-FINITE",
        "the number is not finite",
        place=(table.label, flux),
        found=values,
        expected="a number, or NaN for none",
    )
    return (
        [None if np.isnan(value) else float(value) for value in values.tolist()],
        [
            None if limit or np.isnan(error) else float(error)
            for error, limit in zip(errors.tolist(), limits.tolist(), strict=True)
        ],
        ["<" if limit else "" for limit in limits.tolist()],
        unmarked | hollow | endless,
    )
