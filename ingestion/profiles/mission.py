"""Revolutions, proposals and observations."""

from pathlib import Path
from typing import Any

import numpy as np

from archive.errors import UsageError
from archive.formats import headers
from archive.formats.container import open_fits
from archive.identifiers import parse_obs_id
from archive.times import mjd_tt_from_ijd, mjd_tt_from_mjd_utc
from ingestion.cells import Findings, csv_lines, fits_table
from ingestion.content import Content, Probe
from ingestion.profiles.checks import check_filled, check_ids, check_in_mission, check_order, check_range, clean_rows
from ingestion.profiles.utc import mjd_utc_from_iso
from ingestion.rows import ObservationRow, ProposalRow, RevolutionRow

REVOLUTIONS_NAME, PROPOSALS_NAME, OBSERVATIONS_NAME, RADIATION_NAME = (
    "revolutions",
    "proposals",
    "observations",
    "radiation_belt_passages",
)
MAX_REVOLUTION_D = 4.0
MAX_OBSERVATION_D = 3000.0


def recognise_revolutions(probe: Probe) -> bool:
    """Say whether there is a REVOLUTIONS table."""
    return probe.has_hdu("REVOLUTIONS")


def read_revolutions(path: Path) -> Content:
    """Read the revolutions of docs/reference/delivery-formats.md."""
    findings = Findings()
    times = ("TSTART", "TSTOP", "BELT_EXIT", "BELT_ENTRY")
    with open_fits(path) as file:
        findings.extend(file.findings)
        table = fits_table(file, "REVOLUTIONS", {"REVOL": "number", **dict.fromkeys(times, "number d")})
        headers.time_scale(table.header)
        mjd = {name: mjd_tt_from_ijd(table.numbers(name)) for name in times}
        bad = check_range(table.numbers("REVOL"), 1, 9999, "REVOL", table.label, findings)
        for name in times:
            bad |= check_in_mission(mjd[name], name, table.label, findings)
        bad |= check_order(mjd["TSTART"], mjd["TSTOP"], MAX_REVOLUTION_D, "TSTOP", table.label, findings)
        columns: dict[str, list[Any]] = {
            "revolution": np.nan_to_num(table.numbers("REVOL")).astype(int).tolist(),
            "tstart_mjd_tt": mjd["TSTART"].tolist(),
            "tstop_mjd_tt": mjd["TSTOP"].tolist(),
            "belt_exit_mjd_tt": mjd["BELT_EXIT"].tolist(),
            "belt_entry_mjd_tt": mjd["BELT_ENTRY"].tolist(),
        }
        return Content(
            rows=list(clean_rows(RevolutionRow, columns, bad)),
            findings=findings.finish(),
            simulated=headers.is_simulated(table.header),
        )


RADIATION_COLUMNS = (
    "revolution",
    "perigee_utc",
    "perigee_ijd",
    "belt_exit_ijd",
    "belt_entry_ijd",
    "exit_altitude_km",
    "entry_altitude_km",
)


def recognise_radiation(probe: Probe) -> bool:
    """Say whether the header line is that of the list of belt passages."""
    return set(RADIATION_COLUMNS) <= set(probe.header_cells)


def read_radiation(path: Path) -> Content:
    """Read belt passages (IREM TC3 = 600 counts); the list's IJD agrees with its UTC column, so it counts UTC days."""
    findings = Findings()
    numbers, utc, altitudes = [], [], []
    for line in csv_lines(path, RADIATION_COLUMNS, findings):
        revolution = line.integer_or_none("revolution", 1, 9999)
        if revolution is None:
            if line.usable:
                line.fail("CELL-MISSING", "the revolution is missing", "revolution")
            continue
        if line.text("perigee_utc").lower() in {"", "nantnan"} and not line.text("perigee_ijd"):
            line.cells["perigee_utc"] = ""
        try:
            perigee = mjd_utc_from_iso(line.text("perigee_utc")) if line.text("perigee_utc") else np.nan
        except UsageError as error:
            line.fail("TIME-UTC", str(error), "perigee_utc", found=repr(line.text("perigee_utc")))
            continue
        stated = line.number_or_none("perigee_ijd", 0.0, 20000.0, "d")
        if stated is not None and not abs(stated + 51544.0 - perigee) <= 2e-4:
            line.fail(
                "TIME-SCALE",
                "perigee_ijd is not perigee_utc",
                "perigee_ijd",
                found=str(stated),
                expected=f"{perigee - 51544.0:.4f}",
            )
        crossings = [line.number_or_none(name, 0.0, 20000.0, "d") for name in ("belt_exit_ijd", "belt_entry_ijd")]
        heights = [line.number_or_none(name, 0.0, 200000.0, "km") for name in ("exit_altitude_km", "entry_altitude_km")]
        if line.usable:
            numbers.append(revolution)
            utc.append([perigee, *(np.nan if value is None else value + 51544.0 for value in crossings)])
            altitudes.append(heights)
    findings.add(
        "TIME-SCALE",
        "info",
        "the list's IJD equals its UTC column to 0.0001 d, so its times were read as UTC and converted to TT",
        column="perigee_ijd",
    )
    times = np.array(utc, dtype=np.float64).reshape(-1, 3)
    known = np.isfinite(times)
    times[known] = mjd_tt_from_mjd_utc(times[known])
    start_of = {number: _none(row[0]) for number, row in zip(numbers, times, strict=True)}
    rows = [
        RevolutionRow(
            revolution=number,
            tstart_mjd_tt=_none(row[0]),
            tstop_mjd_tt=start_of.get(number + 1),
            belt_exit_mjd_tt=_none(row[1]),
            belt_entry_mjd_tt=_none(row[2]),
            exit_altitude_km=heights[0],
            entry_altitude_km=heights[1],
        )
        for number, row, heights in zip(numbers, times, altitudes, strict=True)
    ]
    return Content(rows=list(rows), findings=findings.finish())


def _none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def recognise_proposals(probe: Probe) -> bool:
    """Say whether there is a PROPOSALS table."""
    return probe.has_hdu("PROPOSALS")


def read_proposals(path: Path) -> Content:
    """Read the proposals of docs/reference/delivery-formats.md."""
    findings = Findings()
    with open_fits(path) as file:
        findings.extend(file.findings)
        table = fits_table(file, "PROPOSALS", {"PROP_ID": "text", "AO": "number", "TITLE": "text", "CATEGORY": "text"})
        ids = table.texts("PROP_ID")
        columns: dict[str, list[Any]] = {
            "proposal_id": list(ids),
            "title": list(table.texts("TITLE")),
            "category": list(table.texts("CATEGORY")),
            "cycle": [f"AO-{int(ao)}" for ao in table.numbers("AO")],
        }
        rows = clean_rows(ProposalRow, columns, check_filled(ids, "PROP_ID", table.label, findings))
        return Content(rows=list(rows), findings=findings.finish(), simulated=headers.is_simulated(table.header))


_OBSERVATION_COLUMNS = {
    "OBS_ID": "text",
    "PROP_ID": "text",
    "TITLE": "text",
    "OBJECT": "text",
    "OBSTYPE": "text",
    "RA_OBJ": "number deg",
    "DEC_OBJ": "number deg",
    "TSTART": "number d",
    "TSTOP": "number d",
    "EXPOSURE": "number s",
}


def recognise_observations(probe: Probe) -> bool:
    """Say whether there is an OBSERVATIONS table."""
    return probe.has_hdu("OBSERVATIONS")


def read_observations(path: Path) -> Content:
    """Read the observations of docs/reference/delivery-formats.md."""
    findings = Findings()
    with open_fits(path) as file:
        findings.extend(file.findings)
        table = fits_table(file, "OBSERVATIONS", _OBSERVATION_COLUMNS)
        headers.time_scale(table.header)
        start, stop = (mjd_tt_from_ijd(table.numbers(name)) for name in ("TSTART", "TSTOP"))
        bad = check_in_mission(start, "TSTART", table.label, findings) | check_in_mission(
            stop, "TSTOP", table.label, findings
        )
        bad |= check_order(start, stop, MAX_OBSERVATION_D, "TSTOP", table.label, findings)
        bad |= check_range(table.numbers("RA_OBJ"), 0.0, 360.0, "RA_OBJ", table.label, findings) | check_range(
            table.numbers("DEC_OBJ"), -90.0, 90.0, "DEC_OBJ", table.label, findings
        )
        bad |= check_range(table.numbers("EXPOSURE"), 0.0, 4e7, "EXPOSURE", table.label, findings)
        ids, bad_ids = check_ids(table.texts("OBS_ID"), parse_obs_id, "OBS_ID", table.label, findings)
        columns: dict[str, list[Any]] = {
            "obs_id": ids,
            "ra": table.numbers("RA_OBJ").tolist(),
            "dec": table.numbers("DEC_OBJ").tolist(),
            "tstart_mjd_tt": start.tolist(),
            "tstop_mjd_tt": stop.tolist(),
            "exposure_s": table.numbers("EXPOSURE").tolist(),
            "proposal_id": list(table.texts("PROP_ID")),
            "target_name": list(table.texts("OBJECT")),
            "title": list(table.texts("TITLE")),
            "obs_type": list(table.texts("OBSTYPE")),
        }
        return Content(
            rows=list(clean_rows(ObservationRow, columns, bad | bad_ids)),
            findings=findings.finish(),
            simulated=headers.is_simulated(table.header),
        )
