"""Checks of whole columns of FITS tables; each returns the rows that must not be used and notes the first of them."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from archive.errors import UsageError
from archive.times import MISSION_START_MJD_TT, MISSION_STOP_MJD_TT
from ingestion.cells import Findings
from ingestion.rows import Row

RowT = TypeVar("RowT", bound=Row)

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]


def note_rows(
    findings: Findings,
    bad: BoolArray,
    rule: str,
    message: str,
    *,
    place: tuple[str, str],
    found: Any,
    expected: str,
    fix: str = "",
) -> BoolArray:
    """Note the first of the bad rows as an error; `place` is HDU and column, `found` has one value a row."""
    rows = np.flatnonzero(bad)
    if len(rows):
        first = int(rows[0])
        more = f" ({len(rows)} rows, the first shown)" if len(rows) > 1 else ""
        findings.add(
            rule,
            "error",
            message + more,
            hdu=place[0],
            row=first + 1,
            column=place[1],
            found=str(found[first]),
            expected=expected,
            fix=fix,
            count=len(rows),
        )
    return bad


def check_range(
    values: FloatArray, low: float, high: float, column: str, label: str, findings: Findings, *, missing: bool = False
) -> BoolArray:
    """Check that numbers are finite and within [low, high]; with `missing`, NaN is allowed."""
    bad = ~((values >= low) & (values <= high))
    if missing:
        bad &= ~np.isnan(values)
    return note_rows(
        findings,
        bad,
        "CELL-RANGE",
        "the number is missing or out of range",
        place=(label, column),
        found=values,
        expected=f"{low:g} to {high:g}",
    )


def check_in_mission(mjd_tt: FloatArray, column: str, label: str, findings: Findings) -> BoolArray:
    """Check that times (MJD TT) lie in the mission."""
    bad = ~((mjd_tt >= MISSION_START_MJD_TT) & (mjd_tt <= MISSION_STOP_MJD_TT))
    return note_rows(
        findings,
        bad,
        "TIME-MISSION",
        "the time is outside the mission",
        place=(label, column),
        found=mjd_tt,
        expected=f"MJD(TT) {MISSION_START_MJD_TT:g} to {MISSION_STOP_MJD_TT:g}",
    )


def check_order(
    start: FloatArray, stop: FloatArray, longest_d: float, column: str, label: str, findings: Findings
) -> BoolArray:
    """Check that each interval ends after it starts and is not longer than `longest_d` days."""
    length = stop - start
    return note_rows(
        findings,
        ~((length > 0) & (length <= longest_d)),
        "TIME-ORDER",
        "the interval does not end after it starts, or lasts too long",
        place=(label, column),
        found=length,
        expected=f"0 to {longest_d:g} d",
    )


def check_ids(
    texts: list[str], parse: Callable[[str], object], column: str, label: str, findings: Findings
) -> tuple[list[Any], BoolArray]:
    """Parse identifiers; returns what `parse` made of them and the rows where it refused."""
    bad = np.zeros(len(texts), dtype=bool)
    parsed: list[Any] = []
    for row, text in enumerate(texts):
        try:
            parsed.append(parse(text))
        except UsageError as error:
            bad[row] = True
            parsed.append(text)
            findings.add("IDENTIFIER", "error", str(error), hdu=label, row=row + 1, column=column, found=repr(text))
    return parsed, bad


def check_filled(texts: list[str], column: str, label: str, findings: Findings) -> BoolArray:
    """Check that texts are not blank."""
    return note_rows(
        findings,
        np.array([not text for text in texts], dtype=bool),
        "CELL-MISSING",
        "the value is missing",
        place=(label, column),
        found=texts,
        expected="text",
    )


def clean_rows(kind: type[RowT], columns: dict[str, list[Any]], bad: BoolArray) -> list[RowT]:
    """Build rows from columns, leaving out the bad ones."""
    names = tuple(columns)
    return [
        kind(**dict(zip(names, values, strict=True)))
        for values, wrong in zip(zip(*columns.values(), strict=True), bad.tolist(), strict=True)
        if not wrong
    ]
