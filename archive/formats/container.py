"""Opening what others made: gzip by content, caps on bytes and ratio, structure checked before astropy reads."""

import io
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from isal import igzip_lib

from archive.formats.convert import as_fits_content
from archive.formats.findings import Finding, FormatError, refuse
from archive.formats.structure import DEFAULT_LIMITS, Limits, scan_fits

GZIP_MAGIC = b"\x1f\x8b"
# isal declares its error as an instance of Exception; it is a class.
DECOMPRESSION_ERRORS: Any = (igzip_lib.error, EOFError)


def read_content(path: Path, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Return the bytes of a file, decompressed when the content (not the name) is gzip.

    Raises
    ------
    FormatError
        ``FILE-EMPTY``, ``FILE-TOO-LARGE``, ``GZIP-RATIO`` or ``GZIP-DAMAGED``.
    """
    size = path.stat().st_size
    if size == 0:
        raise refuse("FILE-EMPTY", "the file has no content", found="0 bytes", fix="Deliver the file again.")
    if size > limits.bytes:
        raise refuse(
            "FILE-TOO-LARGE",
            "the file exceeds the limit for one file",
            found=f"{size} bytes",
            expected=f"at most {limits.bytes}",
        )
    raw = path.read_bytes()
    return _gunzip(raw, limits) if raw.startswith(GZIP_MAGIC) else raw


def is_gzip(path: Path) -> bool:
    """Say whether the content starts as gzip does, whatever the name."""
    with path.open("rb") as stream:
        return stream.read(2) == GZIP_MAGIC


def read_start(path: Path, length: int) -> bytes:
    """Return the first `length` bytes of the content, decompressed when gzip; never more than that in memory."""
    with path.open("rb") as stream:
        raw = stream.read(length)
    if not raw.startswith(GZIP_MAGIC):
        return raw
    try:
        return zlib.decompressobj(wbits=31).decompress(raw, length)
    except zlib.error as error:
        raise refuse(
            "GZIP-DAMAGED",
            "the gzip stream cannot be read",
            found=str(error),
            fix="Compress and deliver the file again.",
        ) from error


def _gunzip(raw: bytes, limits: Limits) -> bytes:
    """Decompress all gzip members within the caps."""
    cap = min(limits.bytes, max(limits.ratio_floor_bytes, int(len(raw) * limits.ratio)))
    out = bytearray()
    rest = raw
    while rest.startswith(GZIP_MAGIC):
        engine = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
        feed = rest
        while not engine.eof:
            try:
                out += engine.decompress(feed, 1 << 22)
            except DECOMPRESSION_ERRORS as error:
                raise refuse(
                    "GZIP-DAMAGED",
                    "the gzip stream is damaged",
                    found=str(error),
                    fix="Compress and deliver the file again.",
                ) from error
            if len(out) > cap:
                found = f"more than {cap} bytes out of {len(raw)}"
                raise refuse(
                    "GZIP-RATIO",
                    "the file expands beyond the limit",
                    found=found,
                    expected=f"ratio below {limits.ratio:g}, below {limits.bytes} bytes",
                )
            feed = b""
            if engine.needs_input and not engine.eof:
                raise refuse(
                    "GZIP-DAMAGED",
                    "the gzip stream ends early",
                    found=f"{len(raw)} bytes",
                    fix="The transfer was cut: deliver the file again.",
                )
        rest = engine.unused_data
    if rest.strip(b"\0"):
        raise refuse(
            "GZIP-DAMAGED", "bytes follow the end of the gzip stream", found=f"{len(rest)} bytes", expected="none"
        )
    return bytes(out)


AnyHdu = Any
"""An HDU of astropy, whose classes are typed too loosely for a checker."""


def is_table(hdu: AnyHdu) -> bool:
    """Say whether an HDU is a binary table."""
    return isinstance(hdu, fits.BinTableHDU)


AnyHdus = Any
"""A list of them."""


@dataclass(frozen=True, slots=True)
class FitsFile:
    """An open FITS file whose structure was checked: astropy's HDUs, and what was found on the way."""

    hdus: AnyHdus
    findings: tuple[Finding, ...]

    def label(self, index: int) -> str:
        """Index and name of an HDU as findings show them."""
        return f"{index} ({self.hdus[index].name or 'HDU'})"


@contextmanager
def open_fits(path: Path, limits: Limits = DEFAULT_LIMITS) -> Iterator[FitsFile]:
    """Open a FITS file, or a table in another format as one, after checking its structure.

    Raises
    ------
    FormatError
        The first structural error; `scan_fits` gives all of them.
    """
    content = as_fits_content(path, read_content(path, limits))
    _, findings = scan_fits(content, limits)
    for finding in findings:
        if finding.severity == "error":
            raise FormatError(finding)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", AstropyWarning)
        try:
            hdus = fits.open(io.BytesIO(content), memmap=False, lazy_load_hdus=False)
        except (OSError, ValueError, TypeError, KeyError, IndexError, fits.VerifyError) as error:
            raise refuse(
                "FITS-LIBRARY",
                "astropy cannot open the file, though its structure is right",
                found=" ".join(str(error).split())[:120],
                expected="headers as FITS 4.0 (section 4) says",
                fix="Check the headers with fitsverify and write the file again.",
            ) from error
    noted = [Finding("FITS-NOTE", "info", text) for text in dict.fromkeys(str(warning.message) for warning in said)]
    try:
        for number, hdu in enumerate(hdus):
            if is_table(hdu) and not all(hdu.columns.names):
                raise refuse(
                    "COLUMN-UNNAMED",
                    "a column of the table has no name",
                    hdu=f"{number} ({hdu.name})",
                    expected="TTYPE of every column",
                )
        with hdus:
            yield FitsFile(hdus, (*findings, *noted))
    except fits.VerifyError as error:  # astropy parses a card when it is first asked for
        raise refuse(
            "FITS-CARD", "a header card cannot be parsed", found=str(error)[:120], expected="KEYWORD = value"
        ) from error
