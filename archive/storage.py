"""The content-addressed file store: a file's name is its SHA-256, it is written once and never changed."""

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from archive.errors import StorageError

COPY_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class StoredContent:
    """Digest (hexadecimal SHA-256) and size of a stored file."""

    sha256: str
    size_bytes: int


def file_path(sha256: str) -> Path:
    """Return where the file with this digest lies, whether or not it exists.

    Raises
    ------
    StorageError
        If `sha256` is not 64 hexadecimal digits.
    """
    if len(sha256) != hashlib.sha256().digest_size * 2 or set(sha256) - set("0123456789abcdef"):
        msg = f"{sha256!r} is not a SHA-256 digest of 64 lower-case hexadecimal digits"
        raise StorageError(msg)
    return settings.FILES_ROOT / sha256[:2] / sha256


def store_file(source: Path) -> StoredContent:
    """Copy a file into the store unless its content is there already.

    The copy is hashed while it is written and again from the disk, then renamed: a crash leaves no half file.

    Raises
    ------
    StorageError
        If what can be read back differs from what was written.
    """
    settings.FILES_ROOT.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".incoming-", dir=settings.FILES_ROOT)
    aside = Path(name)
    try:
        with source.open("rb") as incoming, os.fdopen(descriptor, "wb") as stored:
            shutil.copyfileobj(incoming, stored, COPY_CHUNK_BYTES)
            stored.flush()
            os.fsync(stored.fileno())
        content = digest_file(aside)
        if content != digest_file(source):
            msg = f"{source.name} changed while it was stored, or the disk gave back other bytes; try again"
            raise StorageError(msg)
        target = file_path(content.sha256)
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            aside.chmod(0o444)
            aside.rename(target)
        return content
    finally:
        aside.unlink(missing_ok=True)


def digest_file(path: Path) -> StoredContent:
    """Return digest and size of a file on disk."""
    with path.open("rb") as file:
        return StoredContent(hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)
