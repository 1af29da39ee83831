"""The structure of a FITS file by its own declarations, checked before any reader trusts them.

astropy warns, or says nothing, where a file lies: a truncated file opens, a variable-length pointer outside the heap
reads as an empty array, a wrong checksum is a warning. Here every header is walked card by card instead.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from archive.formats.findings import Finding, FormatError, refuse

BLOCK = 2880
CARD = 80


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps for one file: bytes after decompression, expansion ratio (above `ratio_floor_bytes`), blocks, HDUs."""

    bytes: int = 2 << 30
    ratio: float = 200.0
    ratio_floor_bytes: int = 256 << 20
    header_blocks: int = 400
    hdus: int = 500


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Hdu:
    """One header-data unit as its header declares it."""

    index: int
    kind: str
    name: str
    cards: dict[str, str]
    header_start: int
    data_start: int
    data_bytes: int
    duplicates: tuple[str, ...]

    @property
    def label(self) -> str:
        """Index and name as findings show them."""
        return f"{self.index} ({self.name or self.kind})"


def is_fits(start: bytes) -> bool:
    """Say whether the first bytes are those of a FITS primary header (FITS 4.0, 4.4.1.1)."""
    return re.match(rb"SIMPLE  = {1,30}[TF]", start) is not None


def scan_fits(content: bytes, limits: Limits = DEFAULT_LIMITS) -> tuple[tuple[Hdu, ...], tuple[Finding, ...]]:
    """Walk the HDUs of a FITS file by its own declarations.

    Parameters
    ----------
    content
        The whole file, decompressed.
    limits
        Caps.

    Returns
    -------
    tuple
        The HDUs that could be walked and everything found wrong with the structure. Errors: the file must not be read.

    References
    ----------
    FITS Standard 4.0, sections 3.3, 4.4.1, 7.3 (binary tables, heap), 4.4.2.7 and appendix J (checksums).
    """
    if not is_fits(content[:CARD]):
        return (), (
            Finding(
                "FITS-NOT",
                "error",
                "the file does not start as FITS",
                found=repr(content[:30]),
                expected="SIMPLE  =                    T",
            ),
        )
    hdus: list[Hdu] = []
    findings: list[Finding] = []
    offset = 0
    while offset < len(content):
        if len(hdus) >= limits.hdus:
            findings.append(
                Finding(
                    "FITS-HDUS",
                    "error",
                    "too many HDUs",
                    found=f"more than {limits.hdus}",
                    expected=f"at most {limits.hdus}",
                )
            )
            break
        if hdus and not content.startswith(b"XTENSION", offset):
            findings.append(_check_tail(content, offset))
            break
        try:
            hdu = _parse_hdu(content, offset, len(hdus), limits)
        except FormatError as error:
            findings.append(error.finding)
            break
        hdus.append(hdu)
        findings += _check_hdu(hdu, content)
        offset = hdu.data_start + -(-hdu.data_bytes // BLOCK) * BLOCK
        if hdu.data_start + hdu.data_bytes > len(content):
            break
    return tuple(hdus), tuple(findings)


def _check_tail(content: bytes, offset: int) -> Finding:
    extra = len(content) - offset
    if content[offset:].strip(b"\0 "):
        return Finding(
            "FITS-TRAILING",
            "error",
            "bytes follow the last HDU",
            found=f"{extra} bytes at {offset}",
            expected="end of file",
        )
    return Finding(
        "FITS-TRAILING", "warning", "empty blocks follow the last HDU", found=f"{extra} bytes", expected="end of file"
    )


def _parse_hdu(content: bytes, start: int, index: int, limits: Limits) -> Hdu:
    """Read header cards up to END and compute the size of the data unit (FITS 4.0, equations 1 and 2)."""
    cards: dict[str, str] = {}
    duplicates: list[str] = []
    place = f"{index}"
    end = None
    stop = min(len(content), start + limits.header_blocks * BLOCK)
    for at in range(start, stop - CARD + 1, CARD):
        card = content[at : at + CARD]
        if card.startswith(b"END ") and not card[3:].strip():
            end = at
            break
        if not card.isascii() or any(byte < 32 or byte > 126 for byte in card):
            raise refuse(
                "FITS-ASCII", "a header card holds bytes that are not printable ASCII", hdu=place, found=repr(card[:40])
            )
        text = card.decode("ascii")
        keyword = text[:8].rstrip()
        if text[8:10] == "= ":
            if keyword in cards and keyword != "COMMENT":
                duplicates.append(keyword)
            else:
                cards[keyword] = _card_value(text[10:])
    if end is None:
        raise refuse(
            "FITS-TRUNCATED" if stop == len(content) else "FITS-HEADER",
            "the header has no END card",
            hdu=place,
            found=f"{(stop - start) // CARD} cards",
            expected="END",
            fix="The file is cut or is not FITS: deliver it again.",
        )
    data_start = start + -(-(end + CARD - start) // BLOCK) * BLOCK
    kind = cards.get("XTENSION", "PRIMARY") or "PRIMARY"
    name = cards.get("EXTNAME", "")
    return Hdu(
        index, kind, name, cards, start, data_start, _data_size(cards, f"{index} ({name})", limits), tuple(duplicates)
    )


def _card_value(text: str) -> str:
    """Return the value field of a card without quotes and comment."""
    stripped = text.lstrip()
    if stripped.startswith("'"):
        match = re.match(r"'((?:[^']|'')*)'", stripped)
        return (match[1] if match else stripped[1:]).replace("''", "'").rstrip()
    return stripped.split("/", 1)[0].strip()


def card_int(cards: dict[str, str], keyword: str, place: str, default: int | None = None) -> int:
    """Return an integer keyword.

    Raises
    ------
    FormatError
        ``FITS-KEYWORD`` when it is absent without a default, or not an integer.
    """
    if keyword not in cards and default is not None:
        return default
    try:
        return int(cards[keyword])
    except (KeyError, ValueError) as error:
        found = repr(cards.get(keyword, "absent"))
        raise refuse(
            "FITS-KEYWORD", f"{keyword} must be an integer", hdu=place, column=keyword, found=found, expected="integer"
        ) from error


def _data_size(cards: dict[str, str], place: str, limits: Limits) -> int:
    naxis = card_int(cards, "NAXIS", place)
    bitpix = card_int(cards, "BITPIX", place)
    if bitpix not in {8, 16, 32, 64, -32, -64}:
        raise refuse(
            "FITS-KEYWORD",
            "BITPIX is not one of the FITS types",
            hdu=place,
            column="BITPIX",
            found=str(bitpix),
            expected="8 16 32 64 -32 -64",
        )
    if not 0 <= naxis <= 8:
        raise refuse(
            "FITS-NAXIS", "NAXIS is out of range", hdu=place, column="NAXIS", found=str(naxis), expected="0 to 8"
        )
    if naxis == 0:
        return 0
    size = 1
    for axis in range(1, naxis + 1):
        length = card_int(cards, f"NAXIS{axis}", place)
        if length < 0:
            raise refuse(
                "FITS-NAXIS",
                f"NAXIS{axis} is negative",
                hdu=place,
                column=f"NAXIS{axis}",
                found=str(length),
                expected=">= 0",
            )
        size *= length
    size = abs(bitpix) // 8 * card_int(cards, "GCOUNT", place, 1) * (card_int(cards, "PCOUNT", place, 0) + size)
    if not 0 <= size <= limits.bytes:
        raise refuse(
            "FITS-NAXIS",
            "the header declares more data than is allowed",
            hdu=place,
            found=f"{size} bytes",
            expected=f"at most {limits.bytes}",
        )
    return size


def _check_hdu(hdu: Hdu, content: bytes) -> Iterator[Finding]:
    end = hdu.data_start + hdu.data_bytes
    if end > len(content):
        fix = "The file is cut or NAXISn is wrong: deliver it again."
        yield Finding(
            "FITS-TRUNCATED",
            "error",
            "the data unit is longer than the file",
            hdu=hdu.label,
            found=f"{len(content) - hdu.data_start} bytes",
            expected=f"{hdu.data_bytes} bytes",
            fix=fix,
        )
        return
    if end + (-hdu.data_bytes) % BLOCK > len(content):
        yield Finding(
            "FITS-PADDING",
            "warning",
            "the last block is not filled up to 2880 bytes",
            hdu=hdu.label,
            found=f"{len(content)} bytes",
        )
    for keyword in hdu.duplicates:
        yield Finding(
            "FITS-DUPLICATE-KEYWORD",
            "warning",
            f"{keyword} occurs more than once; the first one counts",
            hdu=hdu.label,
            column=keyword,
            fix="Keep one card.",
        )
    if hdu.cards.get("ZIMAGE") == "T" or hdu.cards.get("ZTABLE") == "T":
        yield Finding(
            "FITS-TILE-COMPRESSED",
            "error",
            "tile-compressed HDUs are not accepted",
            hdu=hdu.label,
            fix="Deliver the file plain or as one gzip stream.",
        )
    if hdu.kind == "BINTABLE":
        yield from _check_table(hdu, content)
    yield from _check_sums(hdu, content)


_TFORM = re.compile(r"(\d*)([LXBIJKAEDCMPQ])(.*)")
_WIDTH = {"L": 1, "B": 1, "I": 2, "J": 4, "K": 8, "A": 1, "E": 4, "D": 8, "C": 8, "M": 16, "P": 8, "Q": 16}


def _check_table(hdu: Hdu, content: bytes) -> Iterator[Finding]:
    """Check that the columns fill NAXIS1 and that every variable-length pointer stays inside the heap."""
    try:
        fields = card_int(hdu.cards, "TFIELDS", hdu.label)
        row_bytes = card_int(hdu.cards, "NAXIS1", hdu.label)
        rows = card_int(hdu.cards, "NAXIS2", hdu.label)
    except FormatError as error:
        yield error.finding
        return
    if not 0 <= fields <= 999:
        yield Finding(
            "FITS-TABLE",
            "error",
            "TFIELDS is out of range",
            hdu=hdu.label,
            column="TFIELDS",
            found=str(fields),
            expected="0 to 999",
        )
        return
    width = 0
    names: set[str] = set()
    for field in range(1, fields + 1):
        form = hdu.cards.get(f"TFORM{field}", "")
        match = _TFORM.match(form)
        if match is None:
            yield Finding(
                "FITS-TABLE",
                "error",
                f"TFORM{field} is not a column format",
                hdu=hdu.label,
                column=f"TFORM{field}",
                found=repr(form),
                expected="for example 1D, 16A, PE(256)",
            )
            return
        name = hdu.cards.get(f"TTYPE{field}", f"column {field}")
        if name.upper() in names:
            yield Finding(
                "FITS-DUPLICATE-COLUMN",
                "error",
                "a column name occurs twice",
                hdu=hdu.label,
                column=name,
                fix="Give every column its own name.",
            )
        names.add(name.upper())
        repeat = int(match[1] or 1)
        if match[2] in "PQ" and repeat:
            yield from _check_heap(hdu, content, width, name, match, rows, row_bytes)
        width += -(-repeat // 8) if match[2] == "X" else repeat * _WIDTH[match[2]]
    if width != row_bytes:
        yield Finding(
            "FITS-TABLE",
            "error",
            "the columns do not add up to the row length NAXIS1",
            hdu=hdu.label,
            column="NAXIS1",
            found=f"{row_bytes}",
            expected=f"{width}",
        )


def _check_heap(
    hdu: Hdu, content: bytes, column_start: int, name: str, form: re.Match[str], rows: int, row_bytes: int
) -> Iterator[Finding]:
    element = re.match(r"([LXBIJKAEDCM])", form[3])
    if element is None:
        yield Finding(
            "FITS-TABLE",
            "error",
            "a variable-length column does not say what it holds",
            hdu=hdu.label,
            column=name,
            found=form[0],
            expected="for example PE(256)",
        )
        return
    pointer = np.dtype(">i4" if form[2] == "P" else ">i8")
    if column_start + 2 * pointer.itemsize > row_bytes:
        return  # the row length is wrong; the caller says so
    table = np.frombuffer(content, np.uint8, rows * row_bytes, hdu.data_start).reshape(rows, row_bytes)
    pair = (
        np.ascontiguousarray(table[:, column_start : column_start + 2 * pointer.itemsize])
        .view(pointer)
        .astype(np.int64)
    )
    size = pair[:, 0] if element[1] == "X" else pair[:, 0] * _WIDTH[element[1]]
    heap_start = int(hdu.cards.get("THEAP", rows * row_bytes) or 0)
    heap_bytes = hdu.data_bytes - heap_start
    wrong = (pair < 0).any(axis=1) | ((pair[:, 0] > 0) & (pair[:, 1] + size > heap_bytes))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        found = f"{pair[row, 0]} elements at byte {pair[row, 1]} in {int(wrong.sum())} rows, first shown"
        yield Finding(
            "FITS-HEAP",
            "error",
            "a variable-length array points outside the heap",
            hdu=hdu.label,
            row=row + 1,
            column=name,
            found=found,
            expected=f"inside the heap of {heap_bytes} bytes",
        )


def _check_sums(hdu: Hdu, content: bytes) -> Iterator[Finding]:
    """Compare DATASUM and CHECKSUM (FITS 4.0, appendix J) with the content."""
    data = content[hdu.data_start : hdu.data_start + -(-hdu.data_bytes // BLOCK) * BLOCK]
    if len(data) % 4:
        return  # the padding is short; said elsewhere
    fix = "Recompute the checksums after the last change of the file."
    data_sum = _ones_sum(data)
    declared = hdu.cards.get("DATASUM", "").strip()
    if declared.isdigit() and int(declared) != data_sum:
        yield Finding(
            "FITS-DATASUM",
            "warning",
            "DATASUM does not fit the data",
            hdu=hdu.label,
            column="DATASUM",
            found=declared,
            expected=str(data_sum),
            fix=fix,
        )
    if hdu.cards.get("CHECKSUM", "").strip():
        total = _ones_sum(content[hdu.header_start : hdu.data_start], data_sum)
        if total not in {0, 0xFFFFFFFF}:
            yield Finding(
                "FITS-CHECKSUM",
                "warning",
                "CHECKSUM does not fit the HDU",
                hdu=hdu.label,
                column="CHECKSUM",
                found=hdu.cards["CHECKSUM"],
                fix=fix,
            )
    elif not declared:
        yield Finding(
            "FITS-NO-CHECKSUM",
            "info",
            "the HDU has no CHECKSUM or DATASUM: damage would go unseen",
            hdu=hdu.label,
            fix="Write CHECKSUM and DATASUM in every HDU, for example with ftchecksum.",
        )


def _ones_sum(data: bytes, start: int = 0) -> int:
    """Return the 32-bit ones'-complement sum of big-endian words."""
    total = int(np.frombuffer(data, ">u4").sum(dtype=np.uint64)) + start if data else start
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total
