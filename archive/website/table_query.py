"""What a search page was asked: filters, columns, order and page of one published table, out of the query string. Pure.

Every parameter that is not one of `RESERVED` names a column; its value says which rows: ``a..b``, ``>=a``, ``<=b`` or
a value for numbers and times, part of the text for text (``%`` and ``_`` are wildcards, as in ADQL), for an id all of
it, unless it holds a ``%``, and for a facet exactly one of its values, several when the parameter is repeated.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import QueryDict

from archive.errors import UsageError
from archive.published import Column, Table
from archive.times import mjd_tt_from_utc
from archive.website.paging import read_size
from archive.website.request_values import Cone, read_text

IDS = ("source_id", "obs_id", "scw_id", "product_id", "delivery_id")
RESERVED = ("near", "radius", "cols", "sort", "size", "page")
NUMBERS = ("short", "int", "long", "float", "double")
_RANGE = re.compile(r"\s*(?:(?P<low>[^.\s]\S*?|\S)?\s*\.\.\s*(?P<high>\S+)?|(?P<sign>[<>]=?)\s*(?P<bound>\S+))\s*")
_MAX_VALUES = 50


@dataclass(frozen=True, slots=True)
class Span:
    """Numbers from `low` to `high`, both included; None = open."""

    column: str
    low: float | int | None
    high: float | int | None


@dataclass(frozen=True, slots=True)
class Match:
    """Text that matches a pattern of LIKE, whatever its case."""

    column: str
    pattern: str


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of some values; None = no value."""

    column: str
    values: tuple[str | int | bool | None, ...]


Filter = Span | Match | OneOf


@dataclass(frozen=True, slots=True)
class TableQuery:
    """One page of a search: hashable, so that counts can be kept."""

    table: str
    columns: tuple[str, ...]
    filters: tuple[Filter, ...]
    cone: Cone | None
    sort: str
    size: int
    mark: str

    @property
    def sort_column(self) -> str:
        """The column of the order, without its sign."""
        return self.sort.lstrip("-")


def read_table_query(
    params: QueryDict, table: Table, *, facets: Sequence[str], key: Sequence[str], cone: Cone | None
) -> TableQuery:
    """Read the state of a search page.

    Raises
    ------
    UsageError
        If a parameter is no column of the table, or its value cannot be read; names both.
    """
    columns = {column.name: column for column in table.columns}
    for name in params:
        if name not in columns and name not in RESERVED:
            raise UsageError(
                f"{name[:40]!r} is no column of {table.name} and no parameter of this page; columns are "
                f"{', '.join(columns)}, parameters {', '.join(RESERVED)}."
            )
    filters = tuple(
        found
        for name in columns
        if name in params and (found := _read_filter(columns[name], params.getlist(name), facet=name in facets))
    )
    chosen = _read_columns(read_text(params, "cols", 2000), columns, table)
    sort = read_text(params, "sort", 80) or key[0]
    if sort.removeprefix("-") not in columns:
        raise UsageError(f"sort is {sort!r}; expected a column of {table.name}, with - before it for descending.")
    return TableQuery(
        table.name,
        tuple(dict.fromkeys((*key, *chosen))),
        filters,
        cone,
        sort,
        read_size(params.get("size", "")),
        params.get("page", ""),
    )


def _read_columns(text: str, columns: Mapping[str, Column], table: Table) -> tuple[str, ...]:
    if not text:
        principal = tuple(column.name for column in table.columns if column.principal)
        return principal or tuple(columns)[:10]
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if unknown := [name for name in names if name not in columns]:
        raise UsageError(f"cols names {unknown[0]!r}, which {table.name} does not have; it has {', '.join(columns)}.")
    return names


def _read_filter(column: Column, values: Sequence[str], *, facet: bool) -> Filter | None:
    given = list(dict.fromkeys(value.strip() for value in values if value.strip()))
    if not given:
        return None
    if len(given) > _MAX_VALUES or any(len(value) > 200 or not value.isprintable() for value in given):
        raise UsageError(f"{column.name} takes at most {_MAX_VALUES} values of at most 200 printable characters.")
    if facet or column.datatype == "boolean":
        return OneOf(column.name, tuple(_exact(column, value) for value in given))
    if len(given) > 1:
        raise UsageError(f"{column.name} was given {len(given)} times; this column takes one range or text.")
    if column.datatype in NUMBERS and column.arraysize is None:
        return _read_span(column, given[0])
    if "\\" in given[0]:
        raise UsageError(f"{column.name} holds a backslash, which no text of the archive has; use _ for one character.")
    if column.name in IDS and "%" not in given[0]:
        return OneOf(column.name, (given[0],))
    return Match(column.name, f"%{given[0]}%")


def _exact(column: Column, text: str) -> str | int | None:
    if text == "(none)":
        return None
    if text == "(empty)" and column.datatype == "char":
        return ""
    if column.datatype == "boolean":
        if text not in {"true", "false"}:
            raise UsageError(f"{column.name} is {text[:40]!r}; expected true or false.")
        return text == "true"
    if column.datatype in NUMBERS:
        if not re.fullmatch(r"-?\d{1,15}", text):
            raise UsageError(f"{column.name} is {text[:40]!r}; expected a whole number.")
        return int(text)
    return text


def _read_span(column: Column, text: str) -> Span:
    match = _RANGE.fullmatch(text)
    if match is None:
        value = _number(column, text)
        return Span(column.name, value, _end_of_day(column, text, value))
    low, high = match["low"], match["high"]
    if match["sign"]:
        low, high = (match["bound"], None) if match["sign"].startswith(">") else (None, match["bound"])
    if low is None and high is None:
        raise UsageError(f"{column.name} is {text[:40]!r}; a range needs at least one end.")
    first = None if low is None else _number(column, low)
    last = None if high is None else _number(column, high)
    if first is not None and last is not None and first > last:
        raise UsageError(f"{column.name} is {text[:60]!r}; the first end must not be above the second.")
    return Span(column.name, first, last)


def _number(column: Column, text: str) -> float | int:
    if _is_time(column) and re.match(r"\d{4}-\d{2}-\d{2}", text):
        return mjd_tt_from_utc(text)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(
            f"{column.name} is {text[:40]!r}; expected a number, or a range such as 1..5, >=1 or <=5"
            f"{', or UTC dates such as 2003-01-01..2004-01-01' if _is_time(column) else ''}."
        )
    if column.datatype in {"short", "int", "long"}:
        if value != int(value) or abs(value) >= 2**53:
            raise UsageError(f"{column.name} is {text[:40]!r}; expected whole numbers.")
        return int(value)
    return value


def _end_of_day(column: Column, text: str, value: float) -> float:
    """Return the end of a range given by one word: a whole day for a date."""
    return value + 1.0 if _is_time(column) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else value


def _is_time(column: Column) -> bool:
    return column.name.endswith("_mjd_tt")
