"""What OGIP asks of the headers of spectra and light curves beyond the numbers that are read from them.

References: OGIP 92-007 (spectra), OGIP 93-003 (light curves and times), FITS 4.0.
"""

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from archive.errors import UsageError
from archive.formats import headers
from archive.formats.container import AnyHdu, FitsFile, is_table
from archive.formats.findings import Finding
from archive.times import SECONDS_PER_DAY, mjd_tt_from_utc

FloatArray = NDArray[np.float64]

SPECTRUM_KEYWORDS = (
    *("HDUCLASS", "HDUVERS", "TELESCOP", "INSTRUME", "FILTER", "AREASCAL", "BACKSCAL", "CORRSCAL"),
    *("BACKFILE", "CORRFILE", "RESPFILE", "ANCRFILE", "CHANTYPE", "POISSERR", "DETCHANS"),
)
_QUALITY = (0, 1, 2, 5)  # good, bad by software, dubious, set bad by user (OGIP 92-007, 3.1.2)
_GROUPING = (-1, 0, 1)
DATE_TOLERANCE_S = 1.0
_CORRECTIONS = ("BACKAPP", "DEADAPP", "VIGNAPP")
_BARYCENTRE = (("RADECSYS", "RADESYS"), ("PLEPHEM",), ("RA_OBJ", "RA"))


def poisson_errors(header: fits.Header) -> bool:
    """Return POISSERR: True where errors are the square root of the counts; a text ``True`` counts too."""
    value = header.get("POISSERR")
    return value is True or str(value).strip().upper() in {"T", "TRUE"}


def check_spectrum(hdu: AnyHdu, label: str) -> list[Finding]:
    """Check keywords and flags of a spectrum (OGIP 92-007, sections 3.1 and 4)."""
    header = hdu.header
    names = {name.upper(): name for name in hdu.columns.names}
    findings = _telescope(header, label)
    absent = [keyword for keyword in SPECTRUM_KEYWORDS if keyword not in header and keyword not in names]
    if absent:
        findings.append(
            Finding(
                "OGIP-KEYWORD",
                "warning",
                "keywords that OGIP 92-007 asks of every spectrum are not there",
                hdu=label,
                column=absent[0],
                found=f"no {', '.join(absent)}",
                expected="all of them; NONE for a file that does not exist, 1.0 for a scaling that was not done",
                fix="Add the keywords to the header of the spectrum.",
            )
        )
    if "POISSERR" in header and not isinstance(header["POISSERR"], bool):
        findings.append(
            Finding(
                "OGIP-LOGICAL",
                "warning",
                "POISSERR must be a logical value, a text may be taken for the opposite",
                hdu=label,
                column="POISSERR",
                found=repr(header["POISSERR"])[:60],
                expected="T or F without quotes",
                fix="Write the keyword as a FITS logical.",
            )
        )
    if {"COUNTS", "RATE"} <= names.keys():
        findings.append(
            Finding(
                "COUNTS-AND-RATE",
                "error",
                "the spectrum has both COUNTS and RATE, and nothing says which one holds",
                hdu=label,
                column="COUNTS",
                found="COUNTS and RATE",
                expected="one of them (OGIP 92-007, 3.1.1)",
                fix="Leave one column out.",
            )
        )
    for name, allowed in (("QUALITY", _QUALITY), ("GROUPING", _GROUPING)):
        if name in names:
            findings += _flags(np.asarray(hdu.data[names[name]]), name, allowed, label)
    for keyword in ("RESPFILE", "ANCRFILE", "BACKFILE", "CORRFILE"):
        stated = headers.text(header, keyword) or ""
        if "/" in stated.removeprefix("./") or "\\" in stated:
            findings.append(
                Finding(
                    "FILE-REFERENCE",
                    "warning",
                    f"{keyword} names a folder of another machine; only the file name counts",
                    hdu=label,
                    column=keyword,
                    found=stated[:120],
                    expected="a bare file name, or NONE",
                    fix="Write the name of the file as it is delivered, without folders.",
                )
            )
    return findings + _start_date(header, label)


def check_series(
    file: FitsFile, index: int, time_mjd_tt: FloatArray, half_width_d: FloatArray, resolution_s: float
) -> list[Finding]:
    """Check keywords, bins and good times of a light curve (OGIP 93-003, sections 3 to 5).

    Parameters
    ----------
    file, index
        The open file and the light curve's HDU.
    time_mjd_tt, half_width_d
        Times (MJD TT) and half widths (days; NaN where not said) of the bins.
    resolution_s
        Coarseness of the stored times, seconds.
    """
    hdu, label = file.hdus[index], file.label(index)
    findings = _telescope(hdu.header, label)
    findings += _bins(hdu, label, time_mjd_tt, half_width_d, resolution_s)
    findings += _start_date(hdu.header, label)
    if (headers.text(hdu.header, "TIMEREF") or "").upper() == "SOLARSYSTEM":
        absent = [" or ".join(words) for words in _BARYCENTRE if not any(word in hdu.header for word in words)]
        if absent:
            findings.append(
                Finding(
                    "BARYCENTRE",
                    "warning",
                    "times at the barycentre need frame, ephemeris and the position that was used",
                    hdu=label,
                    column=absent[0],
                    found=f"no {', '.join(absent)}",
                    expected="RADECSYS, PLEPHEM, RA_OBJ and DEC_OBJ",
                    fix="Add the keywords that the barycentring program was given.",
                )
            )
    unsaid = [keyword for keyword in _CORRECTIONS if keyword not in hdu.header]
    if unsaid and "RATE" in {name.upper() for name in hdu.columns.names}:
        findings.append(
            Finding(
                "CORRECTIONS",
                "info",
                "the header does not say which corrections the rates have had",
                hdu=label,
                column=unsaid[0],
                found=f"no {', '.join(unsaid)}",
                expected="T or F for background, dead time and vignetting",
                fix="Add BACKAPP, DEADAPP and VIGNAPP.",
            )
        )
    return findings


def check_good_times(file: FitsFile) -> list[Finding]:
    """Check the good-time intervals of a file: each ends after it starts, inside TSTART to TSTOP of its header."""
    findings: list[Finding] = []
    for index, hdu in enumerate(file.hdus):
        if not is_table(hdu) or headers.text(hdu.header, "HDUCLAS1") != "GTI":
            continue
        names = {name.upper(): name for name in hdu.columns.names}
        if not {"START", "STOP"} <= names.keys():
            continue
        start, stop = (np.asarray(hdu.data[names[name]], dtype=np.float64) for name in ("START", "STOP"))
        label = file.label(index)
        if len(bad := np.flatnonzero(~(stop >= start))):
            findings.append(
                Finding(
                    "GTI-ORDER",
                    "error",
                    "a good-time interval does not end after it starts",
                    hdu=label,
                    row=int(bad[0]) + 1,
                    column="STOP",
                    found=f"{start[bad[0]]} to {stop[bad[0]]}",
                    expected="START <= STOP",
                    fix="Correct the interval, or leave it out.",
                    count=len(bad),
                )
            )
        first, last = headers.number(hdu.header, "TSTART"), headers.number(hdu.header, "TSTOP")
        if first is None or last is None or not first < last:
            continue
        scale = 1.0 if headers.vounit(headers.text(hdu.header, "TIMEUNIT")) == "s" else 1.0 / SECONDS_PER_DAY
        outside = np.flatnonzero((start < first - scale) | (stop > last + scale))
        if len(outside):
            row = int(outside[0])
            findings.append(
                Finding(
                    "GTI-OUTSIDE",
                    "warning",
                    "a good-time interval leaves the span of the file by more than a second",
                    hdu=label,
                    row=row + 1,
                    column="START, STOP",
                    found=f"{start[row]} to {stop[row]}",
                    expected=f"within TSTART to TSTOP, {first} to {last}",
                    fix="Correct TSTART and TSTOP, or the interval.",
                    count=len(outside),
                )
            )
    return findings


def _telescope(header: fits.Header, label: str) -> list[Finding]:
    stated = headers.text(header, "TELESCOP")
    if stated is None or stated.upper() == "INTEGRAL":
        return []
    message = "the file says that another mission made it"
    fix = "Correct TELESCOP, or say in the description of the delivery why it belongs here."
    return [
        Finding(
            "TELESCOPE",
            "warning",
            message,
            hdu=label,
            column="TELESCOP",
            found=stated[:40],
            expected="INTEGRAL",
            fix=fix,
        )
    ]


def _flags(values: np.ndarray, name: str, allowed: tuple[int, ...], label: str) -> list[Finding]:
    bad = np.flatnonzero(~np.isin(values, allowed)) if values.ndim == 1 else np.array([], dtype=int)
    if not len(bad):
        return []
    return [
        Finding(
            "OGIP-FLAG",
            "warning",
            "the flag of a channel has no meaning in OGIP 92-007",
            hdu=label,
            row=int(bad[0]) + 1,
            column=name,
            found=str(values[bad[0]]),
            expected=", ".join(str(value) for value in allowed),
            fix="Use the values of OGIP 92-007, 3.1.2.",
            count=len(bad),
        )
    ]


def _start_date(header: fits.Header, label: str) -> list[Finding]:
    """Compare DATE-OBS (UTC, FITS 4.0, 9.1.1) with TSTART."""
    stated, (start, _) = headers.text(header, "DATE-OBS"), headers.span_mjd_tt(header)
    if stated is None or start is None or len(stated) < len("2003-01-01T00:00:00"):
        return []
    try:
        begun = mjd_tt_from_utc(stated)
    except UsageError:
        return []
    apart_s = abs(begun - start) * SECONDS_PER_DAY
    if apart_s <= DATE_TOLERANCE_S:
        return []
    return [
        Finding(
            "DATE-OBS",
            "warning",
            "DATE-OBS (UTC) is not the time of TSTART",
            hdu=label,
            column="DATE-OBS",
            found=f"{stated}, {apart_s:.1f} s from TSTART",
            expected=f"within {DATE_TOLERANCE_S:g} s",
            fix="Correct the one that is wrong; 64 to 69 s apart means that TT was taken for UTC.",
        )
    ]


def _bins(hdu: AnyHdu, label: str, time: FloatArray, half_width: FloatArray, resolution_s: float) -> list[Finding]:
    findings: list[Finding] = []
    names = {name.upper(): name for name in hdu.columns.names}
    pixel = headers.number(hdu.header, "TIMEPIXR")
    if pixel is not None and not 0.0 <= pixel <= 1.0:
        findings.append(
            Finding(
                "TIMEPIXR",
                "warning",
                "TIMEPIXR does not say where in its bin a time lies",
                hdu=label,
                column="TIMEPIXR",
                found=f"{pixel:g}",
                expected="0 (start), 0.5 (middle) or 1 (end)",
                fix="Correct the keyword (OGIP 93-003, 3.5).",
            )
        )
    if "FRACEXP" in names and (fraction := np.asarray(hdu.data[names["FRACEXP"]])).dtype.kind == "f":
        bad = np.flatnonzero((fraction < 0.0) | (fraction > 1.0 + 1e-4)) if fraction.ndim == 1 else []
        if len(bad):
            findings.append(
                Finding(
                    "FRACEXP",
                    "error",
                    "the exposed fraction of a bin is impossible",
                    hdu=label,
                    row=int(bad[0]) + 1,
                    column="FRACEXP",
                    found=str(fraction[bad[0]]),
                    expected="0 to 1",
                    fix="Give the exposed fraction of the bin, not seconds or per cent.",
                    count=len(bad),
                )
            )
    step = np.diff(time)
    gap = step - (half_width[1:] + half_width[:-1])
    rounding = 2e-3 * half_width[1:] + resolution_s / SECONDS_PER_DAY + 1e-9
    overlap = np.flatnonzero((step > 0) & (gap < -rounding))
    if len(overlap):
        row = int(overlap[0])
        findings.append(
            Finding(
                "BIN-OVERLAP",
                "warning",
                "bins of the light curve overlap",
                hdu=label,
                row=row + 2,
                column="TIME",
                found=f"{-gap[row] * SECONDS_PER_DAY:.3g} s shared with the bin before",
                expected="bins side by side",
                fix="Check TIMEDEL or XAX_E: XAX_E is half a bin, TIMEDEL a whole one.",
                count=len(overlap),
            )
        )
    return findings
