"""What the maps can say of a region: how deep, how much of it, where a flux would have been seen. No Django."""

import math
from dataclasses import dataclass

import numpy as np
from astropy import units
from astropy.coordinates import Latitude, Longitude
from astropy.wcs import WCS
from cdshealpix.nested import cone_search
from mocpy import MOC
from numpy.typing import NDArray

from archive.errors import UsageError
from archive.healpix import pixel_centres
from upper_limits.readout import pixel_size_deg
from upper_limits.statistics import post_trial_probability
from upper_limits.store import Totals

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MAX_PIXELS = 4_000_000
MAX_MOC_TEXT = 200_000


@dataclass(frozen=True, slots=True)
class Depth:
    """Depth of one band over a region; sensitivity is n_sigma times the error, unit of the map; NaN = unobserved."""

    area_deg2: float
    observed_deg2: float
    deepest: float
    deepest_ra: float
    deepest_dec: float
    median: float
    area_below_deg2: float
    max_significance: float
    max_ra: float
    max_dec: float
    max_post_trial_probability: float


def cone_pixels(order: int, ra: float, dec: float, radius_deg: float) -> IntArray:
    """Pixels whose centres lie within a cone (ICRS degrees).

    Raises
    ------
    UsageError
        If it is no cone, or holds more pixels than one request may read.
    """
    if not (0.0 <= ra <= 360.0 and abs(dec) <= 90.0 and 0.0 < radius_deg <= 180.0):
        raise UsageError(
            f"the cone is ra {ra!r}, dec {dec!r}, radius {radius_deg!r}; expected degrees on the sky, ICRS"
        )
    share = 0.5 * (1.0 - math.cos(math.radians(radius_deg)))
    _check_count(share * (12 << (2 * order)))
    ipix, _, inside = cone_search(
        Longitude(ra, units.deg), Latitude(dec, units.deg), radius_deg * units.deg, order, flat=True
    )
    ipix = np.asarray(ipix).astype(np.int64)
    at_ra, at_dec = (np.radians(angle) for angle in pixel_centres(order, ipix))
    cosine = np.sin(at_dec) * math.sin(math.radians(dec))
    cosine += np.cos(at_dec) * math.cos(math.radians(dec)) * np.cos(at_ra - math.radians(ra))
    return ipix[np.asarray(inside, dtype=np.bool_) | (cosine >= math.cos(math.radians(radius_deg)))]


def moc_pixels(order: int, text: str) -> IntArray:
    """Pixels of `order` in a MOC, given as text or JSON (MOC 2.0, section 4.3).

    Raises
    ------
    UsageError
        If it is no MOC, or holds more pixels than one request may read.
    """
    if len(text) > MAX_MOC_TEXT:
        raise UsageError(f"the MOC has {len(text)} characters; expected at most {MAX_MOC_TEXT}")
    try:
        moc = MOC.from_string(text, "json" if text.lstrip().startswith("{") else "ascii")
    except Exception as error:
        raise UsageError("moc is not a MOC as text (for example 3/10-12 4/99) or JSON") from error
    _check_count(moc.sky_fraction * (12 << (2 * order)))
    flat = moc.degrade_to_order(order) if moc.max_order > order else moc
    return np.asarray(flat.flatten()).astype(np.int64) if flat.max_order == order else _refine(flat, order)


def _refine(moc: MOC, order: int) -> IntArray:
    shift = 2 * (order - moc.max_order)
    cells = np.asarray(moc.flatten()).astype(np.int64)
    return ((cells[:, None] << shift) + np.arange(1 << shift, dtype=np.int64)).ravel()


def measure_region(totals: Totals, number: int, ipix: IntArray, *, n_sigma: float, below: float = math.nan) -> Depth:
    """Measure the depth of a band over pixels of the map's own order.

    Parameters
    ----------
    below : flux in the unit of the map; the area where the n-sigma sensitivity is at most this is measured
    """
    pixel = pixel_size_deg(totals.readout.order) ** 2
    flux, error = errors_at(totals, number, ipix)
    observed = np.isfinite(error)
    if not observed.any():
        nan = math.nan
        return Depth(len(ipix) * pixel, 0.0, nan, nan, nan, nan, 0.0, nan, nan, nan, nan)
    depth = np.where(observed, n_sigma * error, np.inf)
    best = int(np.argmin(depth))
    significance = np.where(observed, flux / error, -np.inf)
    highest = int(np.argmax(significance))
    psf_area = math.pi / (4.0 * math.log(2.0)) * totals.readout.fwhm_deg**2
    trials = max(1.0, observed.sum() * pixel / psf_area)
    chance = 0.5 * math.erfc(float(significance[highest]) / math.sqrt(2.0))
    (ra, dec), (at_ra, at_dec) = (pixel_centres(totals.readout.order, ipix[one : one + 1]) for one in (best, highest))
    return Depth(
        len(ipix) * pixel,
        float(observed.sum()) * pixel,
        float(depth[best]),
        float(ra[0]),
        float(dec[0]),
        float(np.median(depth[observed])),
        float((depth <= below).sum()) * pixel if math.isfinite(below) else math.nan,
        float(significance[highest]),
        float(at_ra[0]),
        float(at_dec[0]),
        float(post_trial_probability(chance, trials)),
    )


def coverage_moc(totals: Totals, number: int, *, n_sigma: float, depth: float) -> MOC:
    """MOC of where the n-sigma sensitivity is at most `depth` (unit of the map)."""
    order, step = totals.readout.order, 1 << 20
    kept = []
    for start in range(0, 12 << (2 * order), step):
        ipix = np.arange(start, min(start + step, 12 << (2 * order)), dtype=np.int64)
        kept.append(ipix[n_sigma * errors_at(totals, number, ipix)[1] <= depth])
    ipix = np.concatenate(kept)
    return MOC.from_healpix_cells(ipix.astype(np.uint64), np.full(len(ipix), order, dtype=np.uint8), order)


def sensitivity_image(
    totals: Totals, number: int, ra: float, dec: float, size_deg: float, pixels: int, n_sigma: float
) -> tuple[NDArray[np.float32], WCS]:
    """Image of the n-sigma sensitivity around a position, gnomonic, north up, east left; NaN = not observed."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [ra, dec]
    wcs.wcs.crpix = [(pixels + 1) / 2.0] * 2
    wcs.wcs.cdelt = [-size_deg / pixels, size_deg / pixels]
    y, x = np.mgrid[:pixels, :pixels]
    at_ra, at_dec = wcs.all_pix2world(x.ravel(), y.ravel(), 0)
    readings = totals.read(at_ra, at_dec)
    return (n_sigma * readings.error[:, number]).reshape(pixels, pixels).astype(np.float32), wcs


def errors_at(totals: Totals, number: int, ipix: IntArray) -> tuple[FloatArray, FloatArray]:
    """Flux and error at the centres of pixels, where one pixel is read with weight 1."""
    n_band = len(totals.bands)
    cells = ipix >> (2 * (totals.readout.order - totals.cell_order))
    flux = totals.values[ipix, number].astype(np.float64)
    error = np.sqrt(totals.values[ipix, n_band + number].astype(np.float64)) * totals.k_sys[cells, number]
    return flux, np.hypot(error, totals.bright_term[cells, number])


def _check_count(count: float) -> None:
    if count > MAX_PIXELS:
        raise UsageError(f"the region has {count:.3g} pixels of the map; at most {MAX_PIXELS}: ask for a smaller one")
