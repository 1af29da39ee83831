"""First step: which files are there, and of what kind, by their content. Nothing is ignored without a word."""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from archive.errors import NotFoundError
from archive.formats.container import read_content, read_start
from archive.formats.convert import as_fits_content, format_of
from archive.formats.findings import Finding, FormatError
from archive.formats.structure import DEFAULT_LIMITS, scan_fits
from ingestion.content import Probe
from ingestion.delivery import MANIFEST_NAME
from ingestion.label import LABEL_NAME
from ingestion.profiles import Profile, find_profile

MAX_FILES = 200_000
"""In one package; 100,000 are measured (docs/performance.md), label and manifests come on top of them."""
_PROBE_BYTES = 8192
_SKIPPED_FOLDERS = {".git", "__pycache__"}


@dataclass(frozen=True, slots=True)
class DiscoveredFile:
    """A file with its digest and what it was taken for; `profile` is None when nothing claims it.

    `name` is the path below `root`, and `seen` says in words what is in a file that nothing claims. A delivery may have
    100,000 of these, so the path is made when it is asked for.
    """

    root: Path
    name: str
    size_bytes: int
    sha256: str
    profile: Profile | None
    findings: tuple[Finding, ...]
    seen: str = ""

    @property
    def path(self) -> Path:
        """Where the file is."""
        return _place(self.root, self.name)


@dataclass(frozen=True, slots=True)
class Discovery:
    """Everything below a path: the files, and what was found wrong while walking."""

    root: Path
    files: tuple[DiscoveredFile, ...]
    findings: tuple[Finding, ...]
    is_single_file: bool


def discover(path: Path) -> Discovery:
    """Walk a file or directory; symbolic links and special files are reported, never followed.

    Raises
    ------
    NotFoundError
        If there is nothing at `path`.
    """
    if not os.path.lexists(path):
        msg = f"there is nothing at {path}"
        raise NotFoundError(msg)
    findings: list[Finding] = []
    single = not path.is_dir() or path.is_symlink()
    root = path.parent if single else path
    files: list[DiscoveredFile] = []
    for name in [path.name] if single else _walk(path, findings):
        if finding := _refuse_special(_place(root, name), name):
            findings.append(finding)
        else:
            files.append(_inspect(root, name))
    return Discovery(root, tuple(files), tuple(findings), single)


def _place(root: Path, name: str) -> Path:
    """Return the path of a file; `root / name` would keep every name in Python's table of interned texts."""
    return Path(os.path.join(root, name))  # noqa: PTH118 - see above


def _walk(path: Path, findings: list[Finding]) -> Iterator[str]:
    """Yield the name below `path` of everything that is no folder."""
    count = 0
    for folder, folders, names in os.walk(path, followlinks=False, onerror=_raise):
        for name in sorted(folders):
            place = Path(folder, name)
            if place.is_symlink():
                findings.append(_link(place.relative_to(path).as_posix()))
            elif name in _SKIPPED_FOLDERS:
                findings.append(
                    Finding(
                        "FOLDER-SKIPPED",
                        "warning",
                        "a folder of tools, not of data, was left aside",
                        path=place.relative_to(path).as_posix(),
                    )
                )
        folders[:] = sorted(
            name for name in folders if name not in _SKIPPED_FOLDERS and not Path(folder, name).is_symlink()
        )
        below = "" if Path(folder) == path else Path(folder).relative_to(path).as_posix()
        for name in sorted(names):
            count += 1
            if count > MAX_FILES:
                findings.append(
                    Finding(
                        "TOO-MANY-FILES",
                        "error",
                        "there are too many files",
                        found=f"more than {MAX_FILES}",
                        expected=f"at most {MAX_FILES}",
                        fix="Deliver in several parts.",
                    )
                )
                return
            yield f"{below}/{name}" if below else name


def _raise(error: OSError) -> None:
    raise error


def _link(name: str) -> Finding:
    return Finding(
        "FILE-LINK",
        "error",
        "symbolic links are not followed",
        path=name,
        expected="a regular file",
        fix="Put the file itself there.",
    )


def _refuse_special(path: Path, name: str) -> Finding | None:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return _link(name)
    if not stat.S_ISREG(mode):
        return Finding(
            "FILE-SPECIAL",
            "error",
            "only regular files can be delivered",
            path=name,
            found="a device, pipe or socket",
            expected="a regular file",
        )
    return None


def _inspect(root: Path, name: str) -> DiscoveredFile:
    path = _place(root, name)
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    size = path.stat().st_size
    if name in {LABEL_NAME, MANIFEST_NAME}:
        return DiscoveredFile(root, name, size, digest, None, ())
    try:
        probe, findings = probe_file(path)
    except FormatError as error:
        return DiscoveredFile(root, name, size, digest, None, (error.finding.at(name),))
    except MemoryError:
        raise  # a budget is spent, which says nothing of the file: the sandbox reports it as what it is
    except Exception as error:  # noqa: BLE001 - the file is a stranger's: whatever it does to a reader is a finding
        message = "the file breaks the reader that would recognise it"
        words = f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
        unforeseen = Finding("FILE-UNREADABLE", "error", message, path=name, found=words)
        return DiscoveredFile(root, name, size, digest, None, (unforeseen,))
    profile = find_profile(probe)
    seen = "" if profile else _describe(probe)
    return DiscoveredFile(root, name, size, digest, profile, tuple(finding.at(name) for finding in findings), seen)


def _describe(probe: Probe) -> str:
    """Say what a file holds that no profile claims: its HDUs with class and mission, or its first line."""
    if not probe.hdus:
        return f"text that begins {probe.lines[0].strip()[:60]!r}" if probe.lines else "neither text nor FITS"
    words = []
    for hdu in probe.hdus[:8]:
        facts = [
            hdu.cards[key].strip() for key in ("HDUCLAS1", "TELESCOP", "INSTRUME") if hdu.cards.get(key, "").strip()
        ]
        words.append(f"{hdu.name or 'PRIMARY'} ({', '.join(facts)})" if facts else hdu.name or "PRIMARY")
    more = f" and {len(probe.hdus) - 8} more" if len(probe.hdus) > 8 else ""
    return f"HDUs {', '.join(words)}{more}"[:300]


def probe_file(path: Path) -> tuple[Probe, tuple[Finding, ...]]:
    """Return what profiles may look at, and structural errors of a FITS file.

    Raises
    ------
    FormatError
        When the content cannot be opened at all: empty, damaged gzip, beyond the caps.
    """
    if path.stat().st_size == 0:
        read_content(path)
    start = read_start(path, _PROBE_BYTES)
    if format_of(path, start):
        hdus, findings = scan_fits(as_fits_content(path, read_content(path, DEFAULT_LIMITS)))
        return Probe(path, (), hdus), tuple(finding for finding in findings if finding.severity == "error")
    text = start.decode("utf-8-sig", errors="replace")
    if "\0" in text:
        return Probe(path, (), ()), ()
    lines = text.splitlines()
    return Probe(path, tuple(lines if len(start) < _PROBE_BYTES else lines[:-1]), ()), ()
