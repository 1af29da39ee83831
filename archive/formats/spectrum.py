"""OGIP spectra with their channels, under OGIP's names and under OSA's.

Reference: OGIP 92-007.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from archive.formats import headers
from archive.formats.container import AnyHdu, FitsFile, open_fits
from archive.formats.findings import Finding, refuse
from archive.formats.ogip import check_good_times, check_spectrum, poisson_errors
from archive.formats.response import IntArray, find_hdus, read_channel_bounds, read_columns, require_hdu
from archive.formats.timeseries import column

FloatArray = NDArray[np.float64]


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
    index = require_hdu(file, "SPECTRUM", "SPECTRUM-NONE")
    hdu, label, header = file.hdus[index], file.label(index), file.hdus[index].header
    names = {name.upper(): name for name in hdu.columns.names}
    _refuse_type_two(hdu, names, label)
    findings: list[Finding] = [*check_spectrum(hdu, label), *check_good_times(file)]
    others = find_hdus(file, "SPECTRUM")[1:]
    if others:
        findings.append(
            Finding(
                "SPECTRUM-SEVERAL",
                "error",
                "the file holds several spectra, and a product is made of one",
                hdu=file.label(others[0]),
                found=f"{len(others) + 1} HDUs with a spectrum",
                expected="one",
                fix="Write each spectrum to a file of its own.",
            )
        )
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
        data = read_columns(file, index, ("CHANNEL", "RATE", "STAT_ERR"))
        rate, error = data["RATE"], data["STAT_ERR"]
        _check_rate_unit(hdu.columns[names["RATE"]].unit, label, findings)
    elif "STAT_ERR" not in names and poisson_errors(header):
        data = read_columns(file, index, ("CHANNEL", "COUNTS"))
        rate, error = data["COUNTS"] / exposure, np.sqrt(np.maximum(data["COUNTS"], 0.0)) / exposure
        findings.append(_poisson_finding(headers.instrument_of(header), label))
    else:
        data = read_columns(file, index, ("CHANNEL", "COUNTS", "STAT_ERR"))
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


def _refuse_type_two(hdu: AnyHdu, names: dict[str, str], label: str) -> None:
    """Refuse a type II file, which has one spectrum a row (OGIP 92-007a)."""
    value = next((names[name] for name in ("COUNTS", "RATE") if name in names), None)
    if value is not None and hdu.data[value].ndim > 1:
        raise refuse(
            "SPECTRUM-TYPE-2",
            "the file has one spectrum a row (OGIP type II)",
            hdu=label,
            column=value,
            found=f"{len(hdu.data)} rows of {hdu.data[value].shape[1]} channels",
            expected="one row for each channel (type I)",
            fix="Write each spectrum to a file of its own, for example with cmppha.",
        )


def _poisson_finding(instrument: str | None, label: str) -> Finding:
    message = "errors are the square root of the counts, as POISSERR says"
    if instrument is None or instrument == "omc":
        return Finding("STAT-ERR", "info", message, hdu=label, column="STAT_ERR", found="POISSERR = T, no STAT_ERR")
    return Finding(
        "STAT-ERR",
        "error",
        "a spectrum behind a coded mask needs the errors of its extraction, not the square root of the counts",
        hdu=label,
        column="STAT_ERR",
        found="POISSERR = T, no STAT_ERR",
        expected="STAT_ERR and POISSERR = F",
        fix="Write the errors that the extraction gave.",
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
