"""Time scales: MJD in TT inside the archive, UTC at its edges, IJD in INTEGRAL's files.

IJD counts days of TT since 2000-01-01T00:00:00 TT, so MJD(TT) = IJD + 51544 (ISDC data-format definition;
confirmed on three science windows listed in both scales, which differ by TT - UTC = 66.18 s).
"""

import re
import warnings
from typing import Any

import numpy as np
from astropy.time import Time
from erfa import ErfaWarning
from numpy.typing import ArrayLike, NDArray

from archive.errors import UsageError

FloatArray = NDArray[np.float64]

IJD_ZERO_MJD = 51544.0
"""MJD (TT) of IJD 0."""

SECONDS_PER_DAY = 86400.0

# Days of MJD(TT) in which INTEGRAL data can lie: launch 2002-10-17 to the end of 2025 with a margin of some weeks.
MISSION_START_MJD_TT = 52564.0
MISSION_STOP_MJD_TT = 61100.0

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?Z?")


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
    return np.asarray(_convert(np.asarray(mjd_utc, dtype=np.float64), "mjd", "utc", to="tt"), dtype=np.float64)


def mjd_utc_from_mjd_tt(mjd_tt: ArrayLike) -> FloatArray:
    """Convert MJD in TT (days) to MJD in UTC (days), leap seconds included.

    Examples
    --------
    >>> round((55972.0 - float(mjd_utc_from_mjd_tt(55972.0))) * 86400, 3)
    66.184
    """
    return np.asarray(_convert(np.asarray(mjd_tt, dtype=np.float64), "mjd", "tt", to="utc"), dtype=np.float64)


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
    cleaned = text.strip()
    if not _ISO.fullmatch(cleaned):
        msg = f"time {text!r} is not an ISO date in UTC; expected for example 2012-02-15T06:30:00"
        raise UsageError(msg)
    try:
        return float(_convert(cleaned.rstrip("Z").replace("T", " "), "iso", "utc", to="tt"))
    except ValueError as error:
        msg = f"time {text!r} is not a date of the calendar; expected for example 2012-02-15T06:30:00"
        raise UsageError(msg) from error


def utc_iso_from_mjd_tt(mjd_tt: float, *, precision: int = 0) -> str:
    """Write MJD in TT (days) as ISO 8601 in UTC with `precision` digits of the second.

    Examples
    --------
    >>> utc_iso_from_mjd_tt(55972.000766)
    '2012-02-15T00:00:00'
    """
    return str(_convert(float(mjd_tt), "mjd", "tt", to="utc", as_format="isot", precision=precision))


def _convert(value: object, form: str, scale: str, *, to: str, as_format: str = "mjd", precision: int = 9) -> Any:
    with warnings.catch_warnings():
        # ERFA calls years beyond its leap-second table "dubious"; the offset it then uses is the last known one.
        warnings.simplefilter("ignore", ErfaWarning)
        return getattr(Time(value, format=form, scale=scale, precision=precision), to).to_value(as_format)
