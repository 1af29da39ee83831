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

ZENITHAL = ("TAN", "SIN", "ARC", "ZEA", "STG", "AZP", "SZP", "AIR")
# Their reference point lies on the equator.
GLOBAL = ("CAR", "AIT", "MOL", "SFL", "CEA", "MER", "PAR", "CYP", "PCO", "TSC", "CSC", "QSC")
CONIC = ("COP", "COE", "COD", "COO", "BON")
PROJECTIONS = (*ZENITHAL, *GLOBAL, *CONIC)
MAX_VERTICES = 100
MAX_SIDE = 2048
MAX_SIZE_DEG = 180.0
MAX_TAN_DEG = 120.0
_BLOCK_BITS = 12
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
    polygon : tuple of (ra, dec)
        Corners, ICRS degrees, of the polygon outside of which pixels are NaN; empty for none.
    bounds : tuple of float, optional
        Width in right ascension around the centre, lowest and highest declination; pixels outside are NaN.
    """

    ra: float
    dec: float
    size_deg: float
    projection: str = "TAN"
    side: int = 0
    circle: bool = False
    polygon: tuple[tuple[float, float], ...] = ()
    bounds: tuple[float, float, float] | None = None

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


def parse_polygon(text: str) -> tuple[tuple[float, float], ...]:
    """Read ``ra dec ra dec ...`` in degrees (SODA 1.0, section 3.3.3), with or without the word POLYGON before it.

    Examples
    --------
    >>> parse_polygon("POLYGON 10 0 12 0 11 2")
    ((10.0, 0.0), (12.0, 0.0), (11.0, 2.0))
    """
    words = text.split()[: 2 * MAX_VERTICES + 2]
    if words and words[0].upper() == "POLYGON":
        words = words[1:]
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = [math.nan]
    vertices = tuple(zip(numbers[::2], numbers[1::2], strict=False))
    good = all(0 <= ra <= 360 and -90 <= dec <= 90 for ra, dec in vertices)
    if len(numbers) % 2 or not 3 <= len(vertices) <= MAX_VERTICES or not good:
        raise UsageError(
            f"The region is {text[:60]!r}; expected POLYGON with 3 to {MAX_VERTICES} corners as ra dec ra dec ..., in "
            "degrees."
        )
    return vertices


def parse_range(text: str) -> tuple[float, float, float, float]:
    """Read ``ra1 ra2 dec1 dec2`` in degrees (SODA 1.0, section 3.3.3), with or without the word RANGE before it.

    Examples
    --------
    >>> parse_range("RANGE 350 10 -5 5")
    (350.0, 10.0, -5.0, 5.0)
    """
    words = re.sub(r"^\s*RANGE(?=\s)", "", text, flags=re.IGNORECASE).split()[:5]
    try:
        ra1, ra2, dec1, dec2 = (float(word) for word in words)
    except ValueError:
        ra1 = ra2 = dec1 = dec2 = math.nan
    if not (0 <= ra1 <= 360 and 0 <= ra2 <= 360 and -90 <= dec1 < dec2 <= 90 and ra1 != ra2):
        raise UsageError(f"The region is {text[:60]!r}; expected RANGE ra1 ra2 dec1 dec2, in degrees.")
    return ra1, ra2, dec1, dec2


def region_of_polygon(vertices: tuple[tuple[float, float], ...], projection: str, side: int) -> Region:
    """Smallest square around a polygon, which must fit on a hemisphere."""
    corners = np.stack(unit_vector(*np.array(vertices).T), axis=1)
    middle = corners.sum(axis=0)
    length = float(np.linalg.norm(middle))
    if length < 1e-9 or (corners @ middle <= 0).any():
        raise UsageError("The polygon does not fit on a hemisphere; cut it into smaller ones.")
    x, y, z = middle / length
    reach = math.degrees(math.acos(min(1.0, float((corners @ middle).min()) / length)))
    ra, dec = math.degrees(math.atan2(y, x)) % 360, math.degrees(math.asin(max(-1.0, min(1.0, z))))
    return Region(ra, dec, 2 * reach, projection, side, polygon=vertices)


def inside_polygon(vectors: NDArray[np.float64], vertices: tuple[tuple[float, float], ...]) -> NDArray[np.bool_]:
    """Whether unit vectors, (n, 3), lie in a polygon of great circles that fits on a hemisphere; corners either way.

    Notes
    -----
    On the tangent plane at the middle great circles are straight lines; there, the rule of crossings counts.
    """
    corners = np.stack(unit_vector(*np.array(vertices).T), axis=1)
    middle = corners.sum(axis=0) / np.linalg.norm(corners.sum(axis=0))
    helper = np.array([0.0, 0.0, 1.0]) if abs(middle[2]) < 0.9 else np.array([1.0, 0.0, 0.0])
    first = np.cross(middle, helper)
    first /= np.linalg.norm(first)
    second = np.cross(middle, first)
    near = vectors @ middle > 1e-6
    depth = np.where(near, vectors @ middle, 1.0)
    x, y = vectors @ first / depth, vectors @ second / depth
    corner_x, corner_y = corners @ first / (corners @ middle), corners @ second / (corners @ middle)
    inside = np.zeros(len(vectors), bool)
    for number in range(len(vertices)):
        x1, y1, x2, y2 = corner_x[number - 1], corner_y[number - 1], corner_x[number], corner_y[number]
        if y1 == y2:
            continue
        inside ^= ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return inside & near


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
    if region.polygon:
        known &= inside_polygon(np.stack(unit_vector(ra, dec), axis=1), region.polygon)
    if region.bounds is not None:
        width, low, high = region.bounds
        known &= (np.abs((ra - region.ra + 180) % 360 - 180) <= width / 2) & (dec >= low) & (dec <= high)
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
    if region.projection in CONIC:  # their standard parallel; a cone needs one that is not the equator
        parallel = math.copysign(min(max(abs(region.dec), 20.0), 80.0), region.dec)
        wcs.wcs.crval = [region.ra, parallel]
        wcs.wcs.set_pv([(2, 1, parallel)])
        x, y = wcs.all_world2pix([region.ra], [region.dec], 0)
        middle = (side - 1) / 2
        wcs.wcs.crpix = [(side + 1) / 2 - (float(x[0]) - middle), (side + 1) / 2 - (float(y[0]) - middle)]
    elif region.projection in GLOBAL:  # the centre stays in the middle
        if region.projection == "CYP":
            wcs.wcs.set_pv([(2, 1, 1.0), (2, 2, math.sqrt(0.5))])  # Gall's
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
