"""Reads a query of the MMODA protocol into a frozen value; defaults that choose data are said, not guessed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from archive.errors import ArchiveError, NotFoundError, UsageError
from archive.times import mjd_tt_from_mjd_utc, mjd_tt_from_utc
from vo.mmoda.offer import INSTRUMENTS, PROTOCOL, UNUSED, Instrument, Parameter, parameters_of
from vo.tap.params import Parameters

SECONDS_PER_DAY = 86400.0
MAX_TEXT = 200
_SCW = re.compile(r"(\d{12})(?:\.\d{3})?")
_MAX_SCWS = 1_000


class ForbiddenError(ArchiveError):
    """The request is for data that this archive does not hold for anyone in particular."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query for stored products.

    Parameters
    ----------
    energy_min_kev, energy_max_kev
        The band; that of MMODA's form where none was asked, and `band_asked` is False then.
    tstart_mjd_tt, tstop_mjd_tt
        MJD (TT); None where no limit was asked.
    time_bin_s
        Width of the bins, s; None: as stored.
    normalized
        All that chooses data, sorted; equal queries have equal ones.
    unused
        Names of parameters that change nothing here.
    """

    instrument: Instrument
    product: str
    src_name: str
    ra: float | None
    dec: float | None
    tstart_mjd_tt: float | None
    tstop_mjd_tt: float | None
    energy_min_kev: float | None
    energy_max_kev: float | None
    band_asked: bool
    time_bin_s: float | None
    detection_threshold: float
    jemx_number: int | None
    scw_ids: tuple[str, ...]
    confidence: float
    index: float
    product_id: str
    normalized: tuple[tuple[str, str], ...]
    unused: tuple[str, ...]


def find_instrument(name: str | None) -> Instrument:
    """Return the instrument of this name.

    Raises
    ------
    UsageError
        If it is missing.
    NotFoundError
        If it is none of those offered.
    """
    if not name:
        raise UsageError(f"the parameter instrument is missing; there are {', '.join(INSTRUMENTS)}")
    if name not in INSTRUMENTS:
        raise NotFoundError(f"there is no instrument {name[:40]!r} here; there are {', '.join(INSTRUMENTS)}")
    return INSTRUMENTS[name]


def find_product_name(instrument: Instrument, name: str | None) -> str:
    """Return the name of a product of the instrument.

    Raises
    ------
    UsageError
        If it is missing or unknown.
    """
    if name is None or name not in instrument.products:
        found = (
            f"{name[:40]!r} is not a product" if name else "the parameter product_type is missing: it is the product"
        )
        raise UsageError(f"{found} of {instrument.name}; there are {', '.join(instrument.products)}")
    return name


def read_query(given: Parameters) -> Query:
    """Read the parameters of ``run_analysis``, names as sent.

    Raises
    ------
    UsageError, NotFoundError
        One sentence: which parameter, what was found, what is expected.
    ForbiddenError
        If private data are asked for.
    """
    values = _clean(given)
    instrument = find_instrument(values.get("instrument", ("",))[0])
    product = find_product_name(instrument, values.get("product_type", ("",))[0])
    if (kind := _one(values, "query_type") or "Real") != "Real":
        raise UsageError(f"product_type {kind[:40]!r} is not offered; this archive has 'Real' products only")
    if (_one(values, "integral_data_rights") or "public") != "public":
        raise ForbiddenError("This archive holds public data only; leave integral_data_rights out or say 'public'.")
    known = {parameter.name: parameter for parameter in parameters_of(instrument, product)}
    start, stop = _times(values)
    low, high = (_number(values, name, known) for name in ("E1_keV", "E2_keV"))
    asked = low is not None or high is not None
    if "E1_keV" in known:
        defaults = [float(known[name].value or 0) for name in ("E1_keV", "E2_keV")]
        low, high = (default if value is None else value for default, value in zip(defaults, (low, high), strict=True))
        if low >= high:
            raise UsageError(f"E1_keV is {low:g} and E2_keV {high:g}; expected E1_keV < E2_keV")
    chosen = {name: value for name, value in values.items() if name not in PROTOCOL}
    number = _number(values, "jemx_num", known)
    return Query(
        instrument=instrument,
        product=product,
        src_name=_text(values, "src_name"),
        ra=_number(values, "RA", known),
        dec=_number(values, "DEC", known),
        tstart_mjd_tt=start,
        tstop_mjd_tt=stop,
        energy_min_kev=low,
        energy_max_kev=high,
        band_asked=asked,
        time_bin_s=_time_bin(values, known),
        detection_threshold=7.0 if (least := _number(values, "detection_threshold", known)) is None else least,
        jemx_number=None if number is None else int(number),
        scw_ids=_science_windows(values),
        confidence=_number(values, "confidence", known) or 0.9973,
        index=2.1 if (index := _number(values, "index", known)) is None else index,
        product_id=_text(values, "product_id"),
        normalized=tuple(sorted((name, ",".join(value)) for name, value in chosen.items())),
        unused=tuple(sorted(name for name in chosen if name in UNUSED or name not in known)),
    )


def _clean(given: Parameters) -> dict[str, tuple[str, ...]]:
    """Leave out what was sent as Python's None, which `oda_api` writes as a NUL byte, or as nothing."""
    kept = {
        name: tuple(text for value in values if (text := value.replace("\0", "").strip()))
        for name, values in given.items()
    }
    return {name: values for name, values in kept.items() if values and values != ("None",)}


def _one(values: Parameters, name: str) -> str | None:
    found = dict.fromkeys(values.get(name, ()))
    if len(found) > 1:
        raise UsageError(f"the parameter {name} is given {len(found)} times with different values; give it once")
    return next(iter(found), None)


def _text(values: Parameters, name: str) -> str:
    text = _one(values, name) or ""
    if len(text) > MAX_TEXT or not text.isprintable():
        raise UsageError(f"{name} must have at most {MAX_TEXT} printable characters")
    return text


def _number(values: Parameters, name: str, known: Mapping[str, Parameter]) -> float | None:
    text = _one(values, name)
    if text is None or name not in known:
        return None
    low, high = known[name].low, known[name].high
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    low, high = -float("inf") if low is None else low, float("inf") if high is None else high
    if not low <= value <= high:
        raise UsageError(f"{name} is {text[:40]!r}; expected a number from {low:g} to {high:g}")
    return value


def _times(values: Parameters) -> tuple[float | None, float | None]:
    """T1 and T2 are UTC, as MMODA reads them (astropy's default scale)."""
    form = _one(values, "T_format") or "isot"
    if form not in {"isot", "mjd", "jd"}:
        raise UsageError(f"T_format is {form[:40]!r}; expected isot, mjd or jd, all in UTC")
    start, stop = (_time(values, name, form) for name in ("T1", "T2"))
    if start is not None and stop is not None and start >= stop:
        raise UsageError(f"T1 {_one(values, 'T1')} is not before T2 {_one(values, 'T2')}")
    return start, stop


def _time(values: Parameters, name: str, form: str) -> float | None:
    text = _one(values, name)
    if text is None:
        return None
    if form == "isot":
        return mjd_tt_from_utc(text.replace(" ", "T", 1))
    try:
        value = float(text) - (2400000.5 if form == "jd" else 0.0)
    except ValueError:
        value = float("nan")
    if not 0.0 <= value <= 200_000.0:
        raise UsageError(f"{name} is {text[:40]!r}; expected a day as {form}")
    return float(mjd_tt_from_mjd_utc(value))


def _time_bin(values: Parameters, known: Mapping[str, Parameter]) -> float | None:
    width = _number(values, "time_bin", known)
    form = _one(values, "time_bin_format") or "sec"
    if form not in {"sec", "jd"}:
        raise UsageError(f"time_bin_format is {form[:40]!r}; expected sec or jd (days)")
    return None if width is None else width * (SECONDS_PER_DAY if form == "jd" else 1.0)


def _science_windows(values: Parameters) -> tuple[str, ...]:
    words = [word for value in values.get("scw_list", ()) for word in re.split(r"[\s,\[\]\"']+", value) if word]
    if len(words) > _MAX_SCWS:
        raise UsageError(f"scw_list names {len(words)} science windows; expected at most {_MAX_SCWS}")
    found = [_SCW.fullmatch(word) for word in words]
    for word, match in zip(words, found, strict=True):
        if match is None:
            raise UsageError(f"scw_list holds {word[:40]!r}; expected RRRRPPPPSSSF.VVV, for example 006500220010.001")
    return tuple(dict.fromkeys(match[1] for match in found if match))
