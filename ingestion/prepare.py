"""What a team does before it hands over: write a label for a folder, pack the folder as a bag."""

import os
from datetime import UTC, datetime
from pathlib import Path

import yaml

from archive.errors import UsageError
from archive.formats.findings import FormatError
from ingestion.bag import write_bag
from ingestion.delivery import MANIFEST_NAME, check_manifest, check_names
from ingestion.discover import DiscoveredFile, discover
from ingestion.label import FORMAT, INSTRUMENTS, LABEL_NAME, read_label
from ingestion.waivers import apply_waivers


def write_label(folder: Path) -> tuple[Path, tuple[str, ...]]:
    """Write `delivery.yaml` for the files of a folder, and return it with the names of files of no known kind.

    What the files cannot tell is left empty, and the validator refuses the label until a person has filled it in.

    Raises
    ------
    UsageError
        If there is a label already, or `folder` is no folder.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder: give the one with the files of the delivery.")
    if os.path.lexists(folder / LABEL_NAME):
        raise UsageError(f"{folder / LABEL_NAME} exists already: edit it, or remove it first.")
    found = [file for file in discover(folder).files if file.name != MANIFEST_NAME]
    by_profile: dict[str, list[DiscoveredFile]] = {}
    for file in found:
        if file.profile is not None:
            by_profile.setdefault(file.profile.name, []).append(file)
    entries = [
        f"  - {{pattern: {_quote(file.name)}, profile: {profile}}}"
        for profile, files in sorted(by_profile.items())
        for file in files
    ]
    lines = [
        "# What the archive will know of this delivery in twenty years; docs/reference/delivery-package.md explains",
        "# every key. Empty keys must be filled in, optional ones may be left out.",
        f"delivery_format: {FORMAT}",
        "delivery_id:            # unique, a-z 0-9 . _ -; for example ibis-survey-2026",
        "title:",
        "description:            # optional: what it is, how complete it is",
        "team:",
        "contact_role:           # a role, not a person",
        f"instruments: []         # of {', '.join(INSTRUMENTS)}",
        "collection:",
        "release_type: new       # new, update, supersede or withdraw",
        "# supersedes:           # with supersede and withdraw: the delivery_id replaced",
        "# reason:               # with withdraw: why; users will read it",
        "completeness:           # optional: what the delivery leaves out, in words",
        "# kind: community       # optional: team (default), community or archive; community needs creators and papers",
        "# creators: []          # ORCIDs",
        "# papers: []            # DOIs, bibcodes or arXiv numbers",
        "# waivers: []           # rule, files, reason, by, expires of each; public",
        "software: {}            # names and versions, for example {OSA: '11.2'}",
        "calibration: {}         # likewise, for example {IC: '1.0'}",
        "licence:                # for example CC-BY-4.0",
        "simulated: false        # true when nothing in it was measured",
        "# expected_rows: {}     # optional: published table to number of rows",
        "files:                  # shell patterns on the file name; each file one pattern; count is optional",
        *(entries or ["  []"]),
    ]
    path = folder / LABEL_NAME
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path, tuple(file.name for file in found if file.profile is None)


def _quote(name: str) -> str:
    """Write a file name as YAML."""
    return yaml.safe_dump(name, default_style='"', width=1000).strip()


def pack_delivery(folder: Path, output: Path | None) -> Path:
    """Pack a plain delivery as a BagIt bag after looking at label, names and the folder's own checksums if it has any.

    The content of the files is for `validate_delivery` to judge.

    Raises
    ------
    UsageError
        If the label is wrong, or the files are not those it names.
    """
    if not folder.is_dir() or not (folder / LABEL_NAME).is_file():
        raise UsageError(f"{folder} has no {LABEL_NAME}: archipelago delivery init {folder} writes one.")
    try:
        label = read_label(folder / LABEL_NAME)
    except FormatError as error:
        raise UsageError(str(error)) from error
    found = discover(folder)
    files = [file for file in found.files if file.name not in {LABEL_NAME, MANIFEST_NAME}]
    profiles = {file.name: file.profile.name if file.profile else None for file in files}
    findings = [*found.findings, *check_names(label, [file.name for file in files], profiles)]
    if (folder / MANIFEST_NAME).exists():
        digests = {file.name: file.sha256 for file in found.files if file.name != MANIFEST_NAME}
        findings += check_manifest(folder / MANIFEST_NAME, digests)
    findings = apply_waivers(findings, label.waivers, datetime.now(UTC).date())
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        raise UsageError(f"the delivery cannot be packed ({len(errors)} errors); the first: {errors[0]}")
    return write_bag(folder, output or folder.with_name(label.delivery_id), label)
