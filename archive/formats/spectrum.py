"""OGIP spectra with their effective areas and responses, under OGIP's names and under OSA's.

References: OGIP 92-007 (spectra), CAL/GEN/92-002 (ARF, RMF).
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from archive.formats import headers
from archive.formats.container import FitsFile, open_fits
from archive.formats.findings import Finding, refuse
from archive.formats.timeseries import column

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_CM2_PER_UNIT = {"cm**2": 1.0, "dm**2": 100.0, "": 1.0}


@dataclass(frozen=True, slots=True)
class Spectrum:
    """One spectrum; arrays are 1-D over channels.

    Parameters
    ----------
    channel
        Channel numbers as in the file.
    energy_min_kev, energy_max_kev
        Channel boundaries from the response's EBOUNDS; NaN where no response was given.
    rate, error
        count s-1 per channel and one-sigma error; NaN where the file holds NaN, inf or a bad channel.
    systematic_error
        Fraction of the rate (SYS_ERR), 0 where absent.
    quality
        0 good, others bad (OGIP 92-007, 3.1.2).
    response_file, area_file
        Names in RESPFILE and ANCRFILE without a leading ``./``; None when NONE.
    tstart_mjd_tt, tstop_mjd_tt
        MJD TT, None where the file leaves its template words.
    """

    hdu: str
    source_name: str | None
    ra: float | None
    dec: float | None
    instrument: str | None
    channel: IntArray
    energy_min_kev: FloatArray
    energy_max_kev: FloatArray
    rate: FloatArray
    error: FloatArray
    systematic_error: FloatArray
    quality: IntArray
    exposure_s: float
    tstart_mjd_tt: float | None
    tstop_mjd_tt: float | None
    revolution: int | None
    response_file: str | None
    area_file: str | None
    software: str | None
    simulated: bool
    findings: tuple[Finding, ...]

    def __len__(self) -> int:
        return len(self.channel)


@dataclass(frozen=True, slots=True)
class Response:
    """A redistribution matrix: `matrix` is (n_energy, n_channel), dimensionless (or cm2 when it includes the area)."""

    energy_low_kev: FloatArray
    energy_high_kev: FloatArray
    matrix: NDArray[np.float32]
    channel: IntArray
    channel_min_kev: FloatArray
    channel_max_kev: FloatArray
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class EffectiveArea:
    """An ARF: area in cm2 on an energy grid in keV."""

    energy_low_kev: FloatArray
    energy_high_kev: FloatArray
    area_cm2: FloatArray
    findings: tuple[Finding, ...]


def _class_of(hdu: fits.hdu.base.ExtensionHDU) -> str:
    """Return SPECTRUM, RSP_MATRIX, EBOUNDS, SPECRESP or '' by HDUCLASn, else by name (OGIP or OSA)."""
    if not isinstance(hdu, fits.BinTableHDU):
        return ""
    first, second = headers.text(hdu.header, "HDUCLAS1") or "", headers.text(hdu.header, "HDUCLAS2") or ""
    if first == "SPECTRUM":
        return "SPECTRUM"
    if first == "RESPONSE" and second in {"RSP_MATRIX", "EBOUNDS", "SPECRESP"}:
        return second
    name = hdu.name.upper()
    if name == "SPECTRUM" or name.endswith("-SPE"):
        return "SPECTRUM"
    if name in {"MATRIX", "SPECRESP MATRIX"} or name.endswith("RMF.-RSP"):
        return "RSP_MATRIX"
    if name == "EBOUNDS" or "-EBDS-" in name:
        return "EBOUNDS"
    return "SPECRESP" if name == "SPECRESP" or name.endswith("ARF.-RSP") else ""


def find_hdu(file: FitsFile, wanted: str) -> int | None:
    """Return the index of the first HDU of a class (SPECTRUM, RSP_MATRIX, EBOUNDS, SPECRESP), or None."""
    return next((index for index, hdu in enumerate(file.hdus) if _class_of(hdu) == wanted), None)


def _require(file: FitsFile, wanted: str, rule: str) -> int:
    index = find_hdu(file, wanted)
    if index is None:
        held = ", ".join(hdu.name or "PRIMARY" for hdu in file.hdus)
        raise refuse(
            rule, f"no HDU is of class {wanted}", found=held, expected=f"HDUCLASn = {wanted} or its usual name"
        )
    return index


def _columns(file: FitsFile, index: int, wanted: tuple[str, ...]) -> dict[str, FloatArray]:
    hdu = file.hdus[index]
    names = {name.upper(): name for name in hdu.columns.names}
    for name in wanted:
        if name not in names:
            raise refuse(
                "COLUMN-MISSING",
                f"column {name} is missing",
                hdu=file.label(index),
                column=name,
                found=", ".join(names),
                expected=name,
            )
    return {name: column(hdu, names[name], file.label(index)) for name in wanted}


def read_spectrum(path: Path, rmf: Path | None = None) -> Spectrum:
    """Read a spectrum; with `rmf` its channels get energies.

    Raises
    ------
    FormatError
        When a file is damaged, is not a spectrum, or spectrum and response have different channels.
    """
    with open_fits(path) as file:
        spectrum = spectrum_in(file)
    return spectrum if rmf is None else with_energies(spectrum, read_channel_bounds(rmf))


def spectrum_in(file: FitsFile) -> Spectrum:
    """Read the spectrum of an open file; raises as `read_spectrum`."""
    index = _require(file, "SPECTRUM", "SPECTRUM-NONE")
    hdu, label, header = file.hdus[index], file.label(index), file.hdus[index].header
    names = {name.upper(): name for name in hdu.columns.names}
    findings: list[Finding] = []
    exposure = headers.number(header, "EXPOSURE")
    if exposure is None or exposure <= 0:
        raise refuse(
            "EXPOSURE",
            "the exposure must be positive",
            hdu=label,
            column="EXPOSURE",
            found=repr(header.get("EXPOSURE")),
            expected="> 0 s",
        )
    if "RATE" in names:
        data = _columns(file, index, ("CHANNEL", "RATE", "STAT_ERR"))
        rate, error = data["RATE"], data["STAT_ERR"]
        _check_rate_unit(hdu.columns[names["RATE"]].unit, label, findings)
    else:
        data = _columns(file, index, ("CHANNEL", "COUNTS", "STAT_ERR"))
        rate, error = data["COUNTS"] / exposure, data["STAT_ERR"] / exposure
    quality = (
        column(hdu, names["QUALITY"], label).astype(np.int64) if "QUALITY" in names else np.zeros(len(rate), np.int64)
    )
    systematic = column(hdu, names["SYS_ERR"], label) if "SYS_ERR" in names else np.zeros(len(rate))
    unusable = ~(np.isfinite(rate) & np.isfinite(error))
    if (wrong := int((unusable & (quality == 0)).sum())) > 0:
        findings.append(
            Finding(
                "VALUE-NAN",
                "warning",
                f"{wrong} channels marked good hold no number; they are kept as missing",
                hdu=label,
                column="RATE",
            )
        )
    if (error[~unusable] < 0).any():
        row = int(np.flatnonzero(error < 0)[0])
        raise refuse(
            "ERROR-NEGATIVE",
            "an error is negative",
            hdu=label,
            column="STAT_ERR",
            row=row + 1,
            found=str(error[row]),
            expected=">= 0",
        )
    channel = data["CHANNEL"].astype(np.int64)
    if len(channel) and (np.diff(channel) != 1).any():
        raise refuse(
            "CHANNELS",
            "the channels are not contiguous",
            hdu=label,
            column="CHANNEL",
            found=f"{channel[:5].tolist()}...",
            expected="steps of 1",
        )
    detchans = headers.number(header, "DETCHANS")
    if detchans is not None and int(detchans) != len(channel):
        findings.append(
            Finding(
                "DETCHANS",
                "warning",
                "DETCHANS is not the number of channels",
                hdu=label,
                column="DETCHANS",
                found=f"{int(detchans)}",
                expected=f"{len(channel)}",
            )
        )
    start, stop = headers.span_mjd_tt(header)
    if start is None or stop is None:
        findings.append(
            Finding(
                "TIME-SPAN",
                "warning",
                "TSTART and TSTOP are not filled in",
                hdu=label,
                column="TSTART",
                found=repr(header.get("TSTART")),
                expected="IJD",
            )
        )
    elif stop <= start:
        findings.append(
            Finding(
                "TIME-SPAN",
                "warning",
                "TSTOP is not later than TSTART: the span is unknown",
                hdu=label,
                column="TSTOP",
                found=f"{start} to {stop} (MJD TT)",
            )
        )
        stop = None
    name, ra, dec = headers.object_of(header)
    unknown = np.full(len(rate), np.nan)
    revolution = headers.number(header, "REVOL")
    return Spectrum(
        hdu=label,
        source_name=name,
        ra=ra,
        dec=dec,
        instrument=headers.instrument_of(header),
        channel=channel,
        energy_min_kev=unknown,
        energy_max_kev=unknown,
        rate=np.where(unusable, np.nan, rate),
        error=np.where(unusable, np.nan, error),
        systematic_error=systematic,
        quality=quality,
        exposure_s=exposure,
        tstart_mjd_tt=start,
        tstop_mjd_tt=stop,
        revolution=None if revolution is None else int(revolution),
        response_file=_name(header, "RESPFILE"),
        area_file=_name(header, "ANCRFILE"),
        software=headers.text(header, "CREATOR"),
        simulated=headers.is_simulated(header),
        findings=tuple(findings),
    )


def _check_rate_unit(spelling: str | None, label: str, findings: list[Finding]) -> None:
    unit = headers.vounit(spelling)
    if unit == "" and not spelling:
        findings.append(
            Finding(
                "UNIT-ABSENT",
                "warning",
                "the rate has no unit; count/s is assumed (OGIP 92-007)",
                hdu=label,
                column="RATE",
                expected="count/s",
            )
        )
    elif unit != "ct/s":
        raise refuse(
            "UNIT-WRONG",
            "the unit of the rate is not that of a spectrum",
            hdu=label,
            column="RATE",
            found=repr(spelling),
            expected="count/s",
        )


def _name(header: fits.Header, keyword: str) -> str | None:
    value = headers.text(header, keyword)
    return None if value is None else value.removeprefix("./").split("[", 1)[0]


def read_channel_bounds(path: Path) -> tuple[IntArray, FloatArray, FloatArray]:
    """Return channel, E_MIN and E_MAX (keV) of the EBOUNDS table of a response.

    Raises
    ------
    FormatError
        ``RESPONSE-NONE`` when there is none, ``EBOUNDS`` when the energies do not rise.
    """
    with open_fits(path) as file:
        return _bounds_in(file)


def _bounds_in(file: FitsFile) -> tuple[IntArray, FloatArray, FloatArray]:
    index = _require(file, "EBOUNDS", "RESPONSE-NONE")
    data = _columns(file, index, ("CHANNEL", "E_MIN", "E_MAX"))
    low, high = data["E_MIN"], data["E_MAX"]
    wrong = np.flatnonzero(~((low >= 0) & (high > low)) | np.append(False, np.diff(low) <= 0))
    if len(wrong):
        row = int(wrong[0])
        raise refuse(
            "EBOUNDS",
            "channel energies do not rise",
            hdu=file.label(index),
            row=row + 1,
            column="E_MIN",
            found=f"{low[row]} to {high[row]}",
            expected="0 <= E_MIN < E_MAX (keV)",
        )
    return data["CHANNEL"].astype(np.int64), low, high


def with_energies(spectrum: Spectrum, bounds: tuple[IntArray, FloatArray, FloatArray]) -> Spectrum:
    """Return the spectrum with the energies of its channels.

    Raises
    ------
    FormatError
        ``CHANNELS`` when the response has other channels than the spectrum.
    """
    channel, low, high = bounds
    if len(channel) != len(spectrum):
        raise refuse(
            "CHANNELS",
            "spectrum and response have different numbers of channels",
            found=f"{len(spectrum)} and {len(channel)}",
            expected="the same",
        )
    if not np.array_equal(channel, spectrum.channel):
        offset = Finding(
            "CHANNELS",
            "warning",
            "spectrum and response number their channels differently; matched in order",
            found=f"{spectrum.channel[0]} and {channel[0]}",
        )
        return replace(spectrum, energy_min_kev=low, energy_max_kev=high, findings=(*spectrum.findings, offset))
    return replace(spectrum, energy_min_kev=low, energy_max_kev=high)


def read_effective_area(path: Path) -> EffectiveArea:
    """Read an ARF; dm2 become cm2.

    Raises
    ------
    FormatError
        ``ARF-NONE``, ``UNIT-WRONG``, ``ENERGY-GRID`` or ``AREA-NEGATIVE``.
    """
    with open_fits(path) as file:
        return effective_area_in(file)


def effective_area_in(file: FitsFile) -> EffectiveArea:
    """Read the ARF of an open file; raises as `read_effective_area`."""
    index = _require(file, "SPECRESP", "ARF-NONE")
    data = _columns(file, index, ("ENERG_LO", "ENERG_HI", "SPECRESP"))
    label = file.label(index)
    spelling = file.hdus[index].columns["SPECRESP"].unit
    factor = _CM2_PER_UNIT.get(headers.vounit(spelling) if headers.vounit(spelling) is not None else "?")
    if factor is None:
        raise refuse(
            "UNIT-WRONG",
            "the unit of the effective area is not an area",
            hdu=label,
            column="SPECRESP",
            found=repr(spelling),
            expected="cm**2",
        )
    findings = (
        (
            Finding(
                "UNIT-ABSENT",
                "info",
                "the area has no unit; cm2 is assumed (CAL/GEN/92-002)",
                hdu=label,
                column="SPECRESP",
            ),
        )
        if not spelling
        else ()
    )
    _check_grid(data["ENERG_LO"], data["ENERG_HI"], label)
    if (data["SPECRESP"] < 0).any():
        row = int(np.flatnonzero(data["SPECRESP"] < 0)[0])
        raise refuse(
            "AREA-NEGATIVE",
            "an effective area is negative",
            hdu=label,
            row=row + 1,
            column="SPECRESP",
            found=str(data["SPECRESP"][row]),
            expected=">= 0 cm2",
        )
    return EffectiveArea(data["ENERG_LO"], data["ENERG_HI"], data["SPECRESP"] * factor, findings)


def _check_grid(low: FloatArray, high: FloatArray, label: str) -> None:
    wrong = np.flatnonzero(~(high > low) | np.append(False, np.diff(low) <= 0))
    if len(wrong):
        row = int(wrong[0])
        raise refuse(
            "ENERGY-GRID",
            "the energy grid does not rise",
            hdu=label,
            row=row + 1,
            column="ENERG_LO",
            found=f"{low[row]} to {high[row]}",
            expected="ENERG_LO < ENERG_HI, rising (keV)",
        )


def read_response(path: Path) -> Response:
    """Read an RMF with fixed or variable-length rows into a full matrix.

    Raises
    ------
    FormatError
        ``RESPONSE-NONE``, ``ENERGY-GRID``, ``EBOUNDS`` or ``RMF-GROUPS`` (N_GRP, F_CHAN, N_CHAN disagree).
    """
    with open_fits(path) as file:
        return response_in(file)


def response_in(file: FitsFile) -> Response:
    """Read the RMF of an open file; raises as `read_response`."""
    index = _require(file, "RSP_MATRIX", "RESPONSE-NONE")
    channel, channel_low, channel_high = _bounds_in(file)
    hdu, label = file.hdus[index], file.label(index)
    data = _columns(file, index, ("ENERG_LO", "ENERG_HI", "N_GRP"))
    _check_grid(data["ENERG_LO"], data["ENERG_HI"], label)
    first = _first_channel(hdu, channel)
    groups, starts, lengths, values = (hdu.data[name] for name in ("N_GRP", "F_CHAN", "N_CHAN", "MATRIX"))
    matrix = np.zeros((len(hdu.data), len(channel)), np.float32)
    for row in range(len(matrix)):
        at = 0
        row_starts, row_lengths, row_values = (
            np.atleast_1d(starts[row]),
            np.atleast_1d(lengths[row]),
            np.atleast_1d(values[row]),
        )
        for group in range(int(groups[row])):
            if group >= len(row_starts) or group >= len(row_lengths):
                raise refuse(
                    "RMF-GROUPS",
                    "N_GRP is larger than the lists of groups",
                    hdu=label,
                    row=row + 1,
                    column="N_GRP",
                    found=str(groups[row]),
                    expected=str(len(row_starts)),
                )
            begin, count = int(row_starts[group]) - first, int(row_lengths[group])
            if begin < 0 or count < 0 or begin + count > len(channel) or at + count > len(row_values):
                found = f"F_CHAN {int(row_starts[group])}, N_CHAN {count}, {len(row_values)} values"
                raise refuse(
                    "RMF-GROUPS",
                    "a group of the response leaves the channels",
                    hdu=label,
                    row=row + 1,
                    column="F_CHAN",
                    found=found,
                    expected=f"{len(channel)} channels from {first}",
                )
            matrix[row, begin : begin + count] = row_values[at : at + count]
            at += count
    findings = []
    if not np.isfinite(matrix).all():
        row = int(np.flatnonzero(~np.isfinite(matrix).all(axis=1))[0])
        raise refuse(
            "RMF-VALUES",
            "the response holds values that are not numbers",
            hdu=label,
            column="MATRIX",
            row=row + 1,
            expected="numbers >= 0",
        )
    if negative := int((matrix < 0).sum()):
        findings.append(
            Finding(
                "RMF-NEGATIVE",
                "warning",
                f"{negative} elements of the response are negative",
                hdu=label,
                column="MATRIX",
                found=f"down to {matrix.min():.3g}",
                expected=">= 0",
            )
        )
    peak = float(matrix.sum(axis=1).max(initial=0.0))
    if peak > 1.001:
        findings.append(
            Finding(
                "RMF-NORM",
                "info",
                "rows sum to more than 1: the matrix includes an efficiency or area",
                hdu=label,
                column="MATRIX",
                found=f"{peak:.3g}",
                expected="<= 1",
            )
        )
    return Response(data["ENERG_LO"], data["ENERG_HI"], matrix, channel, channel_low, channel_high, tuple(findings))


def _first_channel(hdu: fits.BinTableHDU, channel: IntArray) -> int:
    """Return the first channel as F_CHAN counts: TLMIN of F_CHAN, else that of EBOUNDS (CAL/GEN/92-002a)."""
    position = [name.upper() for name in hdu.columns.names].index("F_CHAN") + 1
    declared = headers.number(hdu.header, f"TLMIN{position}")
    return int(declared) if declared is not None else int(channel[0]) if len(channel) else 0
