"""Where packages lie between being handed in and being published: outside the served store, each file read-only."""

import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from archive.errors import StorageError, TooLargeError, UsageError
from archive.storage import digest_file
from ingestion.bag import find_package
from ingestion.delivery import MANIFEST_NAME
from ingestion.discover import MAX_FILES

MAX_PACKAGE_BYTES = 500 << 30
SPARE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class PackageContent:
    """Files of a package by relative path with their digests; `digest_sha256` is the identity of the payload."""

    digests: dict[str, str]
    size_bytes: int
    digest_sha256: str


def read_package(path: Path) -> PackageContent:
    """Hash every file of a package.

    Raises
    ------
    UsageError
        If there is a link or special file, or there are too many files.
    TooLargeError
        If all files together exceed the budget.
    """
    digests, total = {}, 0
    for name in _walk(path):
        held = digest_file(path / name)
        digests[name], total = held.sha256, total + held.size_bytes
        if total > MAX_PACKAGE_BYTES:
            raise TooLargeError(f"the package holds more than {MAX_PACKAGE_BYTES} bytes: deliver in several parts")
    prefix = find_package(path).prefix
    payload = sorted((name.removeprefix(prefix), digest) for name, digest in digests.items() if name.startswith(prefix))
    lines = "".join(f"{digest}  {name}\n" for name, digest in payload if name != MANIFEST_NAME)
    return PackageContent(digests, total, hashlib.sha256(lines.encode()).hexdigest())


def _walk(path: Path) -> Iterator[str]:
    count = 0
    for folder, folders, names in os.walk(path, followlinks=False):
        folders.sort()
        for name in sorted([*names, *(one for one in folders if Path(folder, one).is_symlink())]):
            place = Path(folder, name)
            if not stat.S_ISREG(place.lstat().st_mode):
                raise UsageError(
                    f"{place.relative_to(path)} is a link or special file: only regular files are received"
                )
            count += 1
            if count > MAX_FILES:
                raise UsageError(f"the package has more than {MAX_FILES} files: deliver in several parts")
            yield place.relative_to(path).as_posix()


def copy_package(source: Path, target: Path, content: PackageContent, say: Callable[[str], None]) -> None:
    """Copy a package; a file that is there already with the right digest is kept, so that this can be resumed.

    Raises
    ------
    StorageError
        If the disk is too full, or a copy differs from what was hashed.
    """
    target.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(target).free
    if free < content.size_bytes + SPARE_BYTES:
        raise StorageError(f"the quarantine has {free} bytes free, the package needs {content.size_bytes}")
    for number, (name, digest) in enumerate(content.digests.items(), start=1):
        place = target / name
        if place.is_file() and digest_file(place).sha256 == digest:
            continue
        say(f"receiving {number}/{len(content.digests)} {name}")
        place.parent.mkdir(parents=True, exist_ok=True)
        aside = place.with_name(f".{place.name}.part")
        with (source / name).open("rb") as incoming, aside.open("wb") as outgoing:
            shutil.copyfileobj(incoming, outgoing, 1 << 20)
            outgoing.flush()
            os.fsync(outgoing.fileno())
        if digest_file(aside).sha256 != digest:
            aside.unlink()
            raise StorageError(f"{name} changed while it was received; hand the package in again")
        aside.chmod(0o444)
        aside.rename(place)
    for stray in set(_walk(target)) - set(content.digests):
        (target / stray).unlink()  # of an interrupted copy of something else


@contextmanager
def scratch_folder(beside: Path, purpose: str) -> Iterator[Path]:
    """Make an empty folder ``.<purpose>-...`` in `beside`, removed afterwards, or by the next caller after a kill.

    The folder is locked as long as its process lives, and gets its name when it has its lock; so a folder of that name
    whose lock nobody holds is a dead process's.
    """
    _remove_abandoned(beside, purpose)
    unnamed = beside / f".new-{uuid4().hex}"
    unnamed.mkdir(parents=True)
    lock = os.open(unnamed, os.O_RDONLY | os.O_DIRECTORY)
    folder = beside / f".{purpose}-{uuid4().hex}"
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        unnamed.rename(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _remove_abandoned(beside: Path, purpose: str) -> None:
    for folder in beside.glob(f".{purpose}-*"):
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue  # its process has just ended
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass  # at work
        finally:
            os.close(lock)
