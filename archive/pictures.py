"""Pictures without a library: PNG bytes and the Mollweide view of the sky, which the website and the HiPS both draw."""

import math
import struct
import zlib
from functools import lru_cache

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TRANSPARENT_FIRST = b"\x00"
_GREY_TRANSPARENT = b"\x00\x00"
_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
# ESA 1997, The Hipparcos and Tycho Catalogues (SP-1200), volume 1, equation 1.5.11.
GALACTIC_TO_ICRS = np.array([
    [-0.0548755604, 0.4941094279, -0.8676661490],
    [-0.8734370902, -0.4448296300, -0.1980763734],
    [-0.4838350155, 0.7469822445, 0.4559837762],
])  # fmt: skip


def encode_png(indices: NDArray[np.uint8], palette: bytes | None = None, *, transparent: bool = True) -> bytes:
    """PNG of one byte a pixel.

    Parameters
    ----------
    indices : (height, width), uint8
    palette : bytes of length 768, optional
        Red, green, blue of the 256 values; grey where absent.
    transparent : bool
        Whether the value 0 shows what lies behind the picture.

    References
    ----------
    PNG, third edition (W3C 2025), sections 5, 9.2 (filter 0) and 11 (IHDR, PLTE, tRNS, IDAT, IEND).
    """
    height, width = indices.shape
    lines = np.zeros((height, width + 1), dtype=np.uint8)
    lines[:, 1:] = indices
    return b"".join((
        _before_pixels(width, height, palette, transparent), _chunk(b"IDAT", isal_zlib.compress(lines, 1)), _END
    ))  # fmt: skip


def encode_rgba_png(colours: NDArray[np.uint8]) -> bytes:
    """PNG of four bytes a pixel: red, green, blue and opacity.

    Parameters
    ----------
    colours : (height, width, 4), uint8
    """
    height, width, _ = colours.shape
    lines = np.zeros((height, 4 * width + 1), dtype=np.uint8)
    lines[:, 1:] = colours.reshape(height, 4 * width)
    data = _chunk(b"IDAT", isal_zlib.compress(lines, 1))
    return b"".join((_PNG_SIGNATURE, _header(width, height, 6), data, _END))


@lru_cache(maxsize=4)
def mollweide_sky(width: int) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Positions under the pixels of a picture of the whole sky: Galactic, centre in the middle, longitude to the left.

    Returns
    -------
    ra, dec : (n,)
        ICRS degrees of the n pixels inside the ellipse of the sky, row by row from the top.
    inside : (width / 2, width), bool
        Which pixels these are.

    Notes
    -----
    Inverse Mollweide: Snyder 1987, USGS Professional Paper 1395, equations 31-5 to 31-7, with R = 1 / sqrt(2), so that
    the sky is 4 wide and 2 high.
    """
    x = (np.arange(width) + 0.5) * 4 / width - 2
    y = 1 - (np.arange(width // 2) + 0.5) * 4 / width
    right, up = np.meshgrid(x, y)
    inside = (right / 2) ** 2 + up**2 < 1
    theta = np.arcsin(up[inside])
    latitude = np.arcsin((2 * theta + np.sin(2 * theta)) / math.pi)
    longitude = -math.pi * right[inside] / (2 * np.cos(theta))
    galactic = np.stack([np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)])
    east, north, pole = GALACTIC_TO_ICRS @ galactic
    ra, dec = np.degrees(np.arctan2(north, east)) % 360, np.degrees(np.arcsin(np.clip(pole, -1, 1)))
    for array in (ra, dec, inside):
        array.setflags(write=False)
    return ra, dec, inside


@lru_cache(maxsize=64)
def _before_pixels(width: int, height: int, palette: bytes | None, transparent: bool) -> bytes:  # noqa: FBT001 - of the key
    """Signature, size and colours: the same for every tile of a map."""
    chunks = [_header(width, height, 0 if palette is None else 3)]
    if palette is not None:
        chunks.append(_chunk(b"PLTE", palette))
    if transparent:
        chunks.append(_chunk(b"tRNS", _GREY_TRANSPARENT if palette is None else _TRANSPARENT_FIRST))
    return b"".join((_PNG_SIGNATURE, *chunks))


def _header(width: int, height: int, colour_type: int) -> bytes:
    return _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0))


def _chunk(name: bytes, body: bytes) -> bytes:
    return b"".join((struct.pack(">I", len(body)), name, body, struct.pack(">I", zlib.crc32(body, zlib.crc32(name)))))
