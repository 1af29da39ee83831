"""Source lists of OSA: what ISGRI and JEM-X imaging found in a science window, a mosaic or an observation.

Layouts follow the JEM-X user manual of OSA 11 (tables of JMXi-SRCL-RES and JMXi-OBS.-RES) and the published source of
ISGRI's `ii_skyimage`. A list of one band holds one flux a row and its band in the header; a list of several holds
vectors E_MIN, E_MAX, FLUX and FLUX_ERR, filled up with 0. New sources are called NEW_1, NEW_2, ... and have no RA_OBJ.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from archive.errors import UsageError
from archive.formats import headers
from archive.formats.container import open_fits
from archive.formats.findings import refuse
from archive.identifiers import parse_scw_id
from archive.times import MISSION_START_MJD_TT, MISSION_STOP_MJD_TT
from ingestion.cells import Findings, check_columns
from ingestion.content import Content, DetectionPart, Probe
from ingestion.profiles.checks import BoolArray, FloatArray, check_filled, check_ids, check_range, note_rows
from ingestion.profiles.reference_catalogue import parse_source_id

NAME = "detections"
_EXTNAME = re.compile(r"(ISGR|JMX1|JMX2)-([A-Z.]{4})-RES")
_INSTRUMENTS = {"ISGR": "isgri", "JMX1": "jemx1", "JMX2": "jemx2"}
_ONE_BAND = {"SKY.", "MOSA"}
"""Lists whose DETSIG is of the very flux beside it; the others combine bands and science windows (`ii_skyimage`)."""
_RATES = ("ct/s", "ct/(cm**2.s)", "ph/(cm**2.s)")
_NEW = re.compile(r"NEW_\d{1,4}")
_LEAST_DIFFERENCE_SIGMA = 2.0
"""DETSIG is read off the significance map, FLUX fitted: they agree to tens of per cent, and less near the noise."""

_LEAST_MEAN = 1e-6

Bands = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class _List:
    """One table of a file: its bands, rows, unidentified sources, and the places of what was found (ICRS degrees)."""

    bands: Bands
    rows: int
    new: int
    ra: FloatArray
    dec: FloatArray
    start_mjd_tt: float | None
    stop_mjd_tt: float | None
    scw_id: str


def recognise(probe: Probe) -> bool:
    """Say whether there is a table with OSA's name of a source list and columns of fluxes or significances."""
    return any(
        hdu.kind == "BINTABLE" and _EXTNAME.fullmatch(hdu.name) and {"FLUX", "DETSIG"} & probe.columns(hdu.name)
        for hdu in probe.hdus
    )


def read(path: Path) -> Content:
    """Read a file of source lists, one table for each band or one for all.

    Raises
    ------
    FormatError
        ``HDU-MISSING``, ``DETECTION-MIXED``, ``INSTRUMENT``, ``COLUMN-MISSING``, ``COLUMN-TYPE``, ``UNIT-WRONG``,
        ``DETECTION-BANDS``, ``BAND-WRONG``, or ``SKY-FRAME``.
    """
    findings = Findings()
    with open_fits(path) as file:
        findings.extend(file.findings)
        held: list[tuple[Any, str]] = [
            (hdu, file.label(index))
            for index, hdu in enumerate(file.hdus)
            if isinstance(hdu, fits.BinTableHDU) and _EXTNAME.fullmatch(hdu.name)
        ]
        if not held:
            found = ", ".join(hdu.name for hdu in file.hdus)
            raise refuse(
                "HDU-MISSING", "there is no source list of OSA", found=found, expected="ISGR-MOSA-RES or alike"
            )
        first, label = held[0]
        names = sorted({hdu.name for hdu, _ in held})
        if len(names) > 1:
            message = "source lists of different kinds lie in one file"
            raise refuse("DETECTION-MIXED", message, hdu=label, found=", ".join(names), expected="one kind")
        instrument, kind = _kind_of(first, label)
        lists = [_read_list(hdu, kind, label, findings) for hdu, label in held]
        if not any(one.rows for one in lists):
            findings.add("DETECTION-NONE", "info", "no source was found", hdu=label, found="0 rows")
        ra, dec, size = _middle(lists)
        exposures = [value for hdu, _ in held if (value := headers.number(hdu.header, "EXPOSURE")) is not None]
        scws = {one.scw_id for one in lists}
        if len(scws) > 1:
            message, found = "the lists of the file are of different science windows", ", ".join(sorted(scws))[:200]
            findings.add("DETECTION-ORIGIN", "warning", message, hdu=label, column="SWID", found=found, expected="one")
        part = DetectionPart(
            extname=first.name,
            instrument=instrument,
            bands=tuple(dict.fromkeys(band for one in lists for band in one.bands)),
            list_count=len(lists),
            row_count=sum(one.rows for one in lists),
            new_count=sum(one.new for one in lists),
            columns=tuple((column.name, headers.vounit(column.unit) or "") for column in first.columns),
            scw_id=scws.pop() if len(scws) == 1 else "",
            tstart_mjd_tt=min((one.start_mjd_tt for one in lists if one.start_mjd_tt is not None), default=None),
            tstop_mjd_tt=max((one.stop_mjd_tt for one in lists if one.stop_mjd_tt is not None), default=None),
            exposure_s=max(exposures, default=None),
            ra=ra,
            dec=dec,
            field_of_view_deg=size,
            created_at=headers.text(first.header, "DATE") or "",
            software=headers.text(first.header, "CREATOR") or "",
            simulated=headers.is_simulated(first.header),
        )
        return Content(part=part, findings=findings.finish(), simulated=part.simulated)


def _kind_of(hdu: Any, label: str) -> tuple[str, str]:
    """Return instrument and kind of list from EXTNAME; INSTRUME may be blank, but must not say another."""
    prefix, kind, _ = hdu.name.split("-")
    instrument, stated = _INSTRUMENTS[prefix], headers.text(hdu.header, "INSTRUME")
    bare = stated == "IBIS" and headers.text(hdu.header, "DETNAM") is None and instrument == "isgri"
    if stated and not bare and headers.instrument_of(hdu.header) != instrument:
        message = "INSTRUME and EXTNAME name different instruments"
        raise refuse("INSTRUMENT", message, hdu=label, column="INSTRUME", found=stated, expected=instrument)
    return instrument, kind


def _read_list(hdu: Any, kind: str, label: str, findings: Findings) -> _List:
    names = list(hdu.columns.names)
    place = ("RA_FIN", "DEC_FIN") if "RA_FIN" in names else ("RA_OBJ", "DEC_OBJ")
    check_columns(names, ("NAME", "SOURCE_ID", *place, "FLUX", "FLUX_ERR", "DETSIG"), label)
    scw_id, start, stop = _origin(hdu, names, label, findings)
    if not len(hdu.data):
        return _List(_stated_band(hdu, label, findings), 0, 0, np.array([]), np.array([]), start, stop, scw_id)
    flux = _numbers(hdu, "FLUX", _RATES, label, findings)
    error = _numbers(hdu, "FLUX_ERR", _RATES, label, findings)
    significance = _numbers(hdu, "DETSIG", ("",), label, findings)
    if {"E_MIN", "E_MAX"} <= set(names):
        bands = _row_bands(hdu, flux, label, findings)
    else:
        bands = _stated_band(hdu, label, findings)
    _check_numbers({"FLUX": flux, "FLUX_ERR": error, "DETSIG": significance}, label, findings)
    _check_limits(flux, error, kind, label, findings)
    if kind in _ONE_BAND and flux.shape == error.shape == significance.shape:
        _check_significance(flux, error, significance, label, findings)
    ids = _check_names(hdu, label, findings)
    ra, dec = _places(hdu, place, _rows(significance > 0), label, findings)
    new = sum(_NEW.fullmatch(one) is not None for one in ids)
    return _List(bands, len(hdu.data), new, ra, dec, start, stop, scw_id)


def _numbers(hdu: Any, name: str, units: tuple[str, ...], label: str, findings: Findings) -> FloatArray:
    """Return a column of numbers or of vectors as float64, shape (rows, numbers a row), its unit checked."""
    values, spelling = hdu.data[name], str(hdu.columns[name].unit or "").strip()
    if values.dtype.kind not in "iuf":
        message, found = "the column must hold numbers", f"TFORM {hdu.columns[name].format}"
        raise refuse("COLUMN-TYPE", message, hdu=label, column=name, found=found, expected="number")
    if units[0] and not spelling:
        message = "the column has no unit"
        findings.add("UNIT-ABSENT", "warning", message, hdu=label, column=name, found="no TUNIT", expected=units[0])
    elif headers.vounit(spelling) not in units:
        message, expected = "the unit is not one of this column", " or ".join(units) or "none"
        raise refuse("UNIT-WRONG", message, hdu=label, column=name, found=repr(spelling), expected=expected)
    return np.asarray(values, dtype=np.float64).reshape(len(values), -1)


def _origin(hdu: Any, names: list[str], label: str, findings: Findings) -> tuple[str, float | None, float | None]:
    """Return science window and times that the header states, or the times of the rows; '' and None where unstated."""
    scw_id = headers.text(hdu.header, "SWID") or ""
    if scw_id:
        try:
            _ = parse_scw_id(scw_id)
        except UsageError as error:
            findings.add("IDENTIFIER", "error", str(error), hdu=label, column="SWID", found=repr(scw_id))
            scw_id = ""
    start, stop = headers.span_mjd_tt(hdu.header)
    if start is None and len(hdu.data) and {"TSTART", "TSTOP"} <= set(names):
        scale = headers.time_scale(hdu.header)
        times = {name: _numbers(hdu, name, ("d",), label, findings)[:, 0] for name in ("TSTART", "TSTOP")}
        start, stop = (
            scale.zero_mjd_tt + float(times["TSTART"].min()),
            scale.zero_mjd_tt + float(times["TSTOP"].max()),
        )
    for column, value in (("TSTART", start), ("TSTOP", stop)):
        if value is not None and not MISSION_START_MJD_TT <= value <= MISSION_STOP_MJD_TT:
            expected = f"MJD(TT) {MISSION_START_MJD_TT:g} to {MISSION_STOP_MJD_TT:g}"
            message, found = "the time is outside the mission", f"MJD(TT) {value:.5f}"
            findings.add("TIME-MISSION", "error", message, hdu=label, column=column, found=found, expected=expected)
    if start is not None and stop is not None and not start <= stop:
        found = f"{start} to {stop}"
        findings.add("TIME-SPAN", "error", "TSTOP is before TSTART", hdu=label, column="TSTOP", found=found)
    if not scw_id and start is None and "SWID" not in names:
        message = "the list says neither of which science window nor of which time it is"
        findings.add("DETECTION-ORIGIN", "warning", message, hdu=label, column="SWID, TSTART, TSTOP")
    return scw_id, start, stop


def _stated_band(hdu: Any, label: str, findings: Findings) -> Bands:
    low, high = headers.number(hdu.header, "E_MIN"), headers.number(hdu.header, "E_MAX")
    place, expected = "E_MIN, E_MAX", "0 < E_MIN < E_MAX (keV)"
    if low is None or high is None:
        message = "the energy band of the list is not stated"
        findings.add("BAND-ABSENT", "warning", message, hdu=label, column=place, expected=expected)
        return ()
    if not 0 < low < high:
        message = "the energy band is impossible"
        raise refuse("BAND-WRONG", message, hdu=label, column=place, found=f"{low}, {high}", expected=expected)
    return ((low, high),)


def _row_bands(hdu: Any, flux: FloatArray, label: str, findings: Findings) -> Bands:
    """Return the bands of a list with vectors; places with E_MAX = 0 fill the vectors up and hold no band."""
    low, high = (_numbers(hdu, name, ("keV",), label, findings) for name in ("E_MIN", "E_MAX"))
    if not low.shape == high.shape == flux.shape:
        found = f"{low.shape[1]}, {high.shape[1]}, {flux.shape[1]} numbers a row"
        message = "bands and fluxes differ in number"
        raise refuse("DETECTION-BANDS", message, hdu=label, column="E_MIN, E_MAX, FLUX", found=found)
    used = ~((high == 0) | np.isnan(high))
    wrong, stray = used & ~((low > 0) & (low < high)), ~used & ~((flux == 0) | np.isnan(flux))
    message, expected = "the energy band is impossible", "0 < E_MIN < E_MAX (keV)"
    place, shown = (label, "E_MIN"), _first_in_row(wrong, low)
    _ = note_rows(findings, _rows(wrong), "BAND-WRONG", message, place=place, found=shown, expected=expected)
    message, expected = "a flux has no band", "E_MIN and E_MAX beside each flux"
    place, shown = (label, "FLUX"), _first_in_row(stray, flux)
    _ = note_rows(findings, _rows(stray), "DETECTION-BANDS", message, place=place, found=shown, expected=expected)
    kinds = {tuple(zip(a[u].tolist(), b[u].tolist(), strict=True)) for a, b, u in zip(low, high, used, strict=True)}
    bands = [band for one in sorted(kinds) for band in one]
    if len(kinds) > 1 or len(set(bands)) < len(bands):
        message = "the rows have different bands, or a band occurs twice"
        found = f"{len(kinds)} sets of bands, {len(bands)} bands"
        findings.add("DETECTION-BANDS", "warning", message, hdu=label, column="E_MIN, E_MAX", found=found)
    return tuple(dict.fromkeys(bands))


def _first_in_row(bad: BoolArray, values: FloatArray) -> FloatArray:
    """Return of each row the number that stands where `bad` is first true."""
    return values[np.arange(len(values)), bad.argmax(axis=1)]


def _rows(bad: BoolArray) -> BoolArray:
    """Return of each row whether any of its numbers is marked."""
    return np.asarray(bad.any(axis=1))


def _check_numbers(columns: dict[str, FloatArray], label: str, findings: Findings) -> None:
    """Check that numbers are finite or NaN, and that errors are not negative."""
    for name, values in columns.items():
        bad, message, expected = np.isinf(values), "the number is not finite", "a number, or NaN for none"
        place, shown = (label, name), _first_in_row(bad, values)
        _ = note_rows(findings, _rows(bad), "CELL-FINITE", message, place=place, found=shown, expected=expected)
    bad, place = columns["FLUX_ERR"] < 0, (label, "FLUX_ERR")
    shown = _first_in_row(bad, columns["FLUX_ERR"])
    message = "the error is negative"
    _ = note_rows(findings, _rows(bad), "ERROR-NEGATIVE", message, place=place, found=shown, expected=">= 0")


def _check_limits(flux: FloatArray, error: FloatArray, kind: str, label: str, findings: Findings) -> None:
    """Say how many fluxes have no error: in ISGR-SRCL-RES these are upper limits from the map, never measurements."""
    if flux.shape != error.shape:
        found = f"{flux.shape[1]} and {error.shape[1]} numbers a row"
        message = "fluxes and errors differ in number"
        raise refuse("DETECTION-BANDS", message, hdu=label, column="FLUX, FLUX_ERR", found=found)
    bad = (flux > 0) & ((error == 0) | np.isnan(error))
    if not bad.any():
        return
    row = int(np.flatnonzero(bad.any(axis=1))[0])
    severity = "warning" if kind in _ONE_BAND else "info"
    message = f"{int(bad.sum())} fluxes have no error: OSA's list of an observation has upper limits from the map there"
    found = f"{_first_in_row(bad, flux)[row]:g} with error 0"
    findings.add("DETECTION-LIMIT", severity, message, hdu=label, column="FLUX_ERR", row=row + 1, found=found)


def _check_significance(
    flux: FloatArray, error: FloatArray, significance: FloatArray, label: str, findings: Findings
) -> None:
    """Compare DETSIG with FLUX / FLUX_ERR in lists of one band."""
    use = (error > 0) & np.isfinite(flux) & np.isfinite(significance)
    ratio = np.divide(flux, error, out=np.full_like(flux, np.nan), where=use)
    apart = np.abs(np.where(use, significance, np.nan) - ratio) > _LEAST_DIFFERENCE_SIGMA
    bad = np.flatnonzero((apart & ((significance > 2 * ratio) | (ratio > 2 * significance))).any(axis=1))
    if len(bad):
        row = int(bad[0])
        message = f"{len(bad)} significances differ from flux / error by more than a factor 2, the first shown"
        found, expected = f"{significance[row, 0]:.2f}", f"about {ratio[row, 0]:.2f}"
        place = {"hdu": label, "column": "DETSIG", "row": row + 1, "count": len(bad)}
        findings.add("DETECTION-SIGNIFICANCE", "warning", message, found=found, expected=expected, **place)


def _check_names(hdu: Any, label: str, findings: Findings) -> list[str]:
    """Check names and identifiers of the rows; return the source ids."""
    texts = {
        name: [str(value).strip() for value in hdu.data[name]]
        for name in ("NAME", "SOURCE_ID", "SWID")
        if name in hdu.columns.names
    }
    _ = check_filled(texts["NAME"], "NAME", label, findings)
    if "SWID" in texts:
        _ = check_ids(texts["SWID"], parse_scw_id, "SWID", label, findings)
    odd = [row for row, text in enumerate(texts["SOURCE_ID"]) if not (_NEW.fullmatch(text) or _is_source_id(text))]
    if odd:
        message = f"{len(odd)} source ids are neither of the reference catalogue nor of a new source, the first shown"
        found, expected = repr(texts["SOURCE_ID"][odd[0]]), "for example J053432.0+220052 or NEW_1"
        place = {"hdu": label, "column": "SOURCE_ID", "row": odd[0] + 1, "count": len(odd)}
        findings.add("DETECTION-ID", "warning", message, found=found, expected=expected, **place)
    return texts["SOURCE_ID"]


def _is_source_id(text: str) -> bool:
    try:
        _ = parse_source_id(text)
    except UsageError:
        return False
    return True


def _places(
    hdu: Any, place: tuple[str, str], detected: BoolArray, label: str, findings: Findings
) -> tuple[FloatArray, FloatArray]:
    """Check the positions; return those of what was detected, ICRS degrees. New sources have no RA_OBJ (NaN)."""
    names = dict.fromkeys(("RA_OBJ", "DEC_OBJ", *place))
    held = {name: _numbers(hdu, name, ("deg",), label, findings)[:, 0] for name in names if name in hdu.columns.names}
    bad = np.zeros(len(hdu.data), dtype=bool)
    for name, values in held.items():
        low, high = (0.0, 360.0) if name.startswith("RA") else (-90.0, 90.0)
        bad |= check_range(values, low, high, name, label, findings, missing=True)
    ra, dec = held[place[0]], held[place[1]]
    absent, message = detected & (np.isnan(ra) | np.isnan(dec)), "a source was detected and has no position"
    where = (label, ", ".join(place))
    _ = note_rows(findings, absent, "CELL-MISSING", message, place=where, found=ra, expected="degrees")
    # `ii_skyimage` leaves 0, 0 where a source of its catalogue was never found and DETSIG is that of the map.
    use = detected & ~absent & ~bad & ~((ra == 0) & (dec == 0))
    if headers.frame_of(hdu.header) == "icrs":
        return ra[use], dec[use]
    return headers.icrs_from_fk5(ra[use], dec[use])


def _middle(lists: list[_List]) -> tuple[float | None, float | None, float | None]:
    """Return the middle of the places of all detections and the diameter around it that holds several, degrees."""
    ra, dec = (np.radians(np.concatenate(values)) for values in zip(*((one.ra, one.dec) for one in lists), strict=True))
    if not len(ra):
        return None, None, None
    vectors = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    mean = vectors.mean(axis=1)
    length = float(np.linalg.norm(mean))
    if length < _LEAST_MEAN:  # all over the sky: no middle
        return None, None, None
    mean /= length
    size = float(2 * np.degrees(np.arccos(np.clip(mean @ vectors, -1.0, 1.0)).max())) if len(ra) > 1 else None
    return float(np.degrees(np.arctan2(mean[1], mean[0])) % 360), float(np.degrees(np.arcsin(mean[2]))), size
