"""Reads the parameters of a TAP request (TAP 1.1 section 2, DALI 1.1 section 3)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from archive.errors import UsageError
from vo.tap.formats import ResultFormat, find_format

LANGUAGES = ("ADQL", "ADQL-2.1", "ADQL-2.0")
DEFAULT_MAXREC = 5_000_000
HARD_MAXREC = 20_000_000

Parameters = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class TapRequest:
    """A query to run: its text, how many rows at most, and how to write them."""

    query: str
    maxrec: int
    result_format: ResultFormat


def merge_parameters(*sources: Iterable[tuple[str, str]]) -> Parameters:
    """Merge query string and form, names in upper case, all values kept (DALI 1.1 section 2.1).

    Examples
    --------
    >>> merge_parameters([("lang", "ADQL")], [("LANG", "ADQL-2.0")])
    {'LANG': ('ADQL', 'ADQL-2.0')}
    """
    merged: dict[str, tuple[str, ...]] = {}
    for source in sources:
        for name, value in source:
            merged[name.upper()] = (*merged.get(name.upper(), ()), value)
    return merged


def single(parameters: Parameters, name: str) -> str | None:
    """Return the value of a parameter that may be given once; an empty one counts as absent.

    Raises
    ------
    UsageError
        If it is given with different values.
    """
    values = dict.fromkeys(value for value in parameters.get(name, ()) if value.strip())
    if len(values) > 1:
        msg = f"the parameter {name} is given {len(values)} times with different values; give it once"
        raise UsageError(msg)
    return next(iter(values), None)


def read_request(parameters: Parameters) -> TapRequest:
    """Read and check the parameters of a query.

    Raises
    ------
    UsageError
        If one is missing, unknown in value or contradictory. Unknown parameters are ignored.
    """
    request = single(parameters, "REQUEST")
    if request is not None and request.lower() != "doquery":
        msg = f"REQUEST={request[:40]!r} is not known here; this service takes REQUEST=doQuery"
        raise UsageError(msg)
    lang = single(parameters, "LANG")
    if lang is not None and lang.upper() not in LANGUAGES:
        msg = f"LANG={lang[:40]!r} is not spoken here; this service takes {', '.join(LANGUAGES)}"
        raise UsageError(msg)
    if single(parameters, "UPLOAD") is not None:
        msg = "UPLOAD is not supported by this service yet; nothing was run"
        raise UsageError(msg)
    query = single(parameters, "QUERY")
    if query is None:
        msg = "the parameter QUERY is missing: give the ADQL text to run"
        raise UsageError(msg)
    # RESPONSEFORMAT wins over FORMAT: some clients add format= to every address they call.
    name = single(parameters, "RESPONSEFORMAT") or _last(parameters, "FORMAT")
    return TapRequest(query, read_maxrec(parameters), find_format(name))


def _last(parameters: Parameters, name: str) -> str | None:
    values = [value for value in parameters.get(name, ()) if value.strip()]
    return values[-1] if values else None


def read_maxrec(parameters: Parameters) -> int:
    """Return MAXREC, capped at the hard limit (TAP 1.1 section 2.7.4)."""
    text = single(parameters, "MAXREC")
    if text is None:
        return DEFAULT_MAXREC
    if not (text.strip().isascii() and text.strip().isdigit()):
        msg = f"MAXREC={text[:40]!r} is not a whole number of 0 or more"
        raise UsageError(msg)
    return min(int(text.strip()[:19]), HARD_MAXREC)
