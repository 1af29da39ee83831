"""Delivery packages on disk: a plain folder, or a BagIt 1.0 bag (RFC 8493) whose payload is such a folder."""

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from archive.errors import UsageError
from archive.formats.findings import Finding
from ingestion.delivery import MANIFEST_NAME, check_manifest
from ingestion.label import LABEL_NAME, Label

DECLARATION_NAME = "bagit.txt"
INFO_NAME = "bag-info.txt"
TAG_MANIFEST_NAME = "tagmanifest-sha256.txt"
FETCH_NAME = "fetch.txt"
PAYLOAD_NAME = "data"
DECLARATION = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
MAX_TAG_BYTES = 1 << 20
_TAGS = {DECLARATION_NAME, INFO_NAME, MANIFEST_NAME, TAG_MANIFEST_NAME}


@dataclass(frozen=True, slots=True)
class Package:
    """Where the files of a delivery lie, where their list of checksums is, and how that list spells their paths."""

    root: Path
    payload: Path
    manifest: Path
    prefix: str

    @property
    def is_bag(self) -> bool:
        """Whether it is a BagIt bag."""
        return self.payload != self.root


def is_delivery(path: Path) -> bool:
    """Say whether a folder is a delivery: it has a label, or a bag's declaration."""
    return os.path.lexists(path / LABEL_NAME) or os.path.lexists(path / DECLARATION_NAME)


def find_package(path: Path) -> Package:
    """Return the parts of a package; whether they are right is for `check_bag` and `check_manifest` to say."""
    if path.is_dir() and os.path.lexists(path / DECLARATION_NAME):
        return Package(path, path / PAYLOAD_NAME, path / MANIFEST_NAME, f"{PAYLOAD_NAME}/")
    return Package(path, path, path / MANIFEST_NAME, "")


def check_bag(package: Package, sizes: Iterable[int]) -> list[Finding]:
    """Check everything of a bag but its payload manifest: declaration, tag files, Payload-Oxum, no fetch.txt.

    Parameters
    ----------
    sizes
        Sizes of the payload's files, bytes.

    References
    ----------
    RFC 8493, sections 2.1.1 (declaration), 2.2.1 (tag manifest), 2.2.2 (Payload-Oxum), 2.2.3 (fetch.txt).
    """
    findings: list[Finding] = []
    tags = []
    for entry in sorted(os.scandir(package.root), key=lambda entry: entry.name):
        if entry.name == PAYLOAD_NAME and entry.is_dir(follow_symlinks=False):
            continue
        if entry.name == FETCH_NAME:
            message = "fetch.txt names files to be fetched from elsewhere; everything must lie in the bag"
            findings.append(Finding("BAG-FETCH", "error", message, path=FETCH_NAME, fix="Put the files into data/."))
        elif not entry.is_file(follow_symlinks=False) or entry.stat().st_nlink > 1:
            message = "beside data/ a bag has regular files only, no links, no folders"
            findings.append(Finding("BAG-ENTRY", "error", message, path=entry.name[:80]))
        elif re.fullmatch(r"(tag)?manifest-[a-z0-9]+\.txt", entry.name) and entry.name not in _TAGS:
            message = "this list of checksums is not read: SHA-256 alone counts here"
            findings.append(Finding("BAG-OTHER-DIGEST", "warning", message, path=entry.name))
        elif entry.name not in _TAGS:
            message = "the file lies beside data/ and is not kept"
            findings.append(Finding("BAG-TAG", "warning", message, path=entry.name[:80], fix="Put it into data/."))
        else:
            tags.append(entry.name)
    if not package.payload.is_dir() or package.payload.is_symlink():
        findings.append(Finding("BAG-PAYLOAD", "error", "the bag has no folder data/", path=PAYLOAD_NAME))
    findings += _check_declaration(package.root, tags)
    if not any(finding.rule == "BAG-ENTRY" for finding in findings):
        digests = {name: _digest(package.root / name) for name in tags if name != TAG_MANIFEST_NAME}
        findings += check_manifest(package.root / TAG_MANIFEST_NAME, digests)
    return findings + _check_oxum(package.root, tags, list(sizes))


def _read_tag(path: Path) -> str:
    with path.open("rb") as stream:
        return stream.read(MAX_TAG_BYTES).decode("utf-8", errors="replace").replace("\r\n", "\n")


def _check_declaration(root: Path, tags: list[str]) -> list[Finding]:
    found = _read_tag(root / DECLARATION_NAME) if DECLARATION_NAME in tags else ""
    if found.rstrip("\n") == DECLARATION.rstrip("\n"):
        return []
    message = "bagit.txt is not that of BagIt 1.0 in UTF-8"
    return [
        Finding(
            "BAG-DECLARATION",
            "error",
            message,
            path=DECLARATION_NAME,
            found=repr(found[:120]),
            expected=repr(DECLARATION),
        )
    ]


def _check_oxum(root: Path, tags: list[str], sizes: list[int]) -> list[Finding]:
    text = _read_tag(root / INFO_NAME) if INFO_NAME in tags else ""
    stated = re.findall(r"(?m)^Payload-Oxum:[ \t]*(\S+)[ \t]*$", text)
    found = f"{sum(sizes)}.{len(sizes)}"
    if stated == [found]:
        return []
    return [
        Finding(
            "BAG-OXUM",
            "error",
            "Payload-Oxum (bytes.files) of bag-info.txt is not that of data/",
            path=INFO_NAME,
            found=found,
            expected=", ".join(stated)[:80] or "one Payload-Oxum",
            fix="The transfer is incomplete, or the bag was changed after it was packed.",
        )
    ]


def write_bag(source: Path, target: Path, label: Label) -> Path:
    """Pack the files of a plain folder as a bag; written aside and renamed, so that a bag is complete or absent.

    Raises
    ------
    UsageError
        If there is something at `target`, or in `source` something that is no regular file.
    """
    if os.path.lexists(target):
        raise UsageError(f"{target} exists already: give another place with --output, or remove it.")
    if target.resolve().is_relative_to(source.resolve()):
        raise UsageError(f"{target} lies inside the folder to be packed: give another place with --output.")
    aside = target.with_name(f".{target.name}.packing")
    shutil.rmtree(aside, ignore_errors=True)
    (aside / PAYLOAD_NAME).mkdir(parents=True)
    lines, total, count = [], 0, 0
    for path in sorted(source.iterdir()):
        if path.name == MANIFEST_NAME:
            continue  # the bag's own takes its place
        if not stat.S_ISREG(path.lstat().st_mode):
            raise UsageError(f"{path.name} is no regular file; a delivery is one folder of regular files.")
        shutil.copyfile(path, aside / PAYLOAD_NAME / path.name)
        lines.append(f"{_digest(aside / PAYLOAD_NAME / path.name)}  {PAYLOAD_NAME}/{path.name}\n")
        total, count = total + path.stat().st_size, count + 1
    (aside / MANIFEST_NAME).write_text("".join(lines), "utf-8")
    (aside / DECLARATION_NAME).write_text(DECLARATION, "utf-8")
    (aside / INFO_NAME).write_text(
        f"Bag-Software-Agent: archipelago delivery pack\nBagging-Date: {datetime.now(UTC):%Y-%m-%d}\n"
        f"External-Identifier: {label.delivery_id}\nPayload-Oxum: {total}.{count}\n",
        "utf-8",
    )
    tags = sorted((DECLARATION_NAME, INFO_NAME, MANIFEST_NAME))
    (aside / TAG_MANIFEST_NAME).write_text("".join(f"{_digest(aside / name)}  {name}\n" for name in tags), "utf-8")
    aside.rename(target)
    return target


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
