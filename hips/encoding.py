"""Bytes of tiles: FITS, written by hand because a tile takes microseconds and a library milliseconds, and JPEG."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

_FITS_BLOCK = 2880
_CARD_TEXT = 68
_JPEG_QUALITY = 90
_FACE_LATITUDE = (45.0, 0.0, -45.0)


def encode_fits_tile(picture: FloatArray, *, order: int, ipix: int, unit: str) -> bytes:
    """FITS file of one tile: 32-bit floats with a HEALPix world coordinate system.

    Parameters
    ----------
    picture : (width, width), float32
        First row at the top; FITS has it at the bottom, so rows are turned over here.
    order, ipix : int
        Order and nested number of the tile; written as ORDER and NPIX.
    unit : str
        Unit of the values, written as BUNIT.

    References
    ----------
    FITS 4.0, sections 3.1-3.3; the HPX projection: Calabretta and Roukema 2007, MNRAS 381, 865 (H=4, K=3).
    """
    width = picture.shape[0]
    cards = [
        *_mandatory_cards(width, width),
        _text_card("BUNIT", unit),
        _integer_card("ORDER", order),
        _integer_card("NPIX", ipix),
        *_tile_wcs_cards(order, ipix, width),
    ]
    return _fits_bytes(cards, picture)


def encode_jpeg(picture: NDArray[np.uint8]) -> bytes:
    """JPEG of a grey picture, (height, width), or of red, green and blue, (height, width, 3)."""
    from PIL import Image  # noqa: PLC0415 - start-up, for a format that few ask for

    content = io.BytesIO()
    Image.fromarray(picture).save(content, "JPEG", quality=_JPEG_QUALITY)
    return content.getvalue()


def encode_fits_picture(picture: FloatArray, *, unit: str) -> bytes:
    """FITS file of an Allsky picture, which has no world coordinates."""
    rows, columns = picture.shape
    return _fits_bytes([*_mandatory_cards(columns, rows), _text_card("BUNIT", unit)], picture)


def encode_fits_header(cards: Mapping[str, str | int | float]) -> bytes:
    """FITS file without data whose header says where a HiPS comes from; text is cut to what a card can hold."""
    return _header_bytes([*_EMPTY_PRIMARY, *_cards(cards)])


def encode_fits_ranges(ranges: NDArray[np.int64], cards: Mapping[str, str | int | float]) -> bytes:
    """FITS file with a binary table of one column of 64-bit integers: first and end of each range in turn.

    Parameters
    ----------
    ranges : (n, 2), int64
    cards : mapping
        Keywords of the table; TFORM1 must be ``1K``.
    """
    table = [
        "XTENSION= 'BINTABLE'",
        _integer_card("BITPIX", 8),
        _integer_card("NAXIS", 2),
        _integer_card("NAXIS1", 8),
        _integer_card("NAXIS2", ranges.size),
        _integer_card("PCOUNT", 0),
        _integer_card("GCOUNT", 1),
        _integer_card("TFIELDS", 1),
        *_cards(cards),
    ]
    data = ranges.astype(">i8").tobytes()
    primary = _header_bytes([*_EMPTY_PRIMARY, f"EXTEND  = {'T':>20}"])
    return b"".join((primary, _header_bytes(table), data, b"\x00" * (-len(data) % _FITS_BLOCK)))


def _mandatory_cards(columns: int, rows: int) -> list[str]:
    return [
        f"SIMPLE  = {'T':>20}",
        _integer_card("BITPIX", -32),
        _integer_card("NAXIS", 2),
        _integer_card("NAXIS1", columns),
        _integer_card("NAXIS2", rows),
    ]


_EMPTY_PRIMARY = (f"SIMPLE  = {'T':>20}", f"BITPIX  = {8:>20d}", f"NAXIS   = {0:>20d}")


def _tile_wcs_cards(order: int, ipix: int, width: int) -> list[str]:
    """World coordinates of a tile in the plane of the HPX projection.

    On that plane a face is a square of 45 degrees half diagonal standing on a corner; x (even bits) runs to the upper
    right, y (odd bits) to the upper left. Tile columns run along y, FITS rows against x.
    """
    face, inside = divmod(ipix, 1 << (2 * order))
    x, y = _even_bits(inside) * width, _even_bits(inside >> 1) * width
    side = width << order
    step = 45.0 / side
    ring, column = divmod(face, 4)
    # The reference point lies on the equator at the face's own quarter of the sky, so that no tile crosses the edge of
    # the plane at 180 degrees, which wcslib refuses.
    longitude = 0.0 if ring == 1 else 45.0
    # Plane position of the point where both FITS pixel coordinates are zero.
    right = longitude + step * (x + width - y + 1)
    up = _FACE_LATITUDE[ring] + step * (x + width + y - side)
    # The matrix is step * [[-1, -1], [1, -1]]; solve matrix * crpix = -(right, up).
    first, second = right / step, up / step
    return [
        _text_card("CTYPE1", "RA---HPX"),
        _text_card("CTYPE2", "DEC--HPX"),
        _text_card("RADESYS", "ICRS"),
        _float_card("CRPIX1", (first - second) / 2),
        _float_card("CRPIX2", (first + second) / 2),
        _float_card("CRVAL1", 90.0 * column),
        _float_card("CRVAL2", 0.0),
        _float_card("CD1_1", -step),
        _float_card("CD1_2", -step),
        _float_card("CD2_1", step),
        _float_card("CD2_2", -step),
        _float_card("PV2_1", 4.0),
        _float_card("PV2_2", 3.0),
    ]


def _even_bits(number: int) -> int:
    result, place = 0, 0
    while number:
        result |= (number & 1) << place
        number >>= 2
        place += 1
    return result


def _cards(cards: Mapping[str, str | int | float]) -> list[str]:
    lines = []
    for name, value in cards.items():
        match value:
            case str():
                lines.append(_text_card(name, value))
            case int():
                lines.append(_integer_card(name, value))
            case _:
                lines.append(_float_card(name, value))
    return lines


def _integer_card(name: str, value: int) -> str:
    return f"{name:<8}= {value:>20d}"


def _float_card(name: str, value: float) -> str:
    return f"{name:<8}= {value:>20.13E}"


def _text_card(name: str, value: str) -> str:
    plain = "".join(char if " " <= char <= "~" else "?" for char in value)
    quoted = plain[:_CARD_TEXT].replace("'", "''")
    while len(quoted) > _CARD_TEXT:
        plain = plain[:-1]
        quoted = plain[:_CARD_TEXT].replace("'", "''")
    return f"{name:<8}= '{quoted:<8}'"


def _header_bytes(cards: list[str]) -> bytes:
    header = "".join(f"{card:<80}" for card in [*cards, "END"]).encode("ascii")
    return header + b" " * (-len(header) % _FITS_BLOCK)


def _fits_bytes(cards: list[str], picture: FloatArray) -> bytes:
    data = picture[::-1].astype(">f4").tobytes()
    return b"".join((_header_bytes(cards), data, b"\x00" * (-len(data) % _FITS_BLOCK)))
