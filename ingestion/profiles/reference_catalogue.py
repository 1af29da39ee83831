"""The ISDC general reference catalogue: FITS in its 36-column layout, a CSV of it, and bare lists of positions.

Its rates follow from spectral models; 0 means "no model" and a few are NaN: both become null. Coordinates are FK5
(equinox J2000) and are turned into ICRS. Extracts in which every source has JEMX_FLAG (or SPI_FLAG) set are the
JEM-X (or SPI) catalogue and fill that table too.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

from archive.errors import UsageError
from archive.formats import headers
from archive.formats.container import open_fits
from archive.formats.findings import refuse
from ingestion.cells import Findings, FitsTable, Line, csv_lines, fits_table, read_text
from ingestion.content import Content, Probe
from ingestion.profiles.checks import check_filled, check_ids, check_range, clean_rows
from ingestion.rows import CatalogueReleaseRow, JemxRow, ReferenceRow, Row, SpiRow

FITS_NAME = "isdc_reference_catalogue"
_RATES = {
    "isgri_20_60_cps": "ISGR_FLUX_1",
    "isgri_60_200_cps": "ISGR_FLUX_2",
    "jemx_3_10_cps": "JEMX_FLUX_1",
    "jemx_10_30_cps": "JEMX_FLUX_2",
    "spi_15_300_ph_cm2_s": "SPI_FLUX_1",
    "spi_300_8000_ph_cm2_s": "SPI_FLUX_2",
}
_FLAGS = {
    "isgri_flag": "ISGRI_FLAG",
    "isgri_flag2": "ISGRI_FLAG2",
    "jemx_flag": "JEMX_FLAG",
    "spi_flag": "SPI_FLAG",
    "picsit_flag": "PICSIT_FLAG",
}
FITS_COLUMNS = {
    "SOURCE_ID": "text",
    "NAME": "text",
    "CLASS": "number",
    "RA_OBJ": "number deg",
    "DEC_OBJ": "number deg",
    "ERR_RAD": "number deg",
    "SPE_MODL": "text",
    "COMMENTS": "text",
    "SPE_NPAR": "number",
    **dict.fromkeys(_FLAGS.values(), "number"),
    **{column: "number ph/(cm**2.s)" if column.startswith("SPI") else "number ct/s" for column in _RATES.values()},
}
_BANDS = {
    "ISGEMIN1": 20.0,
    "ISGEMAX1": 60.0,
    "ISGEMIN2": 60.0,
    "ISGEMAX2": 200.0,
    "JMXEMIN1": 3.0,
    "JMXEMAX1": 10.0,
    "JMXEMIN2": 10.0,
    "JMXEMAX2": 30.0,
    "SPIEMIN1": 15.0,
    "SPIEMAX1": 300.0,
    "SPIEMIN2": 300.0,
    "SPIEMAX2": 8000.0,
}
MAX_CLASS = 9999
_SOURCE_ID = re.compile(r"J\d{6}\.\d[+-]\d{6}")


def parse_source_id(text: str) -> str:
    """Check the form JHHMMSS.s+DDMMSS of the catalogue's source ids.

    Raises
    ------
    UsageError
        If `text` has another form.

    Examples
    --------
    >>> parse_source_id("J053432.0+220052")
    'J053432.0+220052'
    """
    if not _SOURCE_ID.fullmatch(text.strip()):
        msg = f"source id {text!r} is not JHHMMSS.s+DDMMSS"
        raise UsageError(msg)
    return text.strip()


def recognise_fits(probe: Probe) -> bool:
    """Say whether there is a GNRL-REFR-CAT table."""
    return probe.has_hdu("GNRL-REFR-CAT")


def read_fits(path: Path) -> Content:
    """Read a catalogue in the original layout."""
    findings = Findings()
    with open_fits(path) as file:
        findings.extend(file.findings)
        table = fits_table(file, "GNRL-REFR-CAT", FITS_COLUMNS)
        version = headers.number(table.header, "VERSION")
        if version is None:
            raise refuse(
                "CATALOGUE-VERSION",
                "the catalogue does not state its version",
                hdu=table.label,
                column="VERSION",
                expected="for example 43",
            )
        _check_bands(table)
        columns, bad = _fits_columns(table, findings)
        parameters = (
            np.asarray(table.data["SPE_PARS"], dtype=np.float64)
            if "SPE_PARS" in table.data.dtype.names
            else np.zeros((len(table), 0))
        )
        counts = np.nan_to_num(table.numbers("SPE_NPAR")).astype(int)
        columns["spectral_parameters"] = [
            tuple(values[:count].tolist()) if np.isfinite(values[:count]).all() else ()
            for values, count in zip(parameters, counts, strict=True)
        ]
        columns["catalogue_version"] = [f"{int(version)}"] * len(table)
        entries = clean_rows(ReferenceRow, columns, bad)
        rows: list[Row] = [*entries, *_extract_rows(entries, findings)]
        return Content(rows=rows, findings=findings.finish(), simulated=headers.is_simulated(table.header))


def _check_bands(table: FitsTable) -> None:
    for keyword, energy in _BANDS.items():
        found = headers.number(table.header, keyword)
        if found is not None and found != energy:
            raise refuse(
                "CATALOGUE-BAND",
                "the band of a flux column is not the catalogue's",
                hdu=table.label,
                column=keyword,
                found=f"{found:g} keV",
                expected=f"{energy:g} keV",
            )


def _fits_columns(table: FitsTable, findings: Findings) -> tuple[dict[str, list[Any]], np.ndarray]:
    ra, dec = table.numbers("RA_OBJ"), table.numbers("DEC_OBJ")
    bad = check_range(ra, 0.0, 360.0, "RA_OBJ", table.label, findings) | check_range(
        dec, -90.0, 90.0, "DEC_OBJ", table.label, findings
    )
    if headers.frame_of(table.header) == "fk5":
        ra, dec = _to_icrs(ra, dec, bad)
        findings.add(
            "FRAME-FK5",
            "info",
            "positions were FK5 J2000 and are stored as ICRS",
            hdu=table.label,
            column="RA_OBJ, DEC_OBJ",
        )
    ids, bad_ids = check_ids(table.texts("SOURCE_ID"), parse_source_id, "SOURCE_ID", table.label, findings)
    names = table.texts("NAME")
    bad = (
        bad
        | bad_ids
        | check_filled(names, "NAME", table.label, findings)
        | check_range(table.numbers("ERR_RAD"), 0.0, 180.0, "ERR_RAD", table.label, findings, missing=True)
    )
    columns: dict[str, list[Any]] = {
        "source_id": ids,
        "name": list(names),
        "ra": ra.tolist(),
        "dec": dec.tolist(),
        "error_radius_deg": _none_for_nan(table.numbers("ERR_RAD")),
        "isdc_class": _classes(table.numbers("CLASS"), table.label, findings),
        "spectral_model": list(table.texts("SPE_MODL")),
        "comments": [_comment(text) for text in table.texts("COMMENTS")],
    }
    for ours, theirs in _FLAGS.items():
        columns[ours] = table.numbers(theirs).astype(int).tolist()
    for ours, theirs in _RATES.items():
        columns[ours] = _rates(table.numbers(theirs), theirs, table.label, findings)
    return columns, bad


def _rates(values: np.ndarray, column: str, label: str, findings: Findings) -> list[Any]:
    """Turn 0 (no model) and NaN into None, and say how many of each."""
    zero, missing = int((values == 0).sum()), int((~np.isfinite(values)).sum())
    if zero or missing:
        findings.add(
            "RATE-NO-MODEL",
            "info",
            f"{zero} rates are 0 (no model) and {missing} are not numbers; both are stored as null",
            hdu=label,
            column=column,
        )
    return [None if value == 0 or not np.isfinite(value) else float(value) for value in values.tolist()]


def _classes(values: np.ndarray, label: str, findings: Findings) -> list[Any]:
    """Turn class codes that no class has (the template's 32768) into None."""
    unknown = ~((values >= 0) & (values <= MAX_CLASS))
    if unknown.any():
        row = int(np.flatnonzero(unknown)[0])
        findings.add(
            "CLASS-UNKNOWN",
            "warning",
            f"{int(unknown.sum())} class codes are no ISDC class and stored as null, the first shown",
            hdu=label,
            row=row + 1,
            column="CLASS",
            found=f"{values[row]:g}",
            expected=f"0 to {MAX_CLASS}",
        )
    return [None if wrong else int(value) for value, wrong in zip(values.tolist(), unknown.tolist(), strict=True)]


def _to_icrs(ra: np.ndarray, dec: np.ndarray, bad: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    usable = ~bad
    ra, dec = ra.copy(), dec.copy()
    ra[usable], dec[usable] = headers.icrs_from_fk5(ra[usable], dec[usable])
    return ra, dec


def _none_for_nan(values: np.ndarray) -> list[Any]:
    return [None if np.isnan(value) else float(value) for value in values.tolist()]


def _comment(text: str) -> str:
    return "" if text == "-" else text


def _extract_rows(entries: list[ReferenceRow], findings: Findings) -> list[Row]:
    """Make the rows of the JEM-X or SPI catalogue when the file is that extract."""
    if not entries:
        return []
    version = entries[0].catalogue_version
    if all(entry.jemx_flag for entry in entries):
        findings.add(
            "EXTRACT",
            "info",
            "JEMX_FLAG is set for every source: the file is the JEM-X extract and fills jemx_catalogue too",
            column="JEMX_FLAG",
        )
        return [
            JemxRow(
                catalogue_version=version,
                name=entry.name,
                ra=entry.ra,
                dec=entry.dec,
                error_radius_deg=entry.error_radius_deg,
                source_id=entry.source_id,
                isdc_class=entry.isdc_class,
                jemx_flag=entry.jemx_flag,
                rate_3_10_cps=entry.jemx_3_10_cps,
                rate_10_30_cps=entry.jemx_10_30_cps,
                rate_kind="model",
                comments=entry.comments,
            )
            for entry in entries
        ]
    if all(entry.spi_flag for entry in entries):
        findings.add(
            "EXTRACT",
            "info",
            "SPI_FLAG is set for every source: the file is the SPI extract and fills spi_catalogue too",
            column="SPI_FLAG",
        )
        return [
            SpiRow(
                catalogue_version=version,
                source_id=entry.source_id,
                name=entry.name,
                ra=entry.ra,
                dec=entry.dec,
                error_radius_deg=entry.error_radius_deg,
                isdc_class=entry.isdc_class,
                spi_flag=entry.spi_flag,
                flux_15_300_ph_cm2_s=entry.spi_15_300_ph_cm2_s,
                flux_300_8000_ph_cm2_s=entry.spi_300_8000_ph_cm2_s,
                comments=entry.comments,
            )
            for entry in entries
        ]
    return []


CSV_NAME = "reference_catalogue_csv"
_CSV_RATES = {
    "isgri_20_60_cps": "isgri_20_60_cps",
    "isgri_60_200_cps": "isgri_60_200_cps",
    "jemx_3_10_cps": "jemx_3_10_cps",
    "jemx_10_30_cps": "jemx_10_30_cps",
    "spi_15_300_ph_cm2_s": "spi_15_300_phcm2s",
    "spi_300_8000_ph_cm2_s": "spi_300_8000_phcm2s",
}
CSV_COLUMNS = (
    "source_id",
    "name",
    "isdc_class",
    "ra_fk5_deg",
    "dec_fk5_deg",
    "err_rad_deg",
    *_FLAGS,
    *_CSV_RATES.values(),
    "spe_modl",
    "aliases_comments",
    "in_subsets",
)
_SUBSET = re.compile(r"_(\d{4})$")


def recognise_csv(probe: Probe) -> bool:
    """Say whether the header line is that of the CSV form."""
    return set(CSV_COLUMNS) <= set(probe.header_cells)


def read_csv(path: Path) -> Content:
    """Read the CSV form. Only its file name states the version (``isdc_grc43_union.csv``), and that is said."""
    findings = Findings()
    match = re.search(r"grc_?0*(\d{2,4})", path.name)
    if match is None:
        raise refuse(
            "CATALOGUE-VERSION",
            "neither the table nor its name states the version of the catalogue",
            found=path.name,
            expected="a name with grcNN, for example isdc_grc43_union.csv",
        )
    findings.add(
        "CATALOGUE-VERSION",
        "warning",
        "the version of the catalogue comes from the file name",
        found=match[0],
        expected="a FITS file with VERSION",
    )
    lines: list[tuple[Line, dict[str, Any]]] = []
    blank = zero = 0
    for line in csv_lines(path, CSV_COLUMNS, findings):
        ra, dec = line.position_required("ra_fk5_deg", "dec_fk5_deg")
        values: dict[str, Any] = {
            "catalogue_version": match[1],
            "source_id": line.identifier("source_id", parse_source_id),
            "name": line.text("name"),
            "ra": ra,
            "dec": dec,
            "error_radius_deg": line.number_or_none("err_rad_deg", 0.0, 180.0, "deg"),
            "isdc_class": line.integer_or_none("isdc_class", 0, 65535),
            "spectral_model": line.text("spe_modl"),
            "comments": line.text("aliases_comments"),
            **{flag: line.integer_or_none(flag, 0, 255) for flag in _FLAGS},
        }
        if not values["name"]:
            line.fail("CELL-MISSING", "the name is missing", "name")
        if int(values["isdc_class"] or 0) > MAX_CLASS:
            found = str(values["isdc_class"])
            findings.add(
                "CLASS-UNKNOWN",
                "warning",
                "the class code is no ISDC class and stored as null",
                row=line.number,
                column="isdc_class",
                found=found,
                expected=f"0 to {MAX_CLASS}",
            )
            values["isdc_class"] = None
        for ours, theirs in _CSV_RATES.items():
            rate = line.number_or_none(theirs, -1e6, 1e6)
            blank, zero = blank + (rate is None), zero + (rate == 0)
            values[ours] = rate or None
        lines.append((line, values))
    if blank or zero:
        findings.add(
            "RATE-NO-MODEL",
            "info",
            f"{zero} rates are 0 (no model) and {blank} are blank; both are stored as null",
            column="rates",
        )
    findings.add(
        "FRAME-FK5", "info", "positions were FK5 J2000 and are stored as ICRS", column="ra_fk5_deg, dec_fk5_deg"
    )
    ra, dec = (np.array([values[axis] for _, values in lines], dtype=np.float64) for axis in ("ra", "dec"))
    ra, dec = _to_icrs(ra, dec, np.array([not line.usable for line, _ in lines], dtype=bool))
    rows: list[Row] = [
        ReferenceRow(**{**values, "ra": a, "dec": d})
        for (line, values), a, d in zip(lines, ra.tolist(), dec.tolist(), strict=True)
        if line.usable
    ]
    return Content(rows=rows, findings=findings.finish())


LIST_NAME = "reference_catalogue_positions"
_LIST_LINE = re.compile(r"\s*([-+]?\d\.\d{7}E[-+]\d\d)\s+([-+]?\d\.\d{7}E[-+]\d\d)\s+(\S.*?)\s*")


def recognise_list(probe: Probe) -> bool:
    """Say whether the first lines are RA, Dec and a name, as ESAC's list of version 40 has them."""
    return len(probe.lines) > 1 and all(_LIST_LINE.fullmatch(line) for line in probe.lines[:3])


def read_list(path: Path) -> Content:
    """Read a list of positions and names. Its entries carry no source id: `ingestion.sources` gives them one."""
    findings = Findings()
    match = re.search(r"refr?_cat_(\d{4})", path.name)
    if match is None:
        raise refuse(
            "CATALOGUE-VERSION",
            "neither the list nor its name states the version of the catalogue",
            found=path.name,
            expected="a name with refr_cat_NNNN",
        )
    version = str(int(match[1]))
    findings.add(
        "CATALOGUE-VERSION",
        "warning",
        "the version of the catalogue comes from the file name",
        found=match[0],
        expected="a FITS file with VERSION",
    )
    findings.add("FRAME-FK5", "info", "positions were FK5 J2000 and are stored as ICRS", column="RA, Dec")
    lines: list[Line] = []
    for number, text in enumerate(read_text(path).splitlines(), start=1):
        if not text.strip():
            continue
        cells = _LIST_LINE.fullmatch(text)
        if cells is None:
            findings.add(
                "ROW-LENGTH",
                "error",
                "the line is not RA, Dec and a name",
                row=number,
                found=repr(text[:60]),
                expected="degrees, degrees, name",
            )
            continue
        lines.append(Line(number, {"RA": cells[1], "Dec": cells[2], "name": cells[3]}, findings))
    positions = [line.position_required("RA", "Dec") for line in lines]
    ra, dec = (np.array([position[axis] for position in positions], dtype=np.float64) for axis in (0, 1))
    ra, dec = _to_icrs(ra, dec, np.array([not line.usable for line in lines], dtype=bool))
    rows: list[Row] = [
        ReferenceRow(catalogue_version=version, source_id="", name=line.cells["name"], ra=a, dec=d)
        for line, a, d in zip(lines, ra.tolist(), dec.tolist(), strict=True)
        if line.usable
    ]
    return Content(rows=rows, findings=findings.finish())


def release_rows(rows: list[Row]) -> list[CatalogueReleaseRow]:
    """Count the rows of each catalogue and version."""
    counts: dict[tuple[str, str], int] = {}
    for row in rows:
        version = getattr(row, "catalogue_version", None)
        if version is not None and not isinstance(row, CatalogueReleaseRow):
            counts[row.TABLE, version] = counts.get((row.TABLE, version), 0) + 1
    return [CatalogueReleaseRow(catalogue, version, count) for (catalogue, version), count in sorted(counts.items())]
