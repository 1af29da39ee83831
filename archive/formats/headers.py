"""Header keywords as typed values: INTEGRAL placeholders become None, times MJD TT, positions ICRS, units VOUnit."""

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units
from astropy.coordinates import FK5, ICRS, SkyCoord
from astropy.io import fits
from numpy.typing import ArrayLike, NDArray

from archive.formats.findings import refuse
from archive.times import IJD_ZERO_MJD, SECONDS_PER_DAY

FloatArray = NDArray[np.float64]

# The ISDC templates leave these words where a program filled nothing in.
_PLACEHOLDERS = {"", "real", "integer", "string", "utc_format", "none", "nan", "n/a", "-", "xxxx"}

_INSTRUMENTS = {
    ("IBIS", "ISGRI"): "isgri",
    ("ISGRI", ""): "isgri",
    ("ISGRI", "ISGRI"): "isgri",
    ("IBIS", "PICSIT"): "picsit",
    ("PICSIT", ""): "picsit",
    ("JMX1", ""): "jemx1",
    ("JMX2", ""): "jemx2",
    ("JEMX1", ""): "jemx1",
    ("JEMX2", ""): "jemx2",
    ("SPI", ""): "spi",
    ("OMC", ""): "omc",
    ("SPI-ACS", ""): "spi_acs",
    ("JEMX", ""): "jemx",
    ("IREM", ""): "irem",
}

# Spellings met in INTEGRAL files -> VOUnits 1.1. one spelling of each, as archive/tables has it.
_UNITS = {
    "counts/sec": "ct/s",
    "counts/s": "ct/s",
    "count/s": "ct/s",
    "count/sec": "ct/s",
    "cnts/s": "ct/s",
    "cnt/s": "ct/s",
    "ct/s": "ct/s",
    "cts/s": "ct/s",
    "count s-1": "ct/s",
    "ct s-1": "ct/s",
    "count s**-1": "ct/s",
    "count.s**-1": "ct/s",
    "(counts/sec)**2": "ct**2/s**2",
    "count2 s-2": "ct**2/s**2",
    "(count/s)**2": "ct**2/s**2",
    "count**2/s**2": "ct**2/s**2",
    "count**2 s**-2": "ct**2/s**2",
    "counts/cm2/s": "ct/(cm**2.s)",
    "count/cm2/s": "ct/(cm**2.s)",
    "count cm-2 s-1": "ct/(cm**2.s)",
    "counts2/cm4/s2": "ct**2/(cm**4.s**2)",
    "count2 cm-4 s-2": "ct**2/(cm**4.s**2)",
    "cm-2 ph s-1": "ph/(cm**2.s)",
    "ph/cm2/s": "ph/(cm**2.s)",
    "ph cm-2 s-1": "ph/(cm**2.s)",
    "ph/(cm**2 s)": "ph/(cm**2.s)",
    "photon cm-2 s-1": "ph/(cm**2.s)",
    "ph2 cm-4 s-2": "ph**2/(cm**4.s**2)",
    "photon2 cm-4 s-2": "ph**2/(cm**4.s**2)",
    "counts": "ct",
    "count": "ct",
    "cts": "ct",
    "ct": "ct",
    "sec": "s",
    "second": "s",
    "seconds": "s",
    "s": "s",
    "d": "d",
    "day": "d",
    "days": "d",
    "degree": "deg",
    "degrees": "deg",
    "deg": "deg",
    "kev": "keV",
    "mev": "MeV",
    "mag": "mag",
    "mm": "mm",
    "cm**2": "cm**2",
    "cm2": "cm**2",
    "dm**2": "dm**2",
    "dm2": "dm**2",
    "km": "km",
    "mcrab": "mCrab",
    "mcrab**2": "mCrab**2",
    "erg/cm**2": "erg/cm**2",
    "erg/cm2": "erg/cm**2",
    "erg/cm2/s": "erg/(cm**2.s)",
    "erg cm-2 s-1": "erg/(cm**2.s)",
    "no units": "",
    "no unit": "",
    "none": "",
    "n/a": "",
    "": "",
    "sigma": "",
}
_VOUNITS = frozenset(_UNITS.values())


def text(header: fits.Header, keyword: str) -> str | None:
    """Return a keyword as stripped text, None when absent or an unfilled template word."""
    value = header.get(keyword)
    if value is None:
        return None
    cleaned = str(value).strip()
    return None if cleaned.lower() in _PLACEHOLDERS else cleaned


def number(header: fits.Header, keyword: str) -> float | None:
    """Return a keyword as a finite float, None when absent or an unfilled template word such as ``Real``.

    Raises
    ------
    FormatError
        ``FITS-KEYWORD`` when the value is neither.
    """
    value = text(header, keyword)
    if value is None:
        return None
    try:
        parsed = float(value)
    except ValueError as error:
        raise refuse(
            "FITS-KEYWORD", f"{keyword} must be a number", column=keyword, found=repr(value), expected="a number"
        ) from error
    return parsed if math.isfinite(parsed) else None


def instrument_of(header: fits.Header) -> str | None:
    """Return the archive's name of the instrument in INSTRUME and DETNAM; None when they say something else."""
    name, detector = (text(header, "INSTRUME") or "").upper(), (text(header, "DETNAM") or "").upper()
    return _INSTRUMENTS.get((name, detector)) or _INSTRUMENTS.get((name, ""))


def vounit(spelling: str | None) -> str | None:
    """Return the VOUnit of a unit as INTEGRAL files spell it; '' for dimensionless, None when the spelling is unknown.

    Examples
    --------
    >>> vounit("counts/sec"), vounit("no units"), vounit("furlong")
    ('ct/s', '', None)
    """
    stripped = re.sub(r"\s+", " ", str(spelling or "").strip())  # a header may hold a number or a logical
    return stripped if stripped in _VOUNITS else _UNITS.get(stripped.lower())


@dataclass(frozen=True, slots=True)
class TimeScale:
    """How the numbers of a header become MJD TT: ``zero_mjd_tt + value * day_per_unit``."""

    zero_mjd_tt: float
    day_per_unit: float
    stated: bool


_DAY_PER_UNIT = {"d": 1.0, "s": 1.0 / SECONDS_PER_DAY}


def time_scale(header: fits.Header) -> TimeScale:
    """Read MJDREF (or MJDREFI + MJDREFF), TIMESYS and TIMEUNIT (OGIP 93-003, section 3).

    ESAC's long-term series leave MJDREF blank and give TIMEZERO in seconds of MJD instead (TIMESYS is 'MJD'): the zero
    is then TIMEZERO / 86400, as the companion QDP header confirms, and `stated` is False.

    Raises
    ------
    FormatError
        ``TIME-ZERO``, ``TIME-SYSTEM`` or ``TIME-UNIT`` when the header does not say.
    """
    unit = vounit(text(header, "TIMEUNIT"))
    if unit not in _DAY_PER_UNIT:
        raise refuse(
            "TIME-UNIT",
            "the unit of times is not stated",
            column="TIMEUNIT",
            found=repr(header.get("TIMEUNIT")),
            expected="d or s",
        )
    system = (text(header, "TIMESYS") or "").upper()
    reference = number(header, "MJDREF")
    if reference is None and number(header, "MJDREFI") is not None:
        reference = (number(header, "MJDREFI") or 0.0) + (number(header, "MJDREFF") or 0.0)
    if reference is not None:
        if system != "TT":
            raise refuse(
                "TIME-SYSTEM",
                "the time scale must be TT",
                column="TIMESYS",
                found=repr(header.get("TIMESYS")),
                expected="TT",
                fix="Convert the times to TT.",
            )
        return TimeScale(
            reference + (number(header, "TIMEZERO") or 0.0) * _DAY_PER_UNIT[unit], _DAY_PER_UNIT[unit], stated=True
        )
    zero = number(header, "TIMEZERO")
    if zero is not None and system == "MJD" and unit == "s":
        return TimeScale(zero / SECONDS_PER_DAY, 1.0 / SECONDS_PER_DAY, stated=False)
    raise refuse(
        "TIME-ZERO",
        "the zero of the times is not stated",
        column="MJDREF",
        found=repr(header.get("MJDREF")),
        expected=f"{IJD_ZERO_MJD} for IJD",
        fix="Set MJDREF.",
    )


def span_mjd_tt(header: fits.Header) -> tuple[float | None, float | None]:
    """Return TSTART and TSTOP as MJD TT; None where unfilled. TIMEZERO does not move them (OGIP 93-003)."""
    start, stop = number(header, "TSTART"), number(header, "TSTOP")
    if start is None and stop is None:
        return None, None
    reference = number(header, "MJDREF")
    if reference is None and number(header, "MJDREFI") is not None:
        reference = (number(header, "MJDREFI") or 0.0) + (number(header, "MJDREFF") or 0.0)
    scale = _DAY_PER_UNIT.get(vounit(text(header, "TIMEUNIT")) or "", 1.0)
    zero = 0.0 if reference is None else reference  # ESAC series: seconds of MJD
    convert = lambda value: None if value is None else zero + value * scale  # noqa: E731 - two uses, one line
    return convert(start), convert(stop)


def icrs_from_fk5(ra: ArrayLike, dec: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Turn FK5 J2000 degrees into ICRS degrees (the frames differ by up to 30 mas; Hilton & Hohenkerk 2004).

    Examples
    --------
    >>> ra, dec = icrs_from_fk5([83.633209], [22.014471])
    >>> bool(abs(ra[0] - 83.633209) < 1e-5)
    True
    """
    sky: Any = SkyCoord(
        np.asarray(ra, dtype=np.float64) * units.deg,
        np.asarray(dec, dtype=np.float64) * units.deg,
        frame=FK5(equinox="J2000"),
    ).transform_to(ICRS())
    return np.asarray(sky.ra.deg), np.asarray(sky.dec.deg)


def frame_of(header: fits.Header) -> str:
    """Return ``icrs`` or ``fk5`` from RADESYS or its old spelling RADECSYS; FK5 when absent (FITS 4.0, 8.3).

    Raises
    ------
    FormatError
        ``SKY-FRAME`` for any other frame or equinox.
    """
    frame = (text(header, "RADESYS") or text(header, "RADECSYS") or "FK5").upper()
    equinox = number(header, "EQUINOX")
    if frame == "ICRS":
        return "icrs"
    if frame == "FK5" and equinox in {None, 2000.0}:
        return "fk5"
    raise refuse(
        "SKY-FRAME",
        "the sky frame is not one the archive takes",
        column="RADESYS",
        found=f"{frame} {equinox}",
        expected="ICRS, or FK5 with equinox 2000",
    )


def object_of(header: fits.Header) -> tuple[str | None, float | None, float | None]:
    """Return name, RA and Dec (ICRS degrees) of the target: NAME or OBJECT; RA_OBJ, DEC_OBJ or RA, DEC."""
    name = text(header, "NAME") or text(header, "OBJECT")
    ra = number(header, "RA_OBJ") if number(header, "RA_OBJ") is not None else number(header, "RA")
    dec = number(header, "DEC_OBJ") if number(header, "DEC_OBJ") is not None else number(header, "DEC")
    if ra is None or dec is None:
        return name, None, None
    if not (0.0 <= ra <= 360.0 and -90.0 <= dec <= 90.0):
        raise refuse(
            "SKY-POSITION",
            "the target position is impossible",
            column="RA_OBJ, DEC_OBJ",
            found=f"{ra}, {dec}",
            expected="0..360, -90..90 degrees",
        )
    if frame_of(header) == "icrs":
        return name, ra, dec
    icrs_ra, icrs_dec = icrs_from_fk5(ra, dec)
    return name, float(icrs_ra), float(icrs_dec)


def is_simulated(header: fits.Header) -> bool:
    """Say whether the header declares simulated data: SIMULATD true (docs/reference/delivery-formats.md)."""
    return header.get("SIMULATD") is True or (text(header, "ORIGIN") or "").upper() == "SIMULATION"
