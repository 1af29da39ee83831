"""Time scales: MJD in TT inside the archive, UTC at its edges, IJD in INTEGRAL's files.

IJD counts days of TT since 2000-01-01T00:00:00 TT, so MJD(TT) = IJD + 51544 (ISDC data-format definition;
confirmed on three science windows listed in both scales, which differ by TT - UTC = 66.18 s).
"""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import erfa
import numpy as np
from numpy.typing import ArrayLike, NDArray

from archive.errors import UsageError

FloatArray = NDArray[np.float64]

IJD_ZERO_MJD = 51544.0
"""MJD (TT) of IJD 0."""

JD_MINUS_MJD = 2400000.5

SECONDS_PER_DAY = 86400.0

# Days of MJD(TT) in which INTEGRAL data can lie: launch 2002-10-17 to the end of 2025 with a margin of some weeks.
MISSION_START_MJD_TT = 52564.0
MISSION_STOP_MJD_TT = 61100.0

_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?)?Z?")


def mjd_tt_from_ijd(ijd: ArrayLike) -> FloatArray:
    """Convert INTEGRAL Julian dates to MJD, both in TT, days.

    Examples
    --------
    >>> float(mjd_tt_from_ijd(1014.0))
    52558.0
    """
    return np.asarray(ijd, dtype=np.float64) + IJD_ZERO_MJD


def ijd_from_mjd_tt(mjd_tt: ArrayLike) -> FloatArray:
    """Convert MJD to INTEGRAL Julian dates, both in TT, days.

    Examples
    --------
    >>> float(ijd_from_mjd_tt(52558.0))
    1014.0
    """
    return np.asarray(mjd_tt, dtype=np.float64) - IJD_ZERO_MJD


def mjd_tt_from_mjd_utc(mjd_utc: ArrayLike) -> FloatArray:
    """Convert MJD in UTC (days) to MJD in TT (days), leap seconds included.

    Examples
    --------
    >>> round((float(mjd_tt_from_mjd_utc(55972.0)) - 55972.0) * 86400, 3)
    66.184
    """
    day, fraction = np.divmod(np.asarray(mjd_utc, dtype=np.float64), 1.0)
    with _leap_seconds_as_known():
        first, second = erfa.taitt(*erfa.utctai(day + JD_MINUS_MJD, fraction))
    return (first - JD_MINUS_MJD) + second


def mjd_utc_from_mjd_tt(mjd_tt: ArrayLike) -> FloatArray:
    """Convert MJD in TT (days) to MJD in UTC (days), leap seconds included.

    Examples
    --------
    >>> round((55972.0 - float(mjd_utc_from_mjd_tt(55972.0))) * 86400, 3)
    66.184
    """
    day, fraction = np.divmod(np.asarray(mjd_tt, dtype=np.float64), 1.0)
    with _leap_seconds_as_known():
        first, second = erfa.taiutc(*erfa.tttai(day + JD_MINUS_MJD, fraction))
    return (first - JD_MINUS_MJD) + second


def mjd_tt_from_utc(text: str) -> float:
    """Read an ISO 8601 date or date-time in UTC (a trailing Z is allowed) as MJD in TT, days.

    Raises
    ------
    UsageError
        If the text is not such a date.

    Examples
    --------
    >>> round(mjd_tt_from_utc("2012-02-15T00:00:00Z"), 6)
    55972.000766
    """
    match = _ISO.fullmatch(text.strip())
    if match is None:
        msg = f"time {text!r} is not an ISO date in UTC; expected for example 2012-02-15T06:30:00"
        raise UsageError(msg)
    year, month, day, hour, minute = (int(part or 0) for part in match.groups()[:5])
    try:
        with _leap_seconds_as_known():
            utc = erfa.dtf2d("UTC", year, month, day, hour, minute, float(match[6] or 0))
            first, second = erfa.taitt(*erfa.utctai(*utc))
    except erfa.ErfaError as error:
        msg = f"time {text!r} is not a date of the calendar; expected for example 2012-02-15T06:30:00"
        raise UsageError(msg) from error
    return float((first - JD_MINUS_MJD) + second)


def utc_iso_from_mjd_tt(mjd_tt: float, *, precision: int = 0) -> str:
    """Write MJD in TT (days) as ISO 8601 in UTC with `precision` digits of the second.

    Examples
    --------
    >>> utc_iso_from_mjd_tt(55972.000766)
    '2012-02-15T00:00:00'
    """
    day, fraction = divmod(float(mjd_tt), 1.0)
    with _leap_seconds_as_known():
        utc = erfa.taiutc(*erfa.tttai(day + JD_MINUS_MJD, fraction))
        year, month, day_of_month, clock = erfa.d2dtf("UTC", precision, *utc)
    hour, minute, second, part = (int(clock[name]) for name in ("h", "m", "s", "f"))
    text = f"{int(year):04d}-{int(month):02d}-{int(day_of_month):02d}T{hour:02d}:{minute:02d}:{second:02d}"
    return f"{text}.{part:0{precision}d}" if precision else text


@contextmanager
def _leap_seconds_as_known() -> Iterator[None]:
    """Use the last known TAI - UTC for the years beyond ERFA's table, which it calls dubious."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*dubious year", category=erfa.ErfaWarning)
        yield
