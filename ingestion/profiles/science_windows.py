"""Science windows: our own FITS index, a CSV list with stated time scale, and rows as HEASARC publishes them."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from archive.errors import UsageError
from archive.formats import headers
from archive.formats.container import open_fits
from archive.identifiers import ScwId, parse_obs_id, parse_scw_id
from archive.times import SECONDS_PER_DAY, mjd_tt_from_ijd, mjd_tt_from_mjd_utc
from ingestion.cells import Findings, Line, csv_lines, fits_table
from ingestion.content import Content, Probe
from ingestion.profiles.checks import check_ids, check_in_mission, check_order, check_range, clean_rows
from ingestion.rows import ScienceWindowRow

# A window lasts minutes to hours; staring observations reach a day, never more than one revolution.
MAX_WINDOW_D = 3.0
MAX_GOOD_S = MAX_WINDOW_D * SECONDS_PER_DAY
MAX_MJD = 100_000.0

LIST_NAME = "science_window_list"
LIST_COLUMNS = (
    "scw_id",
    "revolution",
    "ra_scx_deg",
    "dec_scx_deg",
    "tstart_mjd",
    "tstop_mjd",
    "elapsed_s",
    "time_scale",
    "obs_id",
    "good_isgri_s",
)


def recognise_list(probe: Probe) -> bool:
    """Say whether the header line is that of the CSV list."""
    return set(LIST_COLUMNS) <= set(probe.header_cells)


def read_list(path: Path) -> Content:
    """Read the CSV list; each row states its scale, UTC or TT, and becomes MJD TT. A blank pointing stays unknown."""
    findings = Findings()
    kept: list[tuple[Line, dict[str, Any], float, float, str]] = []
    padded = 0
    for line in csv_lines(path, LIST_COLUMNS, findings):
        padded += _restore_zeros(line)
        scw_id = line.identifier("scw_id", parse_scw_id)
        pointing = line.position("ra_scx_deg", "dec_scx_deg")
        scale = line.text("time_scale").upper()
        if scale not in {"UTC", "TT"}:
            line.fail(
                "TIME-SCALE", "the time scale is not known", "time_scale", found=repr(scale), expected="UTC or TT"
            )
        values: dict[str, Any] = {
            "scw_id": scw_id,
            "obs_id": line.identifier("obs_id", parse_obs_id),
            "elapsed_s": line.number_or_none("elapsed_s", 0.0, MAX_GOOD_S, "s"),
            "good_isgri_s": line.number_or_none("good_isgri_s", 0.0, MAX_GOOD_S, "s"),
            "ra": pointing[0] if pointing else None,
            "dec": pointing[1] if pointing else None,
        }
        _check_revolution(line, scw_id)
        kept.append(
            (
                line,
                values,
                line.number_required("tstart_mjd", 0.0, MAX_MJD, "d"),
                line.number_required("tstop_mjd", 0.0, MAX_MJD, "d"),
                scale,
            )
        )
    _say_padded(padded, findings)
    return Content(rows=list(_rows(kept, ("tstart_mjd", "tstop_mjd"))), findings=findings.finish())


def _check_revolution(line: Line, scw_id: str) -> None:
    revolution = line.integer_or_none("revolution", 0, 9999)
    if revolution is not None and scw_id and f"{revolution:04d}" != scw_id[:4]:
        line.fail(
            "REVOLUTION",
            "the revolution is not the one in the science-window id",
            "revolution",
            found=str(revolution),
            expected=scw_id[:4],
        )


HEASARC_NAME = "heasarc_science_windows"
HEASARC_COLUMNS = (
    "scw_id",
    "scw_ver",
    "scw_type",
    "ra",
    "dec",
    "good_spi",
    "good_isgri",
    "good_picsit",
    "good_jemx1",
    "good_jemx2",
    "good_omc",
    "start_date",
    "end_date",
    "obs_id",
    "obs_type",
    "data_size",
)
_GOOD = ("isgri", "picsit", "jemx1", "jemx2", "spi", "omc")


def recognise_heasarc(probe: Probe) -> bool:
    """Say whether the header line is that of HEASARC's INTSCWPUB."""
    return set(HEASARC_COLUMNS) <= set(probe.header_cells)


def read_heasarc(path: Path) -> Content:
    """Read INTSCWPUB rows: MJD UTC, J2000 positions, good time per instrument.

    The CSV was made from numbers: leading zeros of `scw_id` (12 digits) and `obs_id` (11) were lost and are put back.
    """
    findings = Findings()
    padded = 0
    kept: list[tuple[Line, dict[str, Any], float, float, str]] = []
    for line in csv_lines(path, HEASARC_COLUMNS, findings):
        padded += _restore_zeros(line)
        scw_id = line.identifier("scw_id", parse_scw_id)
        pointing = line.position_required("ra", "dec")
        version = line.integer_or_none("scw_ver", 0, 999)
        values: dict[str, Any] = {
            "scw_id": scw_id,
            "obs_id": line.identifier("obs_id", parse_obs_id),
            "obs_type": line.text("obs_type"),
            "ra": pointing[0],
            "dec": pointing[1],
            "scw_version": "" if version is None else f"{version:03d}",
            "size_bytes": line.integer_or_none("data_size", 0, 1 << 50),
        }
        for instrument in _GOOD:
            values[f"good_{instrument}_s"] = line.number_or_none(f"good_{instrument}", 0.0, MAX_GOOD_S, "s")
        _check_kind(line, scw_id)
        kept.append(
            (
                line,
                values,
                line.number_required("start_date", 0.0, MAX_MJD, "d"),
                line.number_required("end_date", 0.0, MAX_MJD, "d"),
                "UTC",
            )
        )
    _say_padded(padded, findings)
    return Content(rows=list(_rows(kept, ("start_date", "end_date"))), findings=findings.finish())


def _restore_zeros(line: Line) -> bool:
    """Put back leading zeros that a spreadsheet took from the ids; say whether there were any to put back."""
    restored = False
    for column, width in (("scw_id", 12), ("obs_id", 11)):
        value = line.text(column)
        if value.isdigit() and 8 <= len(value) < width:
            line.cells[column] = value.zfill(width)
            restored = True
    return restored


def _say_padded(rows: int, findings: Findings) -> None:
    if rows:
        findings.add(
            "LEADING-ZEROS",
            "warning",
            f"ids in {rows} rows had lost their leading zeros; they were put back",
            column="scw_id, obs_id",
            expected="12 and 11 digits",
            fix="Write ids as text.",
        )


def _check_kind(line: Line, scw_id: str) -> None:
    try:
        kind = parse_scw_id(scw_id).kind
    except UsageError:
        return  # said already
    if line.text("scw_type").lower() != kind:
        line.fail(
            "SCW-KIND",
            "the type is not the one in the science-window id",
            "scw_type",
            found=line.text("scw_type"),
            expected=kind,
        )


def _rows(
    kept: list[tuple[Line, dict[str, Any], float, float, str]], columns: tuple[str, str]
) -> list[ScienceWindowRow]:
    """Convert times together and build the rows that are usable."""
    start, stop = (np.array([item[position] for item in kept], dtype=np.float64) for position in (2, 3))
    utc = np.array([item[4] == "UTC" for item in kept], dtype=bool) & np.isfinite(start) & np.isfinite(stop)
    if utc.any():
        start[utc], stop[utc] = mjd_tt_from_mjd_utc(start[utc]), mjd_tt_from_mjd_utc(stop[utc])
    rows = []
    for (line, values, *_), begin, end in zip(kept, start.tolist(), stop.tolist(), strict=True):
        line.mission_time(begin, columns[0])
        line.mission_time(end, columns[1])
        if not 0.0 < end - begin <= MAX_WINDOW_D and not math.isnan(end - begin):
            line.fail(
                "TIME-ORDER",
                "the window does not end after it starts, or lasts too long",
                columns[1],
                found=f"{end - begin:.6f} d",
                expected=f"0 to {MAX_WINDOW_D} d",
            )
        if line.usable:
            scw = parse_scw_id(str(values["scw_id"]))
            rows.append(
                ScienceWindowRow(
                    revolution=scw.revolution, kind=scw.kind, tstart_mjd_tt=begin, tstop_mjd_tt=end, **values
                )
            )
    return rows


FITS_NAME = "science_windows"
FITS_COLUMNS = {
    "SWID": "text",
    "SWVER": "text",
    "REVOL": "number",
    "SW_TYPE": "text",
    "OBS_ID": "text",
    "TSTART": "number d",
    "TSTOP": "number d",
    "TELAPSE": "number s",
    "RA_SCX": "number deg",
    "DEC_SCX": "number deg",
    "RA_SCZ": "number deg",
    "DEC_SCZ": "number deg",
    "POSANGLE": "number deg",
    "GOOD_ISGRI": "number s",
    "GOOD_PICSIT": "number s",
    "GOOD_SPI": "number s",
    "GOOD_JEMX1": "number s",
    "GOOD_JEMX2": "number s",
    "GOOD_OMC": "number s",
}
_KINDS = {"POINTING": "pointing", "SLEW": "slew", "ENGINEERING": "engineering"}


def recognise_fits(probe: Probe) -> bool:
    """Say whether there is a SCIENCE-WINDOWS table."""
    return probe.has_hdu("SCIENCE-WINDOWS")


def read_fits(path: Path) -> Content:
    """Read the FITS index of docs/reference/delivery-formats.md; checks run over whole columns."""
    findings = Findings()
    with open_fits(path) as file:
        findings.extend(file.findings)
        table = fits_table(file, "SCIENCE-WINDOWS", FITS_COLUMNS)
        headers.time_scale(table.header)
        bad = np.zeros(len(table), dtype=bool)
        start, stop = (mjd_tt_from_ijd(table.numbers(name)) for name in ("TSTART", "TSTOP"))
        bad |= check_in_mission(start, "TSTART", table.label, findings) | check_in_mission(
            stop, "TSTOP", table.label, findings
        )
        bad |= check_order(start, stop, MAX_WINDOW_D, "TSTOP", table.label, findings)
        for name, high in (("RA_SCX", 360.0), ("RA_SCZ", 360.0), ("POSANGLE", 360.0)):
            bad |= check_range(table.numbers(name), 0.0, high, name, table.label, findings)
        for name in ("DEC_SCX", "DEC_SCZ"):
            bad |= check_range(table.numbers(name), -90.0, 90.0, name, table.label, findings)
        elapsed = table.numbers("TELAPSE")
        bad |= check_range(elapsed, 0.0, MAX_GOOD_S, "TELAPSE", table.label, findings)
        for instrument in _GOOD:
            name = f"GOOD_{instrument.upper()}"
            bad |= check_range(table.numbers(name), 0.0, MAX_GOOD_S, name, table.label, findings)
        ids, bad_ids = check_ids(table.texts("SWID"), parse_scw_id, "SWID", table.label, findings)
        obs_ids, bad_obs = check_ids(table.texts("OBS_ID"), parse_obs_id, "OBS_ID", table.label, findings)
        kinds, revolutions = (
            [_KINDS.get(text, text) for text in table.texts("SW_TYPE")],
            table.numbers("REVOL").astype(int),
        )
        bad |= bad_ids | bad_obs | _check_parts(ids, kinds, revolutions, table.label, findings)
        columns: dict[str, list[Any]] = {
            "scw_id": [str(scw) for scw in ids],
            "scw_version": list(table.texts("SWVER")),
            "revolution": revolutions.tolist(),
            "kind": list(kinds),
            "obs_id": list(obs_ids),
            "tstart_mjd_tt": start.tolist(),
            "tstop_mjd_tt": stop.tolist(),
            "elapsed_s": elapsed.tolist(),
            **{
                ours: table.numbers(theirs).tolist()
                for ours, theirs in (
                    ("ra", "RA_SCX"),
                    ("dec", "DEC_SCX"),
                    ("ra_z", "RA_SCZ"),
                    ("dec_z", "DEC_SCZ"),
                    ("position_angle_deg", "POSANGLE"),
                )
            },
            **{f"good_{instrument}_s": table.numbers(f"GOOD_{instrument.upper()}").tolist() for instrument in _GOOD},
        }
        rows = clean_rows(ScienceWindowRow, columns, bad)
        return Content(rows=list(rows), findings=findings.finish(), simulated=headers.is_simulated(table.header))


def _check_parts(
    ids: list[Any], kinds: list[str], revolutions: np.ndarray, label: str, findings: Findings
) -> np.ndarray:
    bad = np.zeros(len(ids), dtype=bool)
    for row, (scw, kind, revolution) in enumerate(zip(ids, kinds, revolutions.tolist(), strict=True)):
        if isinstance(scw, ScwId) and (scw.kind != kind or scw.revolution != revolution):
            bad[row] = True
            findings.add(
                "SCW-KIND",
                "error",
                "type or revolution is not the one in the science-window id",
                hdu=label,
                row=row + 1,
                column="SW_TYPE",
                found=f"{kind}, {revolution}",
                expected=f"{scw.kind}, {scw.revolution}",
            )
    return bad
