"""The label of a delivery, `delivery.yaml`: what a team says of what it hands over.

Every key is listed in `KEYS`; docs/reference/delivery-package.md says what each means.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from archive.formats.findings import Finding, FormatError, refuse
from ingestion.people import is_orcid, is_paper
from ingestion.waivers import LABEL_NAME, Waiver, parse_waivers

FORMAT = 1
MAX_LABEL_BYTES = 1 << 20
RELEASE_TYPES = ("new", "update", "supersede", "withdraw")
INSTRUMENTS = ("isgri", "picsit", "spi", "jemx1", "jemx2", "jemx", "ibis", "omc", "irem")
REQUIRED = ("delivery_format", "delivery_id", "title", "team", "simulated", "licence", "files")
RECOMMENDED = ("contact_role", "instruments", "collection", "software", "calibration")
COMMUNITY = ("kind", "creators", "papers")
_OPTIONAL = ("description", "completeness", "release_type", "supersedes", "reason", "expected_rows", "waivers")
KEYS = (*REQUIRED, *RECOMMENDED, *_OPTIONAL, *COMMUNITY)
KINDS = ("team", "community", "archive")
COMMUNITY_LICENCES = ("CC-BY-4.0", "CC0-1.0")
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_TEXTS = {
    "title": 200,
    "team": 80,
    "licence": 80,
    "contact_role": 120,
    "collection": 80,
    "reason": 1000,
    "completeness": 1000,
}


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which files are of which kind: a shell pattern on the file name, a profile, how many files there must be."""

    pattern: str
    profile: str
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """What a team says of its delivery.

    `software` and `calibration` map a name to a version; `expected_rows` maps a published table to its number of rows.
    `kind` says who answers for it: ``team`` (an instrument team), ``community`` or ``archive``; `creators` are ORCIDs,
    `papers` DOIs or bibcodes. `completeness` is what the delivery leaves out, in words, '' = not stated.
    """

    delivery_id: str
    title: str
    team: str
    simulated: bool
    licence: str
    patterns: tuple[Pattern, ...]
    description: str = ""
    release_type: str = "new"
    supersedes: str = ""
    reason: str = ""
    contact_role: str = ""
    collection: str = ""
    instruments: tuple[str, ...] = ()
    software: Mapping[str, str] = field(default_factory=dict)
    calibration: Mapping[str, str] = field(default_factory=dict)
    expected_rows: Mapping[str, int] = field(default_factory=dict)
    completeness: str = ""
    waivers: tuple[Waiver, ...] = ()
    kind: str = "team"
    creators: tuple[str, ...] = ()
    papers: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def read_label(path: Path) -> Label:
    """Read `delivery.yaml`.

    Raises
    ------
    FormatError
        ``LABEL-...`` with what is wrong.
    """
    label = _parse(path)
    _check_known(label)
    _check_words(label)
    _check_people(label)
    release_type = label.get("release_type", "new")
    replaced = label.get("supersedes", "")
    if release_type in {"supersede", "withdraw"} and not replaced:
        raise _wrong(
            "LABEL-SUPERSEDES",
            f"release type {release_type} must name the delivery that it replaces or withdraws",
            "supersedes",
            None,
            "the delivery_id of a published delivery",
        )
    if replaced and (not _is_id(replaced) or replaced == label["delivery_id"]):
        raise _wrong(
            "LABEL-SUPERSEDES", "supersedes is not the id of another delivery", "supersedes", replaced, "a delivery_id"
        )
    if release_type == "withdraw" and not label.get("reason"):
        raise _wrong(
            "LABEL-REASON", "a withdrawal needs its reason: users will read it", "reason", None, "one sentence"
        )
    patterns = _patterns(label["files"], empty=release_type == "withdraw")
    missing = [key for key in RECOMMENDED if not label.get(key)]
    findings = ()
    if missing and not label["simulated"]:
        message = f"the label leaves out {', '.join(missing)}"
        fix = "Fill them in: nobody will know in twenty years."
        findings = (Finding("LABEL-INCOMPLETE", "warning", message, path=LABEL_NAME, column=missing[0], fix=fix),)
    return Label(
        delivery_id=label["delivery_id"],
        title=label["title"],
        team=label["team"],
        simulated=label["simulated"],
        licence=label["licence"],
        patterns=patterns,
        description=str(label.get("description") or ""),
        release_type=release_type,
        supersedes=replaced,
        reason=label.get("reason") or "",
        contact_role=label.get("contact_role") or "",
        collection=label.get("collection") or "",
        instruments=tuple(label.get("instruments") or ()),
        software=_versions(label, "software"),
        calibration=_versions(label, "calibration"),
        expected_rows=_expected_rows(label),
        completeness=label.get("completeness") or "",
        waivers=parse_waivers(label.get("waivers") or []),
        kind=label.get("kind") or "team",
        creators=tuple(label.get("creators") or ()),
        papers=tuple(label.get("papers") or ()),
        findings=findings,
    )


def _wrong(rule: str, message: str, key: str, found: object, expected: str = "") -> FormatError:
    """Refuse a key of the label; `rule` stands first so that the list of rules finds it."""
    return refuse(rule, message, path=LABEL_NAME, column=key, found=repr(found)[:80], expected=expected)


def _parse(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    if size > MAX_LABEL_BYTES:
        raise refuse(
            "LABEL-SIZE",
            "the label is too large",
            path=LABEL_NAME,
            found=f"{size} bytes",
            expected=f"at most {MAX_LABEL_BYTES}",
        )
    raw = path.read_bytes()
    if re.search(rb"(?m)(?:^|[\s\[{,])[&*][A-Za-z0-9]", raw):
        raise refuse(
            "LABEL-ALIAS",
            "anchors and aliases are not allowed in the label",
            path=LABEL_NAME,
            fix="Write the values out.",
        )
    try:
        label = yaml.load(raw.decode("utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader that refuses duplicates
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise refuse(
            "LABEL-SYNTAX", "the label is not YAML in UTF-8", path=LABEL_NAME, found=" ".join(str(error).split())[:200]
        ) from error
    if not isinstance(label, dict):
        raise refuse("LABEL-SYNTAX", "the label is not a mapping of keys to values", path=LABEL_NAME)
    return label


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, but a key given twice is an error and not silently the last one."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's
        keys = [key.value for key, _ in node.value]
        twice = {str(key) for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.YAMLError(f"the key {', '.join(sorted(twice))} is given twice")
        return super().construct_mapping(node, deep)


def _check_known(label: dict[str, Any]) -> None:
    missing = [key for key in REQUIRED if key not in label]
    if missing:
        raise refuse(
            "LABEL-KEY",
            f"missing keys: {', '.join(missing)}",
            path=LABEL_NAME,
            column=missing[0],
            expected=", ".join(REQUIRED),
        )
    unknown = [str(key) for key in label if key not in KEYS]
    if unknown:
        raise refuse(
            "LABEL-UNKNOWN",
            f"unknown keys: {', '.join(unknown)[:200]}",
            path=LABEL_NAME,
            column=unknown[0][:80],
            expected=", ".join(KEYS),
            fix="Correct the spelling or leave the key out: it would be ignored.",
        )


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _check_words(label: dict[str, Any]) -> None:
    if label["delivery_format"] != FORMAT:
        raise _wrong(
            "LABEL-FORMAT",
            "this version of the label is unknown",
            "delivery_format",
            label["delivery_format"],
            str(FORMAT),
        )
    if label.get("release_type", "new") not in RELEASE_TYPES:
        raise _wrong(
            "LABEL-RELEASE-TYPE",
            "this type of release is unknown",
            "release_type",
            label["release_type"],
            " or ".join(RELEASE_TYPES),
        )
    if not _is_id(label["delivery_id"]):
        raise _wrong(
            "LABEL-ID",
            "the delivery id is malformed",
            "delivery_id",
            label["delivery_id"],
            "1 to 80 of a-z 0-9 . _ -",
        )
    if not isinstance(label["simulated"], bool):
        raise _wrong("LABEL-SIMULATED", "simulated must be true or false", "simulated", label["simulated"])
    for key, longest in _TEXTS.items():
        value = label.get(key)
        needed = key in REQUIRED
        if (needed or value is not None) and (not isinstance(value, str) or not 0 < len(value.strip()) <= longest):
            raise _wrong("LABEL-TEXT", f"{key} must be a text of 1 to {longest} characters", key, value)
    instruments = label.get("instruments") or []
    if not isinstance(instruments, list) or any(word not in INSTRUMENTS for word in instruments):
        raise _wrong(
            "LABEL-INSTRUMENT",
            "instruments must be a list of known instruments",
            "instruments",
            instruments,
            ", ".join(INSTRUMENTS),
        )


def _check_people(label: dict[str, Any]) -> None:
    kind = label.get("kind") or "team"
    if kind not in KINDS:
        raise _wrong("LABEL-KIND", "who answers for the delivery is unknown", "kind", kind, " or ".join(KINDS))
    creators, papers = label.get("creators") or [], label.get("papers") or []
    if not isinstance(creators, list) or not all(map(is_orcid, creators)):
        expected = "a list of ORCIDs with right check digits, for example 0000-0002-1825-0097"
        raise _wrong("LABEL-ORCID", "creators must be ORCIDs", "creators", creators, expected)
    if not isinstance(papers, list) or not all(map(is_paper, papers)):
        expected = "a list, for example 10.1051/0004-6361:20031443 or 2003A&A...411L.131U"
        raise _wrong("LABEL-PAPER", "papers must be DOIs, bibcodes or arXiv numbers", "papers", papers, expected)
    if kind != "community":
        return
    missing = [key for key in ("creators", "papers", "description") if not label.get(key)]
    if missing:
        message = "a community product needs its authors' ORCIDs, a paper and a description"
        raise _wrong("LABEL-COMMUNITY", message, missing[0], None, "creators, papers and description")
    if label["licence"] not in COMMUNITY_LICENCES:
        message = "a community product needs a licence that lets everybody use it"
        raise _wrong("LABEL-COMMUNITY", message, "licence", label["licence"], " or ".join(COMMUNITY_LICENCES))


def _versions(label: dict[str, Any], key: str) -> dict[str, str]:
    value = label.get(key) or {}
    if not isinstance(value, dict) or not all(
        isinstance(version, str | int | float) and not isinstance(version, bool) for version in value.values()
    ):
        raise _wrong("LABEL-VERSIONS", f"{key} must map names to versions", key, value, "for example {OSA: '11.2'}")
    return {str(name): str(version) for name, version in value.items()}


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _expected_rows(label: dict[str, Any]) -> dict[str, int]:
    value = label.get("expected_rows") or {}
    if not isinstance(value, dict) or not all(_is_count(count) for count in value.values()):
        raise _wrong("LABEL-COUNT", "expected_rows must map tables to numbers", "expected_rows", value)
    return {str(table): count for table, count in value.items()}


def _patterns(files: object, *, empty: bool) -> tuple[Pattern, ...]:
    if not isinstance(files, list) or (not files and not empty):
        raise _wrong("LABEL-FILES", "files must be a list of patterns with profiles", "files", files)
    patterns = []
    for entry in files:
        if (
            not isinstance(entry, dict)
            or not isinstance(entry.get("pattern"), str)
            or not isinstance(entry.get("profile"), str)
            or set(entry) - {"pattern", "profile", "count"}
        ):
            raise _wrong(
                "LABEL-FILES", "each entry of files needs pattern and profile, and may have count", "files", entry
            )
        if entry.get("count") is not None and not _is_count(entry["count"]):
            raise _wrong("LABEL-COUNT", "count must be a whole number", "files", entry)
        patterns.append(Pattern(entry["pattern"], entry["profile"], entry.get("count")))
    return tuple(patterns)
