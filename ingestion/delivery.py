"""The files of a delivery against its label and its list of checksums (docs/reference/delivery-package.md)."""

import fnmatch
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from archive.formats.findings import Finding
from ingestion.label import LABEL_NAME, Label, Pattern

MANIFEST_NAME = "manifest-sha256.txt"
MAX_MANIFEST_BYTES = 64 << 20
MAX_SAID = 20
_WILD = re.compile(r"[*?\[]")
_FILE_NAME = re.compile(r"[a-z0-9_][a-z0-9._-]{0,67}")
_FILE_NAME_OF_OLD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,67}")


def is_safe_name(name: str) -> bool:
    """Say whether a file may be stored under a name; the rules may still refuse it (FILE-CASE).

    Examples
    --------
    >>> is_safe_name("Crab_lc.fits"), is_safe_name("../x"), is_safe_name(".hidden")
    (True, False, False)
    """
    return bool(_FILE_NAME_OF_OLD.fullmatch(name))


def check_names(
    label: Label, names: list[str], profile_of: dict[str, str | None], seen: Mapping[str, str] = MappingProxyType({})
) -> list[Finding]:
    """Compare the files with the label: every file one pattern, every pattern a file, every profile as found.

    Parameters
    ----------
    names
        Names of all files but label and manifest.
    profile_of
        Profile that the content of each file was recognised as; None = none.
    seen
        What is in files that no profile claims, in words.
    """
    findings = []
    matched: dict[str, int] = {}
    claims_of = _claims_of(label.patterns)
    for name in names:
        claims = claims_of(name)
        for entry in claims:
            matched[entry.pattern] = matched.get(entry.pattern, 0) + 1
        if not _FILE_NAME.fullmatch(name) and _FILE_NAME_OF_OLD.fullmatch(name):
            findings.append(
                Finding(
                    "FILE-CASE",
                    "error",
                    "the file name has capitals or a plus sign",
                    path=name,
                    expected="1 to 68 of a-z 0-9 . _ -, no folder",
                    fix="Rename the file, and what names it (RESPFILE, ANCRFILE).",
                )
            )
        elif not _FILE_NAME.fullmatch(name):
            findings.append(
                Finding(
                    "FILE-NAME",
                    "error",
                    "the file name is not allowed",
                    path=name,
                    expected="1 to 68 of a-z 0-9 . _ -, no folder",
                    fix="Rename the file (lower case).",
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
                    found=", ".join(entry.pattern for entry in claims),
                    expected="one",
                )
            )
        elif profile_of[name] != claims[0].profile:
            found = profile_of[name] or f"no known kind of file: {seen.get(name) or 'damaged'}"
            findings.append(
                Finding(
                    "FILE-PROFILE",
                    "error",
                    "the content is not of the kind the label says",
                    path=name,
                    found=found,
                    expected=claims[0].profile,
                )
            )
    for entry in label.patterns:
        count = matched.get(entry.pattern, 0)
        if not count:
            findings.append(
                Finding(
                    "FILE-ABSENT",
                    "error",
                    "a pattern of the label matches no file",
                    path=LABEL_NAME,
                    column="files",
                    found=entry.pattern,
                    expected=f"at least one file of profile {entry.profile}",
                )
            )
        elif entry.count is not None and count != entry.count:
            findings.append(
                Finding(
                    "FILE-COUNT",
                    "error",
                    f"the pattern {entry.pattern} matches another number of files than the label says",
                    path=LABEL_NAME,
                    column="files",
                    found=str(count),
                    expected=str(entry.count),
                )
            )
    return findings


def _claims_of(patterns: Iterable[Pattern]) -> Callable[[str], list[Pattern]]:
    """Return what gives the patterns that claim a name; plain names, which `delivery init` writes, are looked up."""
    named: dict[str, list[Pattern]] = {}
    wild: list[Pattern] = []
    for entry in patterns:
        (wild if _WILD.search(entry.pattern) else named.setdefault(entry.pattern, [])).append(entry)
    return lambda name: [*named.get(name, ()), *(one for one in wild if fnmatch.fnmatchcase(name, one.pattern))]


def check_manifest(path: Path, digests: dict[str, str]) -> list[Finding]:
    """Compare a manifest in BagIt's format with the digests of the files it must list.

    Parameters
    ----------
    path
        The manifest; findings call it by its name.
    digests
        Path of each file as the manifest must spell it -> SHA-256.
    """
    if not path.is_file():
        return [
            Finding(
                "MANIFEST-ABSENT",
                "error",
                f"the delivery has no {path.name}",
                path=path.name,
                fix="archipelago delivery pack writes it: one line '<sha256>  <path>' per file.",
            )
        ]
    if path.stat().st_size > MAX_MANIFEST_BYTES:
        found = f"{path.stat().st_size} bytes"
        return [Finding("MANIFEST-SIZE", "error", "the manifest is too large", path=path.name, found=found)]
    with path.open(encoding="utf-8", errors="replace") as lines:
        return _compare_manifest(path, lines, digests)


def _compare_manifest(path: Path, lines: Iterable[str], digests: Mapping[str, str]) -> list[Finding]:
    """Compare line by line, keeping no line: of the files that are there `digests` has the names already."""
    findings: list[Finding] = []
    unlisted = set(digests)
    absent: dict[str, None] = {}
    folded: set[str] = set()  # but for names in their simplest form of files that are there: those leave `unlisted`
    for number, line in enumerate(lines, start=1):
        match = re.fullmatch(r"([0-9a-fA-F]{64}) [ *](.+)", line.removesuffix("\n"))
        if match is None:
            findings.append(
                Finding(
                    "MANIFEST-LINE",
                    "error",
                    "the line is not a digest and a name",
                    path=path.name,
                    row=number,
                    found=repr(line.rstrip("\n")[:80]),
                    expected="<sha256>  <file name>",
                )
            )
            continue
        name = _decode(match[2])
        if problem := _unsafe(name):
            findings.append(
                Finding(
                    "MANIFEST-PATH",
                    "error",
                    f"the path {problem}",
                    path=path.name,
                    row=number,
                    found=repr(name[:80]),
                    expected="a path inside the delivery",
                )
            )
            continue
        key = unicodedata.normalize("NFC", name).casefold()
        if key in folded or (key in digests and key not in unlisted):
            findings.append(
                Finding(
                    "MANIFEST-DUPLICATE",
                    "error",
                    "the manifest lists the file twice (case and Unicode form do not count)",
                    path=path.name,
                    row=number,
                    found=repr(name[:80]),
                    expected="once",
                )
            )
        if name not in digests:
            absent[name] = None
        elif digests[name] != match[1].lower():
            findings.append(
                Finding(
                    "MANIFEST-DIGEST",
                    "error",
                    "the file is not the one the manifest lists",
                    path=name,
                    found=digests[name],
                    expected=match[1].lower(),
                    fix="Deliver the file again.",
                )
            )
        if key != name or name not in digests:
            folded.add(key)
        unlisted.discard(name)
    findings += [
        Finding("MANIFEST-EXTRA", "error", "the file is not in the manifest", path=name)
        for name in digests
        if name in unlisted
    ]
    findings += [
        Finding("MANIFEST-MISSING", "error", "the manifest lists a file that is not there", path=name)
        for name in absent
    ]
    return findings


def _decode(name: str) -> str:
    """Undo BagIt's escapes of line ends and percent signs (RFC 8493, 2.1.3)."""
    for escape, character in (("%0A", "\n"), ("%0D", "\r"), ("%0a", "\n"), ("%0d", "\r"), ("%25", "%")):
        name = name.replace(escape, character)
    return name


def _unsafe(name: str) -> str:
    """Say why a path must not be used, '' when it may; nothing is ever opened by such a path anyway."""
    if any(not character.isprintable() for character in name):
        return "has control characters"
    if name.startswith(("/", "~")) or "\\" in name or re.match(r"[A-Za-z]:", name):
        return "is absolute or of another system"
    if any(part in {"", ".", ".."} for part in name.split("/")):
        return "leaves its folder or is not in its simplest form"
    return ""
