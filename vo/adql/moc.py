"""Reads coverages written as text: MOC 2.0 section 4.2.3, spatial ones."""

import re
from collections.abc import Sequence

from archive.healpix import HPX_ORDER

MOST_CELLS = 50_000
_WORD = re.compile(r"(?:(?P<order>\d{1,2})/)?(?:(?P<first>\d{1,19})(?:-(?P<last>\d{1,19}))?)?")


class MocError(ValueError):
    """The text is not a coverage; says what stands where."""


def read_moc(text: str) -> tuple[tuple[int, int], ...]:
    """Return the half-open ranges of order-29 cells, sorted, none touching another.

    Raises
    ------
    MocError
        If the text is not a coverage, has an order above 29, a cell that does not exist, or too many cells.

    Examples
    --------
    >>> read_moc("0/0-1 3 29/") == ((0, 2 << 58), (3 << 58, 4 << 58))
    True
    """
    order: int | None = None
    ranges: list[tuple[int, int]] = []
    for word in text.replace(",", " ").split():
        match = _WORD.fullmatch(word)
        if match is None or (match["order"] is None and order is None):
            msg = f"{word[:40]!r} stands where an order or a cell should; written like 4/30-33 38 5/172"
            raise MocError(msg)
        order = order if match["order"] is None else int(match["order"])
        if order is None or order > HPX_ORDER:
            msg = f"the order {order} is above {HPX_ORDER}"
            raise MocError(msg)
        if match["first"] is None:
            continue
        first, last = int(match["first"]), int(match["last"] or match["first"])
        if not first <= last < 12 << (2 * order):
            msg = f"{word[:40]!r}: at order {order} cells go from 0 to {(12 << (2 * order)) - 1}"
            raise MocError(msg)
        ranges.append((first << (2 * (HPX_ORDER - order)), (last + 1) << (2 * (HPX_ORDER - order))))
        if len(ranges) > MOST_CELLS:
            msg = f"it has more than {MOST_CELLS} cells and ranges; make it coarser"
            raise MocError(msg)
    if order is None:
        msg = "it is empty; written like 4/30-33 38 5/172"
        raise MocError(msg)
    return joined(sorted(ranges))


def joined(ranges: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return sorted ranges with those made one that touch or overlap."""
    result: list[tuple[int, int]] = []
    for low, high in ranges:
        if result and low <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], high))
        else:
            result.append((low, high))
    return tuple(result)


def coarser(ranges: tuple[tuple[int, int], ...], most: int) -> tuple[tuple[int, int], ...]:
    """Return at most `most` ranges that hold these: the narrowest gaps between them are closed."""
    if len(ranges) <= most:
        return ranges
    by_width = sorted(range(1, len(ranges)), key=lambda i: ranges[i][0] - ranges[i - 1][1])
    closed = set(by_width[: len(ranges) - most])
    result: list[tuple[int, int]] = [ranges[0]]
    for i, (low, high) in enumerate(ranges[1:], 1):
        if i in closed:
            result[-1] = (result[-1][0], high)
        else:
            result.append((low, high))
    return tuple(result)
