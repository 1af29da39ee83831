"""Reads the parameters of a TAP request (TAP 1.1 section 2, DALI 1.1 section 3)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from archive.errors import UsageError
from vo.tap.formats import ResultFormat, find_format

LANGUAGES = ("ADQL", "ADQL-2.1", "ADQL-2.0")
DEFAULT_MAXREC = 5_000_000
HARD_MAXREC = 20_000_000
MOST_UPLOADS = 10
MOST_UPLOAD_BYTES = 64 * 2**20
"""Bytes of all uploaded tables of a request together."""

_TABLE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")

Parameters = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class TapRequest:
    """A query to run: its text, how many rows at most, how to write them, and the tables sent along.

    `uploads` are pairs: the name of a table, and that of the part of the request which holds it, or its address.
    """

    query: str
    maxrec: int
    result_format: ResultFormat
    uploads: tuple[tuple[str, str], ...] = ()


def merge_parameters(*sources: Iterable[tuple[str, str]]) -> Parameters:
    """Merge query string and form, names in upper case, all values kept (DALI 1.1 section 2.1).

    Raises
    ------
    UsageError
        If one holds a NUL character, which no text of PostgreSQL has.

    Examples
    --------
    >>> merge_parameters([("lang", "ADQL")], [("LANG", "ADQL-2.0")])
    {'LANG': ('ADQL', 'ADQL-2.0')}
    """
    merged: dict[str, tuple[str, ...]] = {}
    for source in sources:
        for name, value in source:
            if "\0" in name + value:
                msg = f"the parameter {name[:40]!r} holds a NUL character, which no name or value may have"
                raise UsageError(msg)
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
    if request is not None and request.lower() not in {"doquery", "estimate"}:
        msg = f"REQUEST={request[:40]!r} is not known here; this service takes REQUEST=doQuery and REQUEST=estimate"
        raise UsageError(msg)
    lang = single(parameters, "LANG")
    if lang is not None and lang.upper() not in LANGUAGES:
        msg = f"LANG={lang[:40]!r} is not spoken here; this service takes {', '.join(LANGUAGES)}"
        raise UsageError(msg)
    query = single(parameters, "QUERY")
    if query is None:
        msg = "the parameter QUERY is missing: give the ADQL text to run"
        raise UsageError(msg)
    # RESPONSEFORMAT wins over FORMAT: some clients add format= to every address they call.
    name = single(parameters, "RESPONSEFORMAT") or _last(parameters, "FORMAT")
    return TapRequest(query, read_maxrec(parameters), find_format(name), read_uploads(parameters))


def asks_estimate(parameters: Parameters) -> bool:
    """Whether only the cost of the query is asked for: REQUEST=estimate, an extension of this service."""
    return (single(parameters, "REQUEST") or "").lower() == "estimate"


def read_uploads(parameters: Parameters) -> tuple[tuple[str, str], ...]:
    """Read UPLOAD: ``name,param:part``, more of them after semicolons or in a parameter of their own (TAP 1.1, 2.7.6).

    Raises
    ------
    UsageError
        If it cannot be read, a name is taken twice, or a table is somewhere else.

    Examples
    --------
    >>> read_uploads({"UPLOAD": ("a,param:x;b,param:y", "c,param:z")})
    (('a', 'x'), ('b', 'y'), ('c', 'z'))
    """
    uploads: dict[str, tuple[str, str]] = {}
    for text in (piece for value in parameters.get("UPLOAD", ()) for piece in value.split(";") if piece.strip()):
        name, comma, uri = (part.strip() for part in text.partition(","))
        scheme, _, part = uri.partition(":")
        part = uri if scheme.lower() in {"http", "https"} else part
        if not comma or not uri:
            msg = f"UPLOAD={text[:80]!r} cannot be read; expected name,param:part"
            raise UsageError(msg)
        if not _TABLE_NAME.fullmatch(name):
            msg = f"UPLOAD names a table {name[:80]!r}; a name is a letter, then letters, digits and _, at most 64"
            raise UsageError(msg)
        if scheme.lower() not in {"param", "http", "https"} or not part:
            msg = f"UPLOAD of {uri[:80]!r} is not possible; send the table in the request: UPLOAD={name},param:part"
            raise UsageError(msg)
        if name.lower() in uploads:
            msg = f"UPLOAD names two tables {name}"
            raise UsageError(msg)
        uploads[name.lower()] = (name, part)
    if len(uploads) > MOST_UPLOADS:
        msg = f"UPLOAD names {len(uploads)} tables; at most {MOST_UPLOADS} may be sent"
        raise UsageError(msg)
    return tuple(uploads.values())


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
