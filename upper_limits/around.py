"""The maps around a position as small pictures: upper limit, significance, exposure, what lies there. No Django.

Each picture pixel shows the map pixel that it lies in, without the fit of the PSF. Gnomonic, north up, east left, ICRS.
"""

import base64
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray

from archive.healpix import pixels_nested, unit_vector
from archive.pictures import encode_png
from upper_limits.limits import Options, plan_conversion
from upper_limits.regions import errors_at
from upper_limits.statistics import bayesian_upper_limits
from upper_limits.store import Totals

FloatArray = NDArray[np.float64]

SIDE_DEG = 10.0
SIDE_PIXELS = 192
PICTURE = 300
"""Width of a picture in the units of its SVG."""
REACH_DEG = 12.0
_RAMP = ((13, 20, 38), (52, 30, 92), (124, 40, 108), (190, 62, 88), (236, 112, 56), (252, 180, 62), (250, 244, 190))
_BOTH_WAYS = (
    (24, 60, 120),
    (96, 150, 200),
    (214, 226, 232),
    (242, 238, 228),
    (244, 190, 140),
    (214, 96, 50),
    (124, 24, 18),
)


@dataclass(frozen=True, slots=True)
class Spot:
    """Something to mark in a picture, SVG units; `bright`: it adds to the errors around."""

    x: float
    y: float
    title: str
    bright: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """One map: a PNG as a data URL, and what its darkest, middle and brightest colours mean."""

    name: str
    unit: str
    url: str
    bar: str
    ticks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Pictures around a position, marks for them, and the bright sources that add to its error."""

    instrument: str
    band: str
    simulated: bool
    pictures: tuple[Picture, ...]
    spots: tuple[Spot, ...]
    psf_radius: float
    side_deg: float
    observed_share: float
    width: int = PICTURE


@dataclass(frozen=True, slots=True)
class BrightSource:
    """A source above 100 mCrab within 12 degrees: where, how far, how bright (unit of the map)."""

    ra: float
    dec: float
    separation_deg: float
    flux: float
    unit: str


def bright_around(totals: Totals, number: int, ra: float, dec: float) -> tuple[BrightSource, ...]:
    """Sources that add to the error at a position, nearest first."""
    here = np.array(unit_vector(ra, dec))
    found = []
    for band, at_ra, at_dec, flux in totals.bright:
        separation = math.degrees(math.acos(float(np.clip(here @ np.array(unit_vector(at_ra, at_dec)), -1.0, 1.0))))
        if band == number and separation < REACH_DEG:
            found.append(BrightSource(at_ra, at_dec, separation, flux, totals.bands[number].unit))
    return tuple(sorted(found, key=lambda one: one.separation_deg))


def draw_surroundings(
    totals: Totals,
    number: int,
    place: tuple[float, float],
    options: Options,
    sources: Sequence[tuple[str, float, float]],
    bright: Sequence[BrightSource],
) -> Surroundings | None:
    """Draw the maps of one band around a position (ICRS degrees); None where nothing near was observed.

    Parameters
    ----------
    sources : name and position, ICRS degrees, of what is known in the field
    """
    wcs = _gnomonic(*place)
    y, x = np.mgrid[:SIDE_PIXELS, :SIDE_PIXELS]
    ra, dec = wcs.all_pix2world(x.ravel(), y.ravel(), 0)
    ipix = pixels_nested(totals.readout.order, ra % 360.0, dec)
    flux, error = errors_at(totals, number, ipix)
    observed = np.isfinite(flux) & np.isfinite(error)
    if not observed.any():
        return None
    band = totals.bands[number]
    factor = plan_conversion(band, options).to_mcrab
    unit, factor = ("mCrab", factor) if math.isfinite(factor) else (band.unit, 1.0)
    limit = np.full(len(ipix), np.nan)
    limit[observed] = factor * bayesian_upper_limits(flux[observed], error[observed], confidence=options.confidence)
    pictures = [
        _picture("limit", unit, limit, logarithmic=True),
        _picture("significance", "σ", np.where(observed, flux / error, np.nan), symmetric=True),
    ]
    if band.has_exposure:
        seconds = totals.values[ipix, 2 * len(totals.bands) + number].astype(np.float64)
        pictures.append(_picture("exposure", "ks", np.where(observed, seconds / 1e3, np.nan)))
    marks = [(name, at_ra, at_dec, False) for name, at_ra, at_dec in sources]
    marks += [(f"{one.flux:.3g} {one.unit}", one.ra, one.dec, True) for one in bright]
    return Surroundings(
        totals.instrument,
        f"{band.energy_min_kev:g}–{band.energy_max_kev:g}",
        band.simulated,
        tuple(pictures),
        _place_spots(wcs, marks),
        round(0.5 * totals.readout.fwhm_deg / SIDE_DEG * PICTURE, 1),
        SIDE_DEG,
        float(observed.mean()),
    )


def _gnomonic(ra: float, dec: float) -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [ra, dec]
    wcs.wcs.crpix = [(SIDE_PIXELS + 1) / 2.0] * 2
    wcs.wcs.cdelt = [-SIDE_DEG / SIDE_PIXELS, SIDE_DEG / SIDE_PIXELS]
    return wcs


def _place_spots(wcs: WCS, marks: Sequence[tuple[str, float, float, bool]]) -> tuple[Spot, ...]:
    if not marks:
        return ()
    x, y = wcs.all_world2pix([mark[1] for mark in marks], [mark[2] for mark in marks], 0)
    scale = PICTURE / SIDE_PIXELS
    return tuple(
        Spot(round((px + 0.5) * scale, 1), round(PICTURE - (py + 0.5) * scale, 1), mark[0], mark[3])
        for px, py, mark in zip(x, y, marks, strict=True)
        if 0 <= px < SIDE_PIXELS and 0 <= py < SIDE_PIXELS
    )


def _picture(
    name: str, unit: str, values: FloatArray, *, logarithmic: bool = False, symmetric: bool = False
) -> Picture:
    """Colour values between their 1st and 99th percentile; what was not observed is transparent."""
    shown = np.isfinite(values) & ((values > 0.0) | (not logarithmic))
    scale: Callable[[FloatArray], FloatArray] = np.log10 if logarithmic else np.asarray
    back: Callable[[float], float] = (lambda one: 10.0**one) if logarithmic else float
    low, high = np.percentile(scale(values[shown]), [1.0, 99.0]) if shown.any() else (0.0, 1.0)
    if symmetric:
        high = max(5.0, abs(low), abs(high))
        low = -high
    span = float(high - low) or 1.0
    index = np.zeros(len(values), dtype=np.uint8)
    index[shown] = 1 + np.clip((scale(values[shown]) - low) / span * 254.0, 0.0, 254.0).astype(np.uint8)
    palette = _palette(_BOTH_WAYS if symmetric else _RAMP)
    png = encode_png(index.reshape(SIDE_PIXELS, SIDE_PIXELS)[::-1], palette)
    bar = encode_png(np.tile(np.arange(1, 256, dtype=np.uint8), (2, 1)), palette)
    ticks = tuple(f"{back(low + span * part):.3g}" for part in (0.0, 0.5, 1.0))
    return Picture(name, unit, _data_url(png), _data_url(bar), ticks)


def _data_url(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _palette(anchors: Sequence[tuple[int, int, int]]) -> bytes:
    """256 colours; the first is that of what was not observed."""
    at = np.linspace(0.0, len(anchors) - 1.0, 255)
    colours = np.stack([np.interp(at, np.arange(len(anchors)), np.array(anchors)[:, channel]) for channel in range(3)])
    return bytes(3) + np.rint(colours.T).astype(np.uint8).tobytes()
