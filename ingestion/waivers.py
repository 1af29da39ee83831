"""Waivers: a rule that a delivery may break, for a stated reason, until a stated day, in public.

Only rules whose breach leaves every value readable can be waived. Whatever would be lost, guessed or unsafe cannot.
"""

import fnmatch
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from archive.formats.findings import Finding, FormatError, refuse

LABEL_NAME = "delivery.yaml"
WAIVABLE = (
    "FILE-CASE",
    "FITS-CHECKSUM",
    "FITS-DATASUM",
    "FITS-NO-CHECKSUM",
    "RESPONSE-ABSENT",
    "UCD-UNKNOWN",
    "UNIT-UNKNOWN",
)
MAX_REASON = 1000
MAX_BY = 80
_KEYS = {"rule", "files", "reason", "by", "expires"}


@dataclass(frozen=True, slots=True)
class Waiver:
    """Leave to break `rule` in the files that match the shell pattern `files`, up to and including `expires`."""

    rule: str
    files: str
    reason: str
    by: str
    expires: date


def parse_waivers(entries: object) -> tuple[Waiver, ...]:
    """Read the key `waivers` of a label.

    Raises
    ------
    FormatError
        ``WAIVER-FORM`` or ``WAIVER-RULE``.
    """
    if not isinstance(entries, list):
        raise _malformed(entries)
    return tuple(_parse_waiver(entry) for entry in entries)


def _parse_waiver(entry: object) -> Waiver:
    if not isinstance(entry, dict) or set(entry) - _KEYS or not {"rule", "reason", "by", "expires"} <= set(entry):
        raise _malformed(entry)
    facts: Mapping[str, Any] = entry
    expires = facts["expires"]
    if isinstance(expires, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", expires):
        try:
            expires = date.fromisoformat(expires)
        except ValueError as error:
            raise _malformed(entry) from error
    texts = (facts["rule"], facts.get("files", "*"), facts["reason"], facts["by"])
    if type(expires) is not date or not all(isinstance(text, str) and text.strip() for text in texts):
        raise _malformed(entry)
    if len(facts["reason"]) > MAX_REASON or len(facts["by"]) > MAX_BY:
        raise _malformed(entry)
    if facts["rule"] not in WAIVABLE:
        raise refuse(
            "WAIVER-RULE",
            "this rule cannot be waived: breaking it would lose values or hide what they mean",
            path=LABEL_NAME,
            column="waivers",
            found=repr(facts["rule"])[:80],
            expected=" or ".join(WAIVABLE),
        )
    return Waiver(facts["rule"], texts[1], facts["reason"].strip(), facts["by"].strip(), expires)


def _malformed(entry: object) -> FormatError:
    return refuse(
        "WAIVER-FORM",
        "a waiver needs rule, reason, by (who grants it) and expires (YYYY-MM-DD); files is a shell pattern",
        path=LABEL_NAME,
        column="waivers",
        found=repr(entry)[:80],
    )


def apply_waivers(findings: Iterable[Finding], waivers: tuple[Waiver, ...], today: date) -> list[Finding]:
    """Turn errors that are waived into warnings that say so; expired and unused waivers are findings themselves."""
    used: set[Waiver] = set()
    applied = []
    for finding in findings:
        waiver = _waiver_of(finding, waivers) if finding.severity == "error" else None
        if waiver is None:
            applied.append(finding)
            continue
        used.add(waiver)
        if today > waiver.expires:
            applied.append(finding)
            continue
        words = f"{finding.message.rstrip('.')}; waived until {waiver.expires} by {waiver.by}: {waiver.reason}"
        applied.append(replace(finding, severity="warning", message=words))
    for waiver in waivers:
        if today > waiver.expires:
            message = f"the waiver of {waiver.rule} has expired and does not count any more"
            fix = "Correct the files, or agree on a new waiver with the archive."
            found = str(waiver.expires)
            applied.append(
                Finding("WAIVER-EXPIRED", "warning", message, path=LABEL_NAME, column="waivers", found=found, fix=fix)
            )
        elif waiver not in used:
            message = f"nothing breaks the rule {waiver.rule} in {waiver.files}: the waiver is not needed"
            fix = "Take the waiver out."
            applied.append(Finding("WAIVER-UNUSED", "warning", message, path=LABEL_NAME, column="waivers", fix=fix))
    return applied


def _waiver_of(finding: Finding, waivers: tuple[Waiver, ...]) -> Waiver | None:
    fits = (one for one in waivers if one.rule == finding.rule and fnmatch.fnmatchcase(finding.path, one.files))
    return max(fits, key=lambda one: one.expires, default=None)
