"""Coverage maps as people and programs write them: ASCII, JSON and FITS, read and written (MOC 2.0, section 4)."""

from __future__ import annotations

import io
import json
import re
import warnings

import numpy as np
from numpy.typing import NDArray

from archive.errors import TooLargeError, UsageError
from archive.healpix import HPX_ORDER
from hips.moc import Coverage, list_cells, normalize

MAX_BYTES = 16 * 1024 * 1024
MAX_CELLS = 1_000_000
_TOKEN = re.compile(r"(?:([0-9]{1,2})/)?(?:([0-9]{1,19})(?:-([0-9]{1,19}))?)?", re.ASCII)
_FITS_START = b"SIMPLE  ="


def encode_ascii(coverage: Coverage) -> str:
    """Text like ``0/1 1/3 8``; ends with the order, so that it is not lost when no pixel has it.

    Examples
    --------
    >>> encode_ascii(Coverage(1, np.array([[3, 12]])))
    '0/1-2 1/3'
    >>> encode_ascii(Coverage(2, np.array([[0, 16]])))
    '0/0 2/'
    """
    parts = []
    for order, cells in list_cells(coverage).items():
        runs = normalize(order, np.stack([cells, cells + 1], axis=1)).ranges.tolist()
        texts = [f"{low}" if high == low + 1 else f"{low}-{high - 1}" for low, high in runs]
        parts.append(f"{order}/{' '.join(texts)}")
    if not parts or not parts[-1].startswith(f"{coverage.order}/"):
        parts.append(f"{coverage.order}/")
    return " ".join(parts)


def encode_json(coverage: Coverage) -> str:
    """JSON object of pixel numbers by order.

    Examples
    --------
    >>> encode_json(Coverage(1, np.array([[3, 9]])))
    '{"0": [1], "1": [3, 8]}'
    """
    cells: dict[str, list[int]] = {str(order): numbers.tolist() for order, numbers in list_cells(coverage).items()}
    cells.setdefault(str(coverage.order), [])
    return json.dumps(cells)


def decode_moc(content: bytes) -> Coverage:
    """Read a coverage in whichever of the three forms it comes.

    Raises
    ------
    TooLargeError
        If it is larger than 16 MB or has more than a million pixels or ranges.
    UsageError
        If it is none, or no part of the sky.
    """
    if len(content) > MAX_BYTES:
        raise TooLargeError(f"The MOC has {len(content)} bytes; at most {MAX_BYTES} are read.")
    if content.startswith(_FITS_START):
        return _decode_fits(content)
    try:
        text = content.decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise UsageError("The MOC is neither FITS nor plain text; expected FITS, JSON or text like 3/1 5-7.") from error
    return _decode_json(text) if text.startswith("{") else _decode_ascii(text)


def _decode_ascii(text: str) -> Coverage:
    ranges: list[tuple[int, int, int]] = []
    order: int | None = None
    deepest = 0
    if not text:
        raise UsageError("A MOC in text is like 3/1 5-7 4/100; found nothing.")
    for found in re.finditer(r"[^\s,]+", text):
        if len(ranges) > MAX_CELLS:  # `_collect` refuses it; the rest need not be read
            break
        token = found[0]
        match = _TOKEN.fullmatch(token)
        if match is None or (match[1] is None and order is None):
            raise UsageError(f"A MOC in text is like 3/1 5-7 4/100; found {token[:40]!r}.")
        if match[1] is not None:
            order = _check_order(int(match[1]))
            deepest = max(deepest, order)
        if match[2] is not None and order is not None:
            low = int(match[2])
            ranges.append(_range(order, low, int(match[3] or low)))
    return _collect(ranges, deepest)


def _decode_json(text: str) -> Coverage:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError('The MOC is no JSON; expected an object like {"3": [1, 5], "4": [100]}.') from error
    ranges: list[tuple[int, int, int]] = []
    deepest = 0
    for key, numbers in found.items():
        if not re.fullmatch("[0-9]{1,2}", key) or not isinstance(numbers, list):
            raise UsageError(f'A MOC in JSON is like {{"3": [1, 5], "4": [100]}}; found the key {key[:40]!r}.')
        order = _check_order(int(key))
        deepest = max(deepest, order)
        if len(ranges) + len(numbers) > MAX_CELLS:
            raise TooLargeError(f"The MOC has more than {MAX_CELLS} pixels, which is the most that is read.")
        for number in numbers:
            if type(number) is not int:
                raise UsageError(f"Order {order} of the MOC holds {str(number)[:40]!r}; expected whole numbers.")
            ranges.append(_range(order, number, number))
    return _collect(ranges, deepest)


def _decode_fits(content: bytes) -> Coverage:
    from astropy.io import fits  # noqa: PLC0415 - a second at start-up, for the rare upload

    try:
        with warnings.catch_warnings(action="error"), fits.open(io.BytesIO(content), memmap=False) as file:
            table = next((hdu for hdu in file if isinstance(hdu, fits.BinTableHDU)), None)
            if table is None or table.header.get("TFIELDS") != 1:
                raise UsageError("The FITS file is no MOC: it has no table of one column.")
            header = table.header
            numbers = np.asarray(table.data.field(0)).ravel()
            kind = str(header.get("ORDERING", "")).strip()
            order = header.get("MOCORD_S", header.get("MOCORDER"))
            frame, axes = str(header.get("COORDSYS", "")).strip(), str(header.get("MOCDIM", "SPACE")).strip()
    except (OSError, TypeError, ValueError, KeyError, IndexError, fits.VerifyError, Warning) as error:
        raise UsageError("The MOC is not a readable FITS file: truncated or damaged.") from error
    if frame not in {"C", "ICRS"} or axes != "SPACE" or kind not in {"RANGE", "NUNIQ"}:
        raise UsageError(
            f"The MOC has COORDSYS {frame!r}, MOCDIM {axes!r}, ORDERING {kind!r}; expected 'C', 'SPACE' and 'RANGE' or "
            "'NUNIQ'."
        )
    if not isinstance(order, int):
        raise UsageError("The FITS header of the MOC has neither MOCORD_S nor MOCORDER.")
    if numbers.size > 2 * MAX_CELLS:
        raise TooLargeError(f"The MOC has {numbers.size} numbers; at most {2 * MAX_CELLS} are read.")
    if numbers.dtype.kind != "i":
        raise UsageError("The column of the MOC holds no whole numbers.")
    numbers = numbers.astype(np.int64)
    _check_order(order)
    return _from_uniq(numbers, order) if kind == "NUNIQ" else _from_ranges(numbers, order)


def _from_ranges(numbers: NDArray[np.int64], order: int) -> Coverage:
    if numbers.size % 2:
        raise UsageError(f"The MOC has {numbers.size} numbers; ranges need an even count.")
    shift = 2 * (HPX_ORDER - order)
    if (numbers & ((1 << shift) - 1)).any():
        raise UsageError(f"The MOC says order {order} but has ranges that are finer.")
    return normalize(order, numbers.reshape(-1, 2) >> shift)


def _from_uniq(numbers: NDArray[np.int64], order: int) -> Coverage:
    """Ranges of numbers that hold their order: N + 4 * 4**order (MOC 2.0, section 4.3.2)."""
    if numbers.size and numbers.min() < 4:
        raise UsageError(f"The MOC has the pixel {int(numbers.min())}; numbers of NUNIQ begin at 4.")
    orders = (np.frexp(numbers.astype(np.float64))[1] - 3) // 2
    if numbers.size and int(orders.max()) > order:
        raise UsageError(f"The MOC says order {order} but has pixels of order {int(orders.max())}.")
    pixels = numbers - (np.int64(4) << (2 * orders))
    shift = 2 * (order - orders)
    return normalize(order, np.stack([pixels << shift, (pixels + 1) << shift], axis=1))


def _check_order(order: int) -> int:
    if not 0 <= order <= HPX_ORDER:
        raise UsageError(f"The MOC has the order {order}; expected 0 to {HPX_ORDER}.")
    return order


def _range(order: int, low: int, high: int) -> tuple[int, int, int]:
    last = (12 << (2 * order)) - 1
    if not 0 <= low <= high <= last:
        raise UsageError(f"Order {order} of the MOC has the pixels {low} to {high}; expected ascending, 0 to {last}.")
    return order, low, high + 1


def _collect(ranges: list[tuple[int, int, int]], order: int) -> Coverage:
    if len(ranges) > MAX_CELLS:
        raise TooLargeError(f"The MOC has more than {MAX_CELLS} pixels or ranges, which is the most that is read.")
    shifted = [(low << (2 * (order - own)), high << (2 * (order - own))) for own, low, high in ranges]
    return normalize(order, np.array(shifted, dtype=np.int64).reshape(-1, 2))
