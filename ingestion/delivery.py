"""The label of a delivery: `delivery.yaml` and `manifest-sha256.txt` (docs/reference/delivery-formats.md)."""

import fnmatch
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from archive.formats.findings import Finding, refuse

LABEL_NAME = "delivery.yaml"
MANIFEST_NAME = "manifest-sha256.txt"
FORMAT = 1
MAX_LABEL_BYTES = 1 << 20
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_FILE_NAME = re.compile(r"[a-z0-9_][a-z0-9._-]{0,67}")
_REQUIRED = ("delivery_format", "delivery_id", "title", "team", "simulated", "licence", "files")
_RELEASE_TYPES = {"new", "update"}


@dataclass(frozen=True, slots=True)
class Label:
    """What a team says of its delivery; `patterns` are (shell pattern on the file name, profile name)."""

    delivery_id: str
    title: str
    description: str
    team: str
    simulated: bool
    licence: str
    patterns: tuple[tuple[str, str], ...]


def read_label(path: Path) -> Label:
    """Read `delivery.yaml`.

    Raises
    ------
    FormatError
        ``LABEL-...`` with what is wrong.
    """
    if path.stat().st_size > MAX_LABEL_BYTES:
        raise refuse(
            "LABEL-SIZE",
            "the label is too large",
            path=LABEL_NAME,
            found=f"{path.stat().st_size} bytes",
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
        label = yaml.safe_load(raw.decode("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise refuse(
            "LABEL-SYNTAX", "the label is not YAML in UTF-8", path=LABEL_NAME, found=" ".join(str(error).split())[:200]
        ) from error
    if not isinstance(label, dict):
        raise refuse("LABEL-SYNTAX", "the label is not a mapping of keys to values", path=LABEL_NAME)
    missing = [key for key in _REQUIRED if key not in label]
    if missing:
        raise refuse(
            "LABEL-KEY",
            f"missing keys: {', '.join(missing)}",
            path=LABEL_NAME,
            column=missing[0],
            expected=", ".join(_REQUIRED),
        )
    if label["delivery_format"] != FORMAT:
        raise refuse(
            "LABEL-FORMAT",
            "this version of the label is unknown",
            path=LABEL_NAME,
            column="delivery_format",
            found=repr(label["delivery_format"]),
            expected=str(FORMAT),
        )
    if label.get("release_type", "new") not in _RELEASE_TYPES:
        raise refuse(
            "LABEL-RELEASE-TYPE",
            "this type of release cannot be ingested",
            path=LABEL_NAME,
            column="release_type",
            found=repr(label["release_type"]),
            expected=" or ".join(sorted(_RELEASE_TYPES)),
        )
    if not isinstance(label["delivery_id"], str) or not _ID.fullmatch(label["delivery_id"]):
        raise refuse(
            "LABEL-ID",
            "the delivery id is malformed",
            path=LABEL_NAME,
            column="delivery_id",
            found=repr(label["delivery_id"]),
            expected="1 to 80 of a-z 0-9 . _ -",
        )
    if not isinstance(label["simulated"], bool):
        raise refuse(
            "LABEL-SIMULATED",
            "simulated must be true or false",
            path=LABEL_NAME,
            column="simulated",
            found=repr(label["simulated"]),
        )
    for key, longest in (("title", 200), ("team", 80), ("licence", 80)):
        if not isinstance(label[key], str) or not 0 < len(label[key]) <= longest:
            raise refuse(
                "LABEL-TEXT",
                f"{key} must be a text of 1 to {longest} characters",
                path=LABEL_NAME,
                column=key,
                found=repr(label[key])[:80],
            )
    return Label(
        label["delivery_id"],
        label["title"],
        str(label.get("description", "")),
        label["team"],
        label["simulated"],
        label["licence"],
        _patterns(label["files"]),
    )


def _patterns(files: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(files, list) or not files:
        raise refuse(
            "LABEL-FILES",
            "files must be a list of patterns with profiles",
            path=LABEL_NAME,
            column="files",
            found=repr(files)[:80],
        )
    patterns = []
    for entry in files:
        if (
            not isinstance(entry, dict)
            or not isinstance(entry.get("pattern"), str)
            or not isinstance(entry.get("profile"), str)
        ):
            raise refuse(
                "LABEL-FILES",
                "each entry of files needs pattern and profile",
                path=LABEL_NAME,
                column="files",
                found=repr(entry)[:80],
            )
        patterns.append((entry["pattern"], entry["profile"]))
    return tuple(patterns)


def check_names(label: Label, names: list[str], profile_of: dict[str, str | None]) -> list[Finding]:
    """Compare the files with the label: every file one pattern, every pattern a file, every profile as found.

    Parameters
    ----------
    names
        Names of all files but label and manifest.
    profile_of
        Profile that the content of each file was recognised as; None = none.
    """
    findings = []
    matched: set[str] = set()
    for name in names:
        claims = [(pattern, profile) for pattern, profile in label.patterns if fnmatch.fnmatchcase(name, pattern)]
        matched |= {pattern for pattern, _ in claims}
        if not _FILE_NAME.fullmatch(name):
            findings.append(
                Finding(
                    "FILE-NAME",
                    "error",
                    "the file name is not allowed",
                    path=name,
                    expected="1 to 68 of a-z 0-9 . _ -, no folder",
                )
            )
        if not claims:
            findings.append(
                Finding(
                    "FILE-UNDECLARED",
                    "error",
                    "no pattern of the label claims the file",
                    path=name,
                    fix=f"Add a pattern to {LABEL_NAME} or leave the file out.",
                )
            )
        elif len(claims) > 1:
            findings.append(
                Finding(
                    "FILE-OVERLAP",
                    "error",
                    "several patterns of the label claim the file",
                    path=name,
                    found=", ".join(pattern for pattern, _ in claims),
                    expected="one",
                )
            )
        elif profile_of[name] != claims[0][1]:
            found = profile_of[name] or "no known kind of file"
            findings.append(
                Finding(
                    "FILE-PROFILE",
                    "error",
                    "the content is not of the kind the label says",
                    path=name,
                    found=found,
                    expected=claims[0][1],
                )
            )
    for pattern, profile in label.patterns:
        if pattern not in matched:
            findings.append(
                Finding(
                    "FILE-ABSENT",
                    "error",
                    "a pattern of the label matches no file",
                    path=LABEL_NAME,
                    column="files",
                    found=pattern,
                    expected=f"at least one file of profile {profile}",
                )
            )
    return findings


def check_manifest(path: Path, digests: dict[str, str]) -> list[Finding]:
    """Compare `manifest-sha256.txt` with the digests of the files (the manifest itself left out)."""
    if not path.is_file():
        return [
            Finding(
                "MANIFEST-ABSENT",
                "error",
                f"the delivery has no {MANIFEST_NAME}",
                path=MANIFEST_NAME,
                fix="Write one line '<sha256>  <file name>' per file.",
            )
        ]
    findings = []
    declared: dict[str, str] = {}
    for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), start=1):
        match = re.fullmatch(r"([0-9a-fA-F]{64}) [ *](.+)", line)
        if match is None:
            findings.append(
                Finding(
                    "MANIFEST-LINE",
                    "error",
                    "the line is not a digest and a name",
                    path=MANIFEST_NAME,
                    row=number,
                    found=repr(line[:80]),
                    expected="<sha256>  <file name>",
                )
            )
        else:
            declared[match[2]] = match[1].lower()
    for name, digest in digests.items():
        if name not in declared:
            findings.append(Finding("MANIFEST-EXTRA", "error", "the file is not in the manifest", path=name))
        elif declared[name] != digest:
            findings.append(
                Finding(
                    "MANIFEST-DIGEST",
                    "error",
                    "the file is not the one the manifest lists",
                    path=name,
                    found=digest,
                    expected=declared[name],
                    fix="Deliver the file again.",
                )
            )
    findings += [
        Finding("MANIFEST-MISSING", "error", "the manifest lists a file that is not there", path=name)
        for name in declared
        if name not in digests
    ]
    return findings
