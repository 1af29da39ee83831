"""Catalogues measured by the instrument teams: IBIS, JEM-X, SPI bursts, OMC; bursts of IBAS from GCN circulars."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from archive.errors import UsageError
from archive.formats import headers
from archive.formats.container import open_fits
from archive.times import mjd_tt_from_ijd, mjd_tt_from_mjd_utc
from ingestion.cells import Findings, FitsTable, Line, csv_lines
from ingestion.content import Content, Probe
from ingestion.profiles.catalogues import catalogue_format, limit_confidence, read_catalogue_table, read_flux
from ingestion.profiles.checks import check_filled, check_in_mission, check_range, clean_rows
from ingestion.profiles.utc import mjd_utc_from_iso
from ingestion.rows import GrbRow, IbisRow, JemxRow, OmcRow

IBIS_NAME, JEMX_NAME, GRB_NAME, OMC_NAME, IBAS_NAME = (
    "ibis_catalogue",
    "jemx_catalogue",
    "spi_grb_catalogue",
    "omc_catalogue",
    "ibas_bursts",
)
_BANDS = {IBIS_NAME: ("17_60", "20_40", "40_60", "60_100"), JEMX_NAME: ("3_10", "10_25")}


def recognise_ibis(probe: Probe) -> bool:
    """Say whether there is an IBIS-SURVEY-CAT table."""
    return probe.has_hdu(catalogue_format(IBIS_NAME).extname)


def recognise_jemx(probe: Probe) -> bool:
    """Say whether there is a JEMX-SURVEY-CAT table."""
    return probe.has_hdu(catalogue_format(JEMX_NAME).extname)


def recognise_grb(probe: Probe) -> bool:
    """Say whether there is a SPI-GRB-CAT table."""
    return probe.has_hdu(catalogue_format(GRB_NAME).extname)


def recognise_omc(probe: Probe) -> bool:
    """Say whether there is an OMC-SRC-CAT table."""
    return probe.has_hdu(catalogue_format(OMC_NAME).extname)


def read_ibis(path: Path) -> Content:
    """Read an IBIS survey catalogue."""
    return _read_survey(path, IBIS_NAME, IbisRow)


def read_jemx(path: Path) -> Content:
    """Read a JEM-X survey catalogue."""
    return _read_survey(path, JEMX_NAME, JemxRow)


def _read_survey(path: Path, name: str, kind: type[IbisRow] | type[JemxRow]) -> Content:
    findings = Findings()
    bands = _BANDS[name]
    with open_fits(path) as file:
        findings.extend(file.findings)
        table = read_catalogue_table(file, name, findings)
        columns, bad = _common(table, findings)
        columns |= {
            "source_id": list(table.texts("SOURCE_ID")),
            "source_class": list(table.texts("CLASS")),
            "significance": _nullable(table, "SIGNIF"),
            "exposure_s": _nullable(table, "EXPOSURE"),
            "variable": [bool(value) for value in table.data["VARIABLE"]],
        }
        for band in bands:
            flux, error, limits, wrong = read_flux(table, name, f"FLUX_{band}", findings)
            columns[f"flux_{band}_mcrab"], columns[f"flux_{band}_error_mcrab"] = flux, error
            columns[f"flux_{band}_limit_flag"] = limits
            bad = bad | wrong
        columns["limit_confidence"] = [limit_confidence(table, name, findings)] * len(table)
        if kind is JemxRow:
            columns["rate_kind"] = ["measured"] * len(table)
        return Content(
            rows=list(clean_rows(kind, columns, bad)),
            findings=findings.finish(),
            simulated=headers.is_simulated(table.header),
        )


def _common(table: FitsTable, findings: Findings) -> tuple[dict[str, list[Any]], np.ndarray]:
    """Return name, position and version columns, positions as ICRS; the version is that of the delivery's file."""
    ra, dec = table.numbers("RA_OBJ"), table.numbers("DEC_OBJ")
    names = table.texts("NAME")
    bad = check_range(ra, 0.0, 360.0, "RA_OBJ", table.label, findings) | check_range(
        dec, -90.0, 90.0, "DEC_OBJ", table.label, findings
    )
    bad |= check_filled(names, "NAME", table.label, findings)
    if headers.frame_of(table.header) == "fk5":
        usable = ~bad
        ra, dec = ra.copy(), dec.copy()
        ra[usable], dec[usable] = headers.icrs_from_fk5(ra[usable], dec[usable])
    errors: list[Any] = [None] * len(table)
    if "ERR_RAD" in table.data.dtype.names:
        bad |= check_range(table.numbers("ERR_RAD"), 0.0, 180.0, "ERR_RAD", table.label, findings, missing=True)
        errors = _nullable(table, "ERR_RAD")
    return {
        "catalogue_version": [_version(table)] * len(table),
        "name": list(names),
        "ra": ra.tolist(),
        "dec": dec.tolist(),
        "error_radius_deg": errors,
    }, bad


def _version(table: FitsTable) -> str:
    """Return VERSION, or the date of the file when the catalogue has no version number."""
    version = headers.number(table.header, "VERSION")
    return f"{version:g}" if version is not None else (headers.text(table.header, "DATE") or "1")[:10]


def _nullable(table: FitsTable, name: str) -> list[Any]:
    return [None if np.isnan(value) else float(value) for value in table.numbers(name).tolist()]


def read_grb(path: Path) -> Content:
    """Read a catalogue of bursts seen by SPI."""
    findings = Findings()
    with open_fits(path) as file:
        findings.extend(file.findings)
        table = read_catalogue_table(file, GRB_NAME, findings)
        headers.time_scale(table.header)
        columns, bad = _common(table, findings)
        trigger = mjd_tt_from_ijd(table.numbers("TRIGTIME"))
        bad |= check_in_mission(trigger, "TRIGTIME", table.label, findings) | check_range(
            table.numbers("T90"), 0.0, 1e6, "T90", table.label, findings, missing=True
        )
        peak, peak_error, peak_limits, wrong_peak = read_flux(table, GRB_NAME, "PEAKFLUX", findings)
        fluence, fluence_error, fluence_limits, wrong_fluence = read_flux(table, GRB_NAME, "FLUENCE", findings)
        bad |= wrong_peak | wrong_fluence
        columns |= {
            "instrument": ["spi"] * len(table),
            "trigger_mjd_tt": trigger.tolist(),
            "duration_s": _nullable(table, "T90"),
            "peak_flux": peak,
            "peak_flux_error": peak_error,
            "peak_flux_limit_flag": peak_limits,
            "peak_flux_unit": ["ph/(cm**2.s)"] * len(table),
            "fluence_20_200_erg_cm2": fluence,
            "fluence_error_erg_cm2": fluence_error,
            "fluence_limit_flag": fluence_limits,
            "limit_confidence": [limit_confidence(table, GRB_NAME, findings)] * len(table),
            "photon_index": _nullable(table, "PHOTINDX"),
            "photon_index_error": _nullable(table, "PHOTERR"),
            "scw_id": list(table.texts("SWID")),
        }
        return Content(
            rows=list(clean_rows(GrbRow, columns, bad)),
            findings=findings.finish(),
            simulated=headers.is_simulated(table.header),
        )


def read_omc(path: Path) -> Content:
    """Read a catalogue of optical sources."""
    findings = Findings()
    with open_fits(path) as file:
        findings.extend(file.findings)
        table = read_catalogue_table(file, OMC_NAME, findings)
        columns, bad = _common(table, findings)
        bad |= check_range(table.numbers("MAG_V"), -2.0, 25.0, "MAG_V", table.label, findings, missing=True)
        columns |= {
            "omc_id": list(table.texts("OMC_ID")),
            "source_id": list(table.texts("SOURCE_ID")),
            "v_mag": _nullable(table, "MAG_V"),
            "v_brightest_mag": _nullable(table, "MAG_MIN"),
            "v_faintest_mag": _nullable(table, "MAG_MAX"),
            "period_d": _nullable(table, "PERIOD"),
            "variability_type": list(table.texts("VARTYPE")),
            "point_count": table.numbers("N_POINTS").astype(int).tolist(),
        }
        return Content(
            rows=list(clean_rows(OmcRow, columns, bad)),
            findings=findings.finish(),
            simulated=headers.is_simulated(table.header),
        )


IBAS_COLUMNS = (
    "gcn_circular",
    "name",
    "trigger_time_utc",
    "ra_j2000_deg",
    "dec_j2000_deg",
    "err_90_arcmin",
    "duration_s",
    "peak_flux",
    "peak_flux_unit_per_cm2_s",
    "fluence_20_200_erg_cm2",
    "limit_flag",
)
_PEAK_UNITS = {"counts": "ct/(cm**2.s)", "ph": "ph/(cm**2.s)"}
_LIMITS = {"": "", "lower limit": ">", "upper limit": "<"}
_GRB = re.compile(r"GRB ?(\d{6}[A-Z]?)")


def recognise_ibas(probe: Probe) -> bool:
    """Say whether the header line is that of the list of IBAS bursts."""
    return set(IBAS_COLUMNS) <= set(probe.header_cells)


def read_ibas(path: Path) -> Content:
    """Read bursts found by IBAS in IBIS/ISGRI, reduced from GCN circulars; catalogue version ``IBAS``."""
    findings = Findings()
    kept: list[tuple[Line, dict[str, Any], float]] = []
    for line in csv_lines(path, IBAS_COLUMNS, findings):
        ra, dec = line.position_required("ra_j2000_deg", "dec_j2000_deg")
        name = _GRB.fullmatch(line.text("name"))
        if name is None:
            line.fail(
                "IDENTIFIER",
                "the name of the burst is not GRB yymmddX",
                "name",
                found=repr(line.text("name")),
                expected="GRB 140320B",
            )
        unit, flag = line.text("peak_flux_unit_per_cm2_s"), line.cells["limit_flag"].strip()
        if unit and unit not in _PEAK_UNITS:
            line.fail(
                "UNIT-UNKNOWN",
                "the unit of the peak flux is unknown",
                "peak_flux_unit_per_cm2_s",
                found=repr(unit),
                expected="counts or ph",
            )
        if flag not in _LIMITS:
            line.fail(
                "LIMIT-FLAG",
                "the limit flag is unknown",
                "limit_flag",
                found=repr(flag),
                expected="blank, lower limit or upper limit",
            )
        error = line.number_or_none("err_90_arcmin", 0.0, 10800.0, "arcmin")
        try:
            start = mjd_utc_from_iso(line.text("trigger_time_utc"))
        except UsageError as problem:
            line.fail("TIME-UTC", str(problem), "trigger_time_utc", found=line.text("trigger_time_utc"))
            continue
        values: dict[str, Any] = {
            "catalogue_version": "IBAS",
            "name": f"GRB {name[1]}" if name else "",
            "instrument": "isgri",
            "ra": ra,
            "dec": dec,
            "error_radius_deg": None if error is None else error / 60.0,
            "duration_s": line.number_or_none("duration_s", 0.0, 1e6, "s"),
            "peak_flux": line.number_or_none("peak_flux", 0.0),
            "peak_flux_unit": _PEAK_UNITS.get(unit, ""),
            "fluence_20_200_erg_cm2": line.number_or_none("fluence_20_200_erg_cm2", 0.0),
            "fluence_limit_flag": _LIMITS.get(flag, ""),
            "gcn_circular": line.integer_or_none("gcn_circular", 1, 10**6),
        }
        kept.append((line, values, start))
    triggers = mjd_tt_from_mjd_utc([start for *_, start in kept]).tolist()
    for (line, *_), trigger in zip(kept, triggers, strict=True):
        line.mission_time(trigger, "trigger_time_utc")
    rows = [
        GrbRow(trigger_mjd_tt=trigger, **values)
        for (line, values, _), trigger in zip(kept, triggers, strict=True)
        if line.usable
    ]
    return Content(rows=list(rows), findings=findings.finish())
