"""What somebody typed into the search box: a position, a time, an identifier or a name.

How it was read is said in the language of the page (`read_as`); the API is asked in English.
"""

import re
from dataclasses import dataclass

from django.utils.translation import gettext

from archive.errors import UsageError
from archive.times import mjd_tt_from_ijd, mjd_tt_from_mjd_utc, mjd_tt_from_utc, mjd_utc_from_mjd_tt
from archive.website.frames import icrs_from_galactic

MAX_LENGTH = 400

_NUMBER = r"[+-]?\d+(?:\.\d*)?|[+-]?\.\d+"
_PAIR = re.compile(rf"({_NUMBER})\s*(?:deg|d|°)?(?:\s*[,;]\s*|\s+|(?=[+-]))({_NUMBER})\s*(?:deg|d|°)?")
_SEXAGESIMAL = re.compile(
    r"(\d{1,2})[h:\s]\s*(\d{1,2})(?:[m:\s]\s*(\d{1,2}(?:\.\d*)?)\s*s?|(\.\d+)?\s*m?)[\s,;]*"
    r"([+-])\s*(\d{1,2})[d°:\s]\s*(\d{1,2})(?:[m'′:\s]\s*(\d{1,2}(?:\.\d*)?)\s*[s\"″]?|(\.\d+)?\s*[m'′]?)"
)
_GALACTIC_WORD = re.compile(r"\b(?:gal|galactic)\b[\s:=]*", re.IGNORECASE)
_GALACTIC_LB = re.compile(rf"l\s*[=:]?\s*({_NUMBER})\s*[,;]?\s*b\s*[=:]?\s*({_NUMBER})", re.IGNORECASE)
_GALACTIC_NAME = re.compile(r"G(\d{1,3}\.\d+)([+-]\d{1,2}\.\d+)")
_EQUATORIAL_WORD = re.compile(r"\b(?:icrs|j2000(?:\.0)?|eq|radec)\b[\s:=]*", re.IGNORECASE)
_RA_DEC = re.compile(rf"ra\s*[=:]?\s*({_NUMBER})\s*[,;]?\s*dec\s*[=:]?\s*({_NUMBER})", re.IGNORECASE)
_J_NAME = re.compile(r"J(\d{2})(\d{2})(?:(\d{2}(?:\.?\d+)?)|(\d)|\.(\d+))?([+-])(\d{2})(\d{2})(\d{2}(?:\.?\d+)?)?")
_REVOLUTION = re.compile(r"(?:rev(?:olution)?\.?|orbit)\s*#?\s*(\d{1,4})|(\d{1,4})", re.IGNORECASE)
_SCIENCE_WINDOW = re.compile(r"(?:scw\s*)?(\d{12})(?:\.\d{3})?", re.IGNORECASE)
_OBSERVATION = re.compile(r"(?:obs(?:ervation)?\s*)?(\d{11})", re.IGNORECASE)
_PROPOSAL = re.compile(r"(?:proposal\s*)?(\d{7})", re.IGNORECASE)
_TIME = re.compile(r"(mjd|ijd)\s*[=:]?\s*(\d+(?:\.\d+)?)", re.IGNORECASE)
_DATE = re.compile(r"(?:utc\s*)?(\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?Z?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PositionQuery:
    """A place on the sky, ICRS degrees, and how it was understood."""

    ra: float
    dec: float
    read_as: str


@dataclass(frozen=True, slots=True)
class TimeQuery:
    """A moment, or a day when only a date was given: MJD (TT)."""

    tstart_mjd_tt: float
    tstop_mjd_tt: float
    read_as: str


@dataclass(frozen=True, slots=True)
class RevolutionQuery:
    """A revolution number."""

    revolution: int


@dataclass(frozen=True, slots=True)
class ScienceWindowQuery:
    """Twelve digits."""

    scw_id: str


@dataclass(frozen=True, slots=True)
class ObservationQuery:
    """Eleven digits."""

    obs_id: str


@dataclass(frozen=True, slots=True)
class ProposalQuery:
    """Seven digits."""

    proposal_id: str


@dataclass(frozen=True, slots=True)
class NameQuery:
    """A name; `position` is what a J-name says about where it is."""

    name: str
    position: PositionQuery | None = None


Query = PositionQuery | TimeQuery | RevolutionQuery | ScienceWindowQuery | ObservationQuery | ProposalQuery | NameQuery


def parse_query(text: str) -> Query:
    """Understand what was typed.

    Raises
    ------
    UsageError
        If the text is empty or too long, or is a position or date that cannot exist.

    Examples
    --------
    >>> parse_query("83.633 +22.0145")
    PositionQuery(ra=83.633, dec=22.0145, read_as='ICRS, decimal degrees')
    >>> parse_query("0745"), parse_query("rev 12")
    (RevolutionQuery(revolution=745), RevolutionQuery(revolution=12))
    >>> parse_query("008200200010")
    ScienceWindowQuery(scw_id='008200200010')
    >>> parse_query("Cyg X-1")
    NameQuery(name='Cyg X-1', position=None)
    """
    cleaned = re.sub(r"\s+", " ", re.sub(r"[−–—]", "-", text)).strip()
    if not cleaned:
        raise UsageError("Nothing to search for: give a name, a position, a revolution, a science window or a date.")
    if len(cleaned) > MAX_LENGTH or not cleaned.isprintable():
        raise UsageError(f"A search is one line of at most {MAX_LENGTH} printable characters; this one is not.")
    for reader in (_read_identifier, _read_time, _read_position):
        query = reader(cleaned)
        if query is not None:
            return query
    return NameQuery(cleaned, position_of_j_name(cleaned))


def _read_identifier(text: str) -> Query | None:
    if match := _SCIENCE_WINDOW.fullmatch(text):
        return ScienceWindowQuery(match[1])
    if match := _OBSERVATION.fullmatch(text):
        return ObservationQuery(match[1])
    if match := _PROPOSAL.fullmatch(text):
        return ProposalQuery(match[1])
    if match := _REVOLUTION.fullmatch(text):
        return RevolutionQuery(int(match[1] or match[2]))
    return None


def _read_time(text: str) -> TimeQuery | None:
    if match := _TIME.fullmatch(text):
        scale, value = match[1].upper(), float(match[2])
        to_mjd_tt, words = (mjd_tt_from_ijd, "IJD (TT)") if scale == "IJD" else (mjd_tt_from_mjd_utc, "MJD (UTC)")
        span = 0.0 if "." in match[2] else 1.0
        return TimeQuery(float(to_mjd_tt(value)), float(to_mjd_tt(value + span)), words)
    if match := _DATE.fullmatch(text):
        moment = mjd_tt_from_utc(match[1].upper())
        whole_day = len(match[1].rstrip("Zz")) == len("2003-02-27")
        if not whole_day:
            return TimeQuery(moment, moment, "UTC")
        # A day with a leap second is longer than 86400 s.
        next_day = float(mjd_tt_from_mjd_utc(round(float(mjd_utc_from_mjd_tt(moment))) + 1))
        return TimeQuery(moment, next_day, gettext("UTC date"))
    return None


def _read_position(text: str) -> PositionQuery | None:
    plain = _EQUATORIAL_WORD.sub("", text).strip()
    galactic = _GALACTIC_LB.fullmatch(plain) or _GALACTIC_NAME.fullmatch(plain)
    if galactic is None and _GALACTIC_WORD.search(plain):
        galactic = _PAIR.fullmatch(_GALACTIC_WORD.sub("", plain).strip())
    if galactic is not None:
        return _from_galactic(float(galactic[1]), float(galactic[2]))
    if match := _SEXAGESIMAL.fullmatch(plain):
        return _from_sexagesimal(match)
    if match := _RA_DEC.fullmatch(plain) or _PAIR.fullmatch(plain):
        return _checked(float(match[1]), float(match[2]), gettext("ICRS, decimal degrees"))
    return None


def _from_galactic(lon: float, lat: float) -> PositionQuery:
    if not (-180.0 <= lon <= 360.0 and -90.0 <= lat <= 90.0):
        raise UsageError(f"Galactic position l={lon:g}, b={lat:g} is not on the sky; b runs from -90 to 90 degrees.")
    ra, dec = icrs_from_galactic(lon, lat)
    read_as = gettext("Galactic, l = %(lon)s, b = %(lat)s") % {"lon": f"{lon:g}", "lat": f"{lat:g}"}
    return _checked(float(ra), float(dec), read_as)


def _from_sexagesimal(match: re.Match[str]) -> PositionQuery:
    hours, minutes = int(match[1]), int(match[2]) + float(match[4] or 0)
    degrees, arcmin = int(match[6]), int(match[7]) + float(match[9] or 0)
    seconds, arcsec = float(match[3] or 0), float(match[8] or 0)
    if hours >= 24 or max(minutes, seconds, arcmin, arcsec) >= 60:
        raise UsageError(f"Position {match[0]!r} has hours above 23, or minutes or seconds above 59.")
    sign = -1.0 if match[5] == "-" else 1.0
    ra = 15.0 * (hours + minutes / 60.0 + seconds / 3600.0)
    return _checked(ra, sign * (degrees + arcmin / 60.0 + arcsec / 3600.0), gettext("ICRS, hours and degrees"))


def _checked(ra: float, dec: float, read_as: str) -> PositionQuery:
    if not (0.0 <= ra <= 360.0 and -90.0 <= dec <= 90.0):
        raise UsageError(
            f"Position {ra:g}, {dec:g} is not on the sky: right ascension runs from 0 to 360 and declination from "
            f"-90 to 90 degrees (for Galactic coordinates write: gal {ra:g} {dec:g})."
        )
    return PositionQuery(ra % 360.0, dec, read_as)


def position_of_j_name(name: str) -> PositionQuery | None:
    """Read the position out of a J-name, middle of the cell that its digits leave open; None when it has none.

    Examples
    --------
    >>> place = position_of_j_name("IGR J17544-2619")
    >>> round(place.ra, 3), round(place.dec, 3)
    (268.612, -26.325)
    """
    match = _J_NAME.search(name.replace(" ", "").upper())
    if match is None:
        return None
    hours, minutes, degrees, arcmin = int(match[1]), int(match[2]), int(match[7]), int(match[8])
    if match[3]:
        time_min = minutes + _middle_of_seconds(match[3]) / 60.0
    elif tenth := match[4] or match[5]:
        time_min = minutes + float(f"0.{tenth}") + _half_digit(f"0.{tenth}")
    else:
        time_min = minutes + 0.5
    angle_min = arcmin + (_middle_of_seconds(match[9]) / 60.0 if match[9] else 0.5)
    if hours >= 24 or degrees > 90 or minutes >= 60 or arcmin >= 60:
        return None
    dec = (degrees + angle_min / 60.0) * (-1.0 if match[6] == "-" else 1.0)
    read_as = gettext("the digits of %(name)s") % {"name": match[0]}
    return PositionQuery(15.0 * (hours + time_min / 60.0), max(-90.0, min(90.0, dec)), read_as)


def _middle_of_seconds(digits: str) -> float:
    """Seconds as 2MASX writes them have no point: 0192 is 1.92."""
    dotted = f"{digits[:2]}.{digits[2:].lstrip('.')}"
    return float(dotted) + _half_digit(dotted)


def _half_digit(text: str) -> float:
    _, _, decimals = text.partition(".")
    return 0.5 * 10.0 ** -len(decimals)
