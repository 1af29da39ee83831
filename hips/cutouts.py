"""Pictures of a part of a map on a chosen projection, read from the arrays without interpolation."""

from __future__ import annotations

import dataclasses
import io
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archive.errors import UsageError
from archive.healpix import pixels_nested, unit_vector
from hips.tiles import Pixels

PROJECTIONS = ("TAN", "SIN", "ARC", "ZEA", "STG", "CAR", "AIT", "MOL", "SFL")
MAX_SIDE = 2048
MAX_SIZE_DEG = 180.0
MAX_TAN_DEG = 120.0
_BLOCK_BITS = 12
_CYLINDRICAL = {"CAR", "AIT", "MOL", "SFL"}
_CIRCLE = re.compile(r"\s*(\S{1,30})\s+(\S{1,30})\s+(\S{1,30})\s*")


@dataclasses.dataclass(frozen=True, slots=True)
class Region:
    """What to cut: a square, or a circle with nothing around it.

    Attributes
    ----------
    ra, dec : float
        Centre, ICRS degrees.
    size_deg : float
        Side of the square, or diameter of the circle.
    side : int
        Pixels along a side; 0: as fine as the map.
    circle : bool
        Whether pixels outside the inscribed circle are NaN.
    """

    ra: float
    dec: float
    size_deg: float
    projection: str = "TAN"
    side: int = 0
    circle: bool = False

    def __post_init__(self) -> None:
        if not (0 <= self.ra <= 360 and -90 <= self.dec <= 90):
            raise UsageError(
                f"position {self.ra:g}, {self.dec:g} is not on the sky; expected 0 <= ra <= 360, -90 <= dec <= 90."
            )
        if self.projection not in PROJECTIONS:
            raise UsageError(f"projection is {self.projection[:20]!r}; expected one of {', '.join(PROJECTIONS)}.")
        limit = MAX_TAN_DEG if self.projection == "TAN" else MAX_SIZE_DEG
        if not 0 < self.size_deg <= limit:
            raise UsageError(
                f"size is {self.size_deg:g}; {self.projection} takes more than 0, up to {limit:g} degrees."
            )
        if not 0 <= self.side <= MAX_SIDE:
            raise UsageError(f"pixels is {self.side}; expected 1 to {MAX_SIDE}.")


@dataclasses.dataclass(frozen=True)
class Cutout:
    """Values as a picture, (side, side) float32 with the first row at the bottom, and its world coordinates."""

    values: NDArray[np.float32]
    wcs: Any


def parse_circle(text: str) -> tuple[float, float, float]:
    """Read ``ra dec radius`` in degrees (SODA 1.0, section 3.3.3), with or without the word CIRCLE before it.

    Examples
    --------
    >>> parse_circle("CIRCLE 83.63 22.01 2.5")
    (83.63, 22.01, 2.5)
    """
    match = _CIRCLE.fullmatch(re.sub(r"^\s*CIRCLE(?=\s)", "", text, flags=re.IGNORECASE))
    try:
        ra, dec, radius = (float(part) for part in match.groups()) if match else (math.nan,) * 3
    except ValueError:
        ra = dec = radius = math.nan
    if not (math.isfinite(ra) and math.isfinite(dec) and math.isfinite(radius)):
        raise UsageError(f"The region is {text[:60]!r}; expected CIRCLE ra dec radius, in degrees.")
    return ra, dec, radius


def cut(pixels: Pixels, region: Region) -> Cutout:
    """Read the value of the map under each pixel of a picture; NaN outside the sky and where nothing was observed."""
    scale_deg = math.degrees(math.sqrt(4 * math.pi / pixels.size))
    side = region.side or min(MAX_SIDE, max(1, math.ceil(region.size_deg / scale_deg)))
    wcs = make_wcs(region, side)
    y, x = np.mgrid[0:side, 0:side].astype(np.float64)
    ra, dec = wcs.all_pix2world(x.ravel(), y.ravel(), 0)
    known = np.isfinite(ra) & np.isfinite(dec)
    # Beyond the edge of a projection wcslib may fold positions back: only what comes back is meant.
    back_x, back_y = wcs.all_world2pix(np.where(known, ra, 0), np.where(known, dec, 0), 0)
    known &= np.hypot(back_x - x.ravel(), back_y - y.ravel()) < 0.1
    if region.circle:
        centre = np.array(unit_vector(region.ra, region.dec))
        chord = np.linalg.norm(np.stack(unit_vector(ra, dec), axis=1) - centre, axis=1)
        known &= 2 * np.degrees(np.arcsin(np.minimum(chord / 2, 1))) <= region.size_deg / 2
    values = np.full(side * side, np.nan, dtype=np.float32)
    values[known] = read_scattered(pixels, pixels_nested(pixels.order, ra[known] % 360, dec[known]))
    return Cutout(values.reshape(side, side), wcs)


def make_wcs(region: Region, side: int) -> Any:
    """World coordinates of a square picture, north up and east to the left."""
    from astropy.wcs import WCS  # noqa: PLC0415 - a second at start-up

    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"RA---{region.projection}", f"DEC--{region.projection}"]
    step = region.size_deg / side
    wcs.wcs.cdelt = [-step, step]
    wcs.wcs.crpix = [(side + 1) / 2, (side + 1) / 2]
    wcs.wcs.crval = [region.ra, region.dec]
    if region.projection in _CYLINDRICAL:  # their reference point lies on the equator; the centre stays in the middle
        wcs.wcs.crval = [region.ra, 0.0]
        _, row = wcs.all_world2pix([region.ra], [region.dec], 0)
        wcs.wcs.crpix = [(side + 1) / 2, (side + 1) / 2 - (float(row[0]) - (side - 1) / 2)]
    wcs.wcs.radesys = "ICRS"
    wcs.wcs.set()
    return wcs


def read_scattered(pixels: Pixels, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
    """Values of pixels anywhere in the map, read in pieces of 4096."""
    blocks, which = np.unique(numbers >> _BLOCK_BITS, return_inverse=True)
    values = np.empty(numbers.size, dtype=np.float32)
    order = np.argsort(which, kind="stable")
    ends = np.cumsum(np.bincount(which, minlength=blocks.size))
    for number, block in enumerate(blocks.tolist()):
        start = block << _BLOCK_BITS
        members = order[ends[number - 1] if number else 0 : ends[number]]
        piece = pixels.read(start, min(start + (1 << _BLOCK_BITS), pixels.size))
        values[members] = piece[numbers[members] - start]
    return values


def encode_cutout(cutout: Cutout, cards: Mapping[str, str | float | bool]) -> bytes:
    """FITS file with the world coordinates and further cards in its header."""
    from astropy.io import fits  # noqa: PLC0415 - a second at start-up

    image = fits.PrimaryHDU(cutout.values, header=cutout.wcs.to_header())
    for name, value in cards.items():
        image.header[name] = value
    content = io.BytesIO()
    image.writeto(content)
    return content.getvalue()
