"""UTC in files: ISO dates as MJD, many at a time."""

import re
from datetime import date

from archive.errors import UsageError

_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2}(?:\.\d+)?)Z?")
_MJD_ZERO_ORDINAL = 678576  # 1858-11-17 as date.toordinal()


def mjd_utc_from_iso(text: str) -> float:
    """Read YYYY-MM-DDThh:mm:ss[.fff] in UTC as MJD in UTC (days); fast, without leap seconds inside a day.

    Raises
    ------
    UsageError
        If the text is not such a date.

    Examples
    --------
    >>> mjd_utc_from_iso("2000-01-01T12:00:00")
    51544.5
    """
    match = _ISO.fullmatch(text.strip())
    if match is None:
        msg = f"time {text!r} is not an ISO date and time in UTC, for example 2012-02-15T06:30:00"
        raise UsageError(msg)
    try:
        day = date(int(match[1]), int(match[2]), int(match[3])).toordinal() - _MJD_ZERO_ORDINAL
    except ValueError as error:
        msg = f"time {text!r} is not a date of the calendar"
        raise UsageError(msg) from error
    hour, minute, second = int(match[4]), int(match[5]), float(match[6])
    if hour > 23 or minute > 59 or second >= 60.0:
        msg = f"time {text!r} is not a time of day (a leap second is written as the next second)"
        raise UsageError(msg)
    return day + (hour * 3600 + minute * 60 + second) / 86400.0
