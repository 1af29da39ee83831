"""Many stored files as one tar or zip, written as it is sent: constant memory, size known before the first byte.

The bytes depend on names, digests and order of the members alone, so a broken transfer can be resumed. Tar: POSIX
pax (IEEE Std 1003.1-2008, pax); zip: APPNOTE 6.3.9, members stored, with data descriptors.
"""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from archive.errors import StorageError, TooLargeError

CHUNK_BYTES = 256 * 1024
BLOCK = tarfile.BLOCKSIZE
MAX_ZIP_BYTES = 2**36
_ZIP_EPOCH = (2000, 1, 1, 0, 0, 0)
_LAYOUT = b"archipelago bundle 1"


@dataclass(frozen=True, slots=True)
class Member:
    """A file and the name that it has in the bundle; `size_bytes` and `sha256` are those recorded at ingestion.

    A member made on the spot, such as a manifest, has its `content` and no path.
    """

    name: str
    path: Path | None
    size_bytes: int
    sha256: str
    content: bytes = b""


def check_members(members: Iterable[Member]) -> None:
    """Look that every file is there and as long as recorded, before anything is sent.

    Raises
    ------
    StorageError
        If one is missing or has another size.
    """
    for member in members:
        if member.path is None:
            continue
        found = member.path.stat().st_size if member.path.is_file() else None
        if found != member.size_bytes:
            state = "is missing" if found is None else f"has {found} bytes"
            raise StorageError(
                f"The stored content of {member.name} {state}, expected {member.size_bytes} bytes. Nothing was sent."
            )


def bundle_tag(kind: str, members: Iterable[Member]) -> str:
    """Return a digest that changes whenever a byte of the bundle does."""
    digest = hashlib.sha256(_LAYOUT + kind.encode())
    for member in members:
        digest.update(f"\0{member.name}\0{member.sha256}\0{member.size_bytes}".encode())
    return digest.hexdigest()


def manifest(members: Iterable[Member]) -> bytes:
    r"""Return the digests in the form that ``sha256sum -c`` reads.

    Examples
    --------
    >>> manifest([Member("a.fits", Path("x"), 3, "ab" * 32)])[-9:]
    b'  a.fits\n'
    """
    return "".join(f"{member.sha256}  {member.name}\n" for member in members).encode()


def tar_size(members: Iterable[Member]) -> int:
    """Return the size of the tar in bytes."""
    return sum(len(part) if isinstance(part, bytes) else part.size_bytes for part in _tar_parts(members))


def read_tar(members: Iterable[Member], first: int = 0) -> Iterator[bytes]:
    """Yield the tar from byte `first` on; files before it are not read.

    Raises
    ------
    StorageError
        If a file ends early.
    """
    for part in _tar_parts(members):
        size = len(part) if isinstance(part, bytes) else part.size_bytes
        if first >= size:
            first -= size
            continue
        if isinstance(part, bytes):
            yield part[first:]
        else:
            yield from _read_file(part, first)
        first = 0


def _tar_parts(members: Iterable[Member]) -> Iterator[bytes | Member]:
    for member in members:
        info = tarfile.TarInfo(member.name)
        info.size = member.size_bytes
        yield info.tobuf(format=tarfile.PAX_FORMAT)
        yield member
        yield bytes(-member.size_bytes % BLOCK)
    yield bytes(2 * BLOCK)


def _read_file(member: Member, first: int = 0) -> Iterator[bytes]:
    if member.path is None:
        yield member.content[first:]
        return
    with member.path.open("rb") as file:
        file.seek(first)
        left = member.size_bytes - first
        while left:
            chunk = file.read(min(CHUNK_BYTES, left))
            if not chunk:
                raise StorageError(f"{member.name} ended {left} bytes early")
            left -= len(chunk)
            yield chunk


class _Pipe(io.RawIOBase):
    """Takes what zipfile writes and gives it out again; it cannot seek, so zipfile adds data descriptors."""

    def __init__(self) -> None:
        self.pending: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]  # what zipfile gives
        self.pending.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        data = b"".join(self.pending)
        self.pending.clear()
        return data


def zip_size(members: Sequence[Member]) -> int:
    """Return the size of the zip in bytes, as zipfile lays it out: zip64 fields where 32 bits do not suffice.

    Raises
    ------
    TooLargeError
        Above 64 GiB, which a broken transfer could not resume in useful time: what comes before is read again for its
        checksums. Ask for a tar there.
    """
    total = sum(member.size_bytes for member in members)
    if total > MAX_ZIP_BYTES:
        raise TooLargeError(f"{total} bytes in {len(members)} files are too large for a zip; ask for fewer.")
    limit = zipfile.ZIP64_LIMIT
    offset = directory = 0
    for member in members:
        name = len(member.name.encode())
        wide = member.size_bytes * 1.05 > limit  # zipfile leaves room for contents that grow by packing
        fields = 16 * (member.size_bytes > limit) + 8 * (offset > limit)
        # entry of the directory 46, and 4 before zip64 fields (APPNOTE 4.3.12, 4.5.3)
        directory += 46 + name + (4 + fields if fields else 0)
        # local header 30, its zip64 field 20, descriptor 16 or 24 (APPNOTE 4.3.7, 4.3.9)
        offset += 30 + name + member.size_bytes + (20 + 24 if wide else 16)
    # end of the directory 22; zip64 end 56 and its locator 20 (APPNOTE 4.3.14 to 4.3.16)
    far = len(members) > zipfile.ZIP_FILECOUNT_LIMIT or offset > limit or directory > limit
    return offset + directory + 22 + 76 * far


def read_zip(members: Sequence[Member], first: int = 0) -> Iterator[bytes]:
    """Yield the zip from byte `first` on; what comes before is read for its checksums."""
    for chunk in _zip_chunks(members):
        if first < len(chunk):
            yield chunk[first:]
        first = max(0, first - len(chunk))


def _zip_chunks(members: Sequence[Member]) -> Iterator[bytes]:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:  # pyright: ignore[reportArgumentType]  # a binary file
        for member in members:
            info = zipfile.ZipInfo(member.name, _ZIP_EPOCH)
            info.file_size = member.size_bytes
            with archive.open(info, "w") as entry:
                for chunk in _read_file(member):
                    entry.write(chunk)
                    yield pipe.take()
            yield pipe.take()
    yield pipe.take()
