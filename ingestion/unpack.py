"""A package handed in as one tar or zip file: unpacked into a folder of our own, under guards and budgets.

Names and kinds of members are judged before anything is written; nothing is extracted by tarfile or zipfile themselves,
so that no mode, owner, link or device of the archive reaches the disk.
"""

import shutil
import stat
import tarfile
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from archive.errors import StorageError, TooLargeError, UsageError
from ingestion.discover import MAX_FILES
from ingestion.quarantine import MAX_PACKAGE_BYTES, SPARE_BYTES, scratch_folder

MAX_RATIO = 200
RATIO_FLOOR_BYTES = 256 << 20
MAX_PATH = 200
_CHUNK = 1 << 20


def is_packed(path: Path) -> bool:
    """Say whether a file is a tar (compressed or not) or a zip, by its content."""
    return path.is_file() and not path.is_symlink() and (zipfile.is_zipfile(path) or tarfile.is_tarfile(path))


@contextmanager
def unpacked(path: Path, beside: Path) -> Iterator[Path]:
    """Unpack a package into a new folder inside `beside`, removed afterwards; yields the folder of the delivery.

    Raises
    ------
    UsageError
        If a member is no regular file or folder, its name is unsafe or comes twice, or the file is damaged.
    TooLargeError
        If it holds more files or bytes than a package may, or expands more than `MAX_RATIO` times.
    StorageError
        If the disk is too full.
    """
    with scratch_folder(beside, "unpacking") as folder:
        try:
            _unpack(path, folder)
        except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, RuntimeError, NotImplementedError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise UsageError(f"{path.name} cannot be unpacked: {error}") from error
        inside = list(folder.iterdir())
        yield inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


def _unpack(path: Path, folder: Path) -> None:
    size = path.stat().st_size
    cap = min(MAX_PACKAGE_BYTES, max(RATIO_FLOOR_BYTES, size * MAX_RATIO))
    cap = min(cap, shutil.disk_usage(folder).free - SPARE_BYTES)
    if cap <= 0:
        raise StorageError("the quarantine is too full to unpack anything")
    budget = [cap]
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as held:
            members = held.infolist()
            _check_count(len(members))
            seen: set[str] = set()
            for member in members:
                mode = member.external_attr >> 16
                if member.flag_bits & 0x1:
                    raise UsageError(f"{member.filename[:80]!r} is encrypted: hand the package in unencrypted")
                if mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or not stat.S_IFMT(mode)):
                    raise _special(member.filename)
                place = _place(folder, member.filename, seen, is_folder=member.is_dir())
                if not member.is_dir():
                    with held.open(member) as stream:
                        _write(stream, place, budget)
        return
    with tarfile.open(path, "r:*") as held:
        seen = set()
        for number, member in enumerate(_members(held), start=1):
            _check_count(number)
            if not (member.isreg() or member.isdir()) or member.issparse():
                raise _special(member.name)
            place = _place(folder, member.name, seen, is_folder=member.isdir())
            stream = held.extractfile(member) if member.isreg() else None
            if stream is not None:
                with stream:
                    _write(stream, place, budget)


def _members(held: tarfile.TarFile) -> Iterable[tarfile.TarInfo]:
    """Yield members one by one, without keeping them all."""
    while (member := held.next()) is not None:
        yield member
        held.members = []  # pyright: ignore[reportAttributeAccessIssue] - its types leave it out


def _check_count(count: int) -> None:
    if count > MAX_FILES:
        raise TooLargeError(f"the package has more than {MAX_FILES} members: deliver in several parts")


def _special(name: str) -> UsageError:
    return UsageError(f"{name[:80]!r} is a link, device or sparse file: only regular files are received")


def _place(folder: Path, name: str, seen: set[str], *, is_folder: bool) -> Path:
    """Return where a member goes; refuses names that leave the folder, or come twice on some file system."""
    parts = PurePosixPath(name).parts
    unsafe = name.startswith("/") or "\\" in name or ":" in name or ".." in parts or not name.isprintable()
    if unsafe or not parts or len(name) > MAX_PATH:
        raise UsageError(f"the member {name[:80]!r} has an unsafe name: only plain relative paths are received")
    key = unicodedata.normalize("NFC", "/".join(parts)).casefold()
    if key in seen and not is_folder:
        raise UsageError(f"the member {name[:80]!r} comes twice, maybe in another case")
    seen.add(key)
    place = folder.joinpath(*parts)
    (place if is_folder else place.parent).mkdir(parents=True, exist_ok=True)
    return place


def _write(stream: IO[bytes], place: Path, budget: list[int]) -> None:
    with place.open("xb") as file:
        while chunk := stream.read(_CHUNK):
            budget[0] -= len(chunk)
            if budget[0] < 0:
                raise TooLargeError("the package expands beyond the limit of bytes or ratio: deliver in several parts")
            file.write(chunk)
