"""Keyset paging: a page is found by the last row of the one before it, at equal cost however deep it lies."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import BooleanField, F, Func, Model, QuerySet, Value
from django.db.models.lookups import GreaterThan, LessThan

from archive.errors import UsageError

RowT = TypeVar("RowT", bound=Model)

MIN_SIZE, DEFAULT_SIZE, MAX_SIZE = 10, 50, 1000


@dataclass(frozen=True, slots=True)
class Page(Generic[RowT]):
    """Rows of one page and the marks of its neighbours ('' where there is none)."""

    rows: tuple[RowT, ...]
    next_mark: str
    previous_mark: str


def take_page(rows: QuerySet[RowT], *, order: str, key: str, mark: str = "", size: int = DEFAULT_SIZE) -> Page[RowT]:
    """Cut one page out of a query; rows without a value in the column of the order come last.

    Parameters
    ----------
    order : column to sort by, with `-` for descending
    key : unique column that settles ties, ascending in the direction of `order`
    mark : as given by `Page`; '' = first page

    Raises
    ------
    UsageError
        If the mark was not made by this function for this order.
    """
    column, descending = order.lstrip("-"), order.startswith("-")
    backwards, position = _read_mark(mark, order)
    ascending = descending == backwards
    found: list[RowT] = []
    # Each part is in the order of an index: the rows that have a value, and those that have none.
    parts = (True,) if column == key else (False, True) if backwards else (True, False)
    if position is not None and parts[0] != (position[0] is not None):
        parts = parts[1:]
    try:
        for number, has_value in enumerate(parts):
            part = rows if column == key else rows.filter(**{f"{column}__isnull": not has_value})
            terms = (column, key) if has_value else (key,)
            if number == 0 and position is not None:
                part = part.filter(_after(part, terms, position[-len(terms) :], up=ascending))
            sign = "" if ascending else "-"
            found += part.order_by(*(sign + name for name in terms))[: size + 1 - len(found)]
            if len(found) > size:
                break
    except (ValueError, TypeError) as error:
        raise _bad_mark(mark) from error
    more = len(found) > size
    found = found[:size]
    if backwards:
        found.reverse()
    has_next, has_previous = (position is not None, more) if backwards else (more, position is not None)
    return Page(
        tuple(found),
        _write_mark("a", found[-1], column, key, order) if found and has_next else "",
        _write_mark("b", found[0], column, key, order) if found and has_previous else "",
    )


def _after(
    rows: QuerySet[RowT], columns: Sequence[str], values: Sequence[object], *, up: bool
) -> GreaterThan | LessThan:
    """Compare rows of values, which an index on the columns answers at any depth."""
    own: list[Any] = [F(name).resolve_expression(rows.query) for name in columns]
    given = [Value(column.output_field.get_prep_value(value)) for column, value in zip(own, values, strict=True)]
    compare = GreaterThan if up else LessThan
    # The comparison is PostgreSQL's; the type is there because Django asks for one.
    return compare(*(Func(*side, function="ROW", output_field=BooleanField()) for side in (own, given)))


def read_size(text: str) -> int:
    """Read the number of rows a page shall have.

    Raises
    ------
    UsageError
        If it is not a whole number from 10 to 1000.
    """
    if not text:
        return DEFAULT_SIZE
    if not text.isascii() or not text.isdigit() or not MIN_SIZE <= int(text[:6]) <= MAX_SIZE:
        raise UsageError(f"size is {text[:40]!r}; expected a whole number from {MIN_SIZE} to {MAX_SIZE}.")
    return int(text)


def _write_mark(direction: str, row: Model, column: str, key: str, order: str) -> str:
    content = json.dumps([direction, order, getattr(row, column), getattr(row, key)], separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def _read_mark(mark: str, order: str) -> tuple[bool, tuple[object, object] | None]:
    if not mark:
        return False, None
    try:
        content = json.loads(base64.urlsafe_b64decode(mark + "=" * (-len(mark) % 4)))
        direction, marked_order, value, tie = content
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise _bad_mark(mark) from error
    known = (tie,) if value is None else (value, tie)
    scalar = all(isinstance(part, str | int | float) and not isinstance(part, bool) for part in known)
    finite = all(abs(part) < 2**63 for part in (value, tie) if isinstance(part, int | float))
    clean = all("\x00" not in part for part in (value, tie) if isinstance(part, str))
    if direction not in {"a", "b"} or marked_order != order or not scalar or not finite or not clean:
        raise _bad_mark(mark)
    return direction == "b", (value, tie)


def _bad_mark(mark: str) -> UsageError:
    return UsageError(f"page {mark[:40]!r} is not a page of this list; start again from its first page.")
