"""Third step: what can only be seen across files: duplicate and contradicting rows, mixed simulated and real files."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from archive.formats.findings import Finding
from ingestion.read import ReadFile
from ingestion.rows import ReferenceRow, Row, key_of

MAX_SAID = 20
# How far two files may differ on the same fact: rounding of a text file, float32 in another.
_TOLERANCE = {"ra": 2e-4, "dec": 2e-4, "ra_z": 2e-4, "dec_z": 2e-4}
_TIME_TOLERANCE_D = 2e-5
_RELATIVE_TOLERANCE = 1e-4
_ELAPSED_TOLERANCE_S = 1.5


def check_simulated(said: Mapping[bool, Sequence[str]], *, declared: bool | None) -> tuple[bool, list[Finding]]:
    """Return whether the delivery is simulated; files that say otherwise than the rest or than the label are errors.

    Parameters
    ----------
    said
        Names of the files that say they are simulated (True), and of those that do not.
    declared
        What the label says; None without one.
    """
    if declared is None:
        if len(said) > 1:
            names = ", ".join(said[True])[:200]
            return False, [
                Finding(
                    "SIMULATED-MIXED",
                    "error",
                    "simulated and real files lie side by side",
                    found=names,
                    expected="one kind",
                    fix="Deliver simulated files apart.",
                )
            ]
        return True in said, []
    wrong = said.get(not declared, ())
    return declared, [_contradiction(name, declared=declared) for name in wrong[:MAX_SAID]]


def _contradiction(name: str, *, declared: bool) -> Finding:
    if declared:
        message = "the label says simulated, the file does not (SIMULATD)"
        return Finding("SIMULATED-UNMARKED", "error", message, path=name, column="SIMULATD")
    message = "the file says simulated (SIMULATD), the label does not"
    return Finding("SIMULATED-UNDECLARED", "error", message, path=name, column="SIMULATD")


def join_rows(files: Iterable[ReadFile]) -> tuple[list[Row], list[Finding]]:
    """Join the rows of all files: one row per key.

    A key twice in one file is an error. The same key in several files is one thing described twice: what one leaves out
    the other fills in, and where both speak they must agree within rounding.
    """
    joined: dict[tuple[object, ...], tuple[Row, str]] = {}
    findings: list[Finding] = []
    shared = 0
    for file in files:
        seen: set[tuple[object, ...]] = set()
        number: dict[str, int] = {}
        for row in file.rows:
            number[row.TABLE] = number.get(row.TABLE, 0) + 1
            key = (row.TABLE, *_identity(row))
            if key in seen:
                found = ", ".join(str(value) for value in key[1:])
                findings.append(
                    Finding(
                        "ROW-DUPLICATE",
                        "error",
                        f"the key {', '.join(row.KEY)} occurs twice",
                        path=file.file.name,
                        row=number[row.TABLE],
                        column=row.KEY[-1],
                        found=found,
                        expected="once",
                    )
                )
                continue
            seen.add(key)
            if key in joined:
                shared += 1
                merged, conflict = _fill(joined[key][0], row)
                joined[key] = (merged, joined[key][1])
                if conflict:
                    findings.append(_conflict(file.file.name, joined[key][1], row, conflict))
            else:
                joined[key] = (row, file.file.name)
    if shared:
        findings.append(
            Finding(
                "ROW-SHARED", "info", f"{shared} rows describe things that another file describes too; they were joined"
            )
        )
    return [row for row, _ in joined.values()], _first_of_each(findings)


def _identity(row: Row) -> tuple[object, ...]:
    """Return the key of a row; an entry of a bare list has no source id yet and goes by its name."""
    if isinstance(row, ReferenceRow) and not row.source_id:
        return (row.catalogue_version, row.name)
    return key_of(row)


def _conflict(name: str, other: str, row: Row, conflict: tuple[str, object, object]) -> Finding:
    column, ours, theirs = conflict
    message = f"{', '.join(str(value) for value in key_of(row))}: two files disagree"
    return Finding(
        "ROW-CONFLICT",
        "error",
        message,
        path=name,
        column=column,
        found=str(theirs),
        expected=f"{ours} as in {other}",
        fix="Leave one of the files out or correct it.",
    )


def _first_of_each(findings: list[Finding]) -> list[Finding]:
    """Keep the first findings of each rule and file; say how many more there were."""
    kept: list[Finding] = []
    counts: dict[tuple[str, str], int] = {}
    for finding in findings:
        slot = (finding.rule, finding.path)
        counts[slot] = counts.get(slot, 0) + 1
        if counts[slot] <= MAX_SAID:
            kept.append(finding)
    kept += [
        Finding(rule, "error", f"{count - MAX_SAID} further findings of this kind", path=path, count=count - MAX_SAID)
        for (rule, path), count in counts.items()
        if count > MAX_SAID
    ]
    return kept


def _fill(row: Row, other: Row) -> tuple[Row, tuple[str, object, object] | None]:
    """Fill what `row` leaves out from `other`; return the first contradiction too."""
    filled: dict[str, Any] = {}
    for name in (field.name for field in fields(row)):
        ours, theirs = getattr(row, name), getattr(other, name)
        if theirs in (None, "", ()):
            continue
        if ours in (None, "", ()):
            filled[name] = theirs
        elif not _agree(name, ours, theirs):
            return row, (name, ours, theirs)
    return (replace(row, **filled) if filled else row), None


def _agree(name: str, ours: object, theirs: object) -> bool:
    if not isinstance(ours, float | int) or not isinstance(theirs, float | int):
        return ours == theirs
    if name in _TOLERANCE:
        return abs(ours - theirs) <= _TOLERANCE[name]
    if name.endswith("_mjd_tt"):
        return abs(ours - theirs) <= _TIME_TOLERANCE_D
    if name.endswith("_s"):
        return abs(ours - theirs) <= max(_ELAPSED_TOLERANCE_S, _RELATIVE_TOLERANCE * abs(ours))
    return math.isclose(ours, theirs, rel_tol=_RELATIVE_TOLERANCE)
