"""Reading a flux map at a position: fit of the point spread function, its weights and its noise.

A point source of flux F at separation d_i from the centre of pixel i puts F p(d_i) there, p the PSF with p(0) = 1
(mosaics are normalised so that the peak is the flux). The least-squares flux is sum p_i F_i / sum p_i^2: unbiased
wherever the source lies inside its pixel, while the bare pixel loses 14 % on average at nside 512, FWHM 12 arcmin.

The noise of neighbouring pixels is correlated. In real ISGRI mosaics (4.94 arcmin pixels) the correlation at 1, 2, 3
pixels is 0.76, 0.35, 0.11; exp(-d^2 / 4 sigma^2), the auto-correlation of the PSF, gives 0.79, 0.39, 0.12. With noise
so correlated, neighbours hold little that the nearest pixel does not, so one pixel divided by p(d) has less noise than
a wide fit wherever the pixels are fine.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from astropy import units
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import healpix_to_lonlat, lonlat_to_healpix, neighbours
from numpy.typing import ArrayLike, NDArray

from archive.healpix import unit_vector

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Kind = Literal["psf-pixel", "psf-neighbours", "nearest"]

FOUR_LN2 = 4.0 * math.log(2.0)
FIT_RADIUS_FWHM = 0.67
"""Pixels farther from the position than this many FWHM (8 arcmin for IBIS), or than one pixel, do not enter the fit."""

INSTRUMENT_FWHM_ARCMIN = {
    "ibis": 12.0,
    "isgri": 12.0,
    "picsit": 12.0,
    "jemx": 3.35,
    "jemx1": 3.35,
    "jemx2": 3.35,
    "spi": 150.0,
}
"""Width of a point source in the mosaics of each instrument, used where a map does not state its own."""


@dataclass(frozen=True, slots=True)
class Readout:
    """How maps of one HEALPix order are read for a PSF of a given width."""

    kind: Kind
    order: int
    fwhm_deg: float


@dataclass(frozen=True, slots=True)
class Pixels:
    """Which pixels to read for n positions, and how.

    Attributes
    ----------
    nearest, nearest_weight : (n,)
        The pixel that holds the position, and 1/p: the weight when it is read alone.
    ipix, weight : (n, k)
        NESTED indices (-1 where a pixel has no such neighbour) and weights (0 where it does not enter).
    noise_factor : (n,)
        Error of the fitted flux over the error of one pixel, for equal variances.
    """

    nearest: IntArray
    nearest_weight: FloatArray
    ipix: IntArray
    weight: FloatArray
    noise_factor: FloatArray


def plan_readout(order: int, fwhm_deg: float) -> Readout:
    """Choose the read-out for maps of `order` and a Gaussian PSF of `fwhm_deg`.

    "psf-pixel" where a pixel is at most a third of the FWHM; up to 1.5 FWHM "psf-neighbours", the pixel and its eight
    neighbours (or the pixel alone where that has less noise); else "nearest": a map so much coarser than the PSF
    misses sources between its pixel centres, and the caller must say so.

    Examples
    --------
    >>> [plan_readout(order, 0.2).kind for order in (10, 9, 8, 7)]
    ['psf-pixel', 'psf-neighbours', 'psf-neighbours', 'nearest']
    """
    if not fwhm_deg > 0.0:
        msg = f"fwhm_deg is {fwhm_deg!r}; expected a width in degrees greater than zero"
        raise ValueError(msg)
    ratio = pixel_size_deg(order) / fwhm_deg
    kind: Kind = "psf-pixel" if ratio <= 1 / 3 else "psf-neighbours" if ratio <= 1.5 else "nearest"
    return Readout(kind, order, fwhm_deg)


def pixel_size_deg(order: int) -> float:
    """Square root of the area of a HEALPix pixel, degrees.

    Examples
    --------
    >>> round(pixel_size_deg(10) * 60, 2)
    3.44
    """
    return math.degrees(math.sqrt(4.0 * math.pi / (12 << (2 * order))))


def psf(separation_deg: ArrayLike, fwhm_deg: float) -> FloatArray:
    """Gaussian PSF with peak 1 at angular separations in degrees.

    Examples
    --------
    >>> psf([0.0, 0.1], 0.2)
    array([1. , 0.5])
    """
    return np.exp(-FOUR_LN2 * (np.asarray(separation_deg, dtype=np.float64) / fwhm_deg) ** 2)


def noise_correlation(separation_deg: ArrayLike, fwhm_deg: float) -> FloatArray:
    """Correlation of the noise of two pixels: the auto-correlation of the PSF, sqrt(2) times as wide.

    Examples
    --------
    >>> noise_correlation([4.937 / 60, 9.874 / 60], 0.2).round(2)
    array([0.79, 0.39])
    """
    return np.exp(-0.5 * FOUR_LN2 * (np.asarray(separation_deg, dtype=np.float64) / fwhm_deg) ** 2)


def find_pixels(readout: Readout, ra: ArrayLike, dec: ArrayLike) -> Pixels:
    """Find the pixels to read at each position, their weights and the growth of the noise.

    Parameters
    ----------
    ra, dec : (n,), ICRS degrees, finite, -90 <= dec <= 90
    """
    ra, dec = np.atleast_1d(np.asarray(ra, dtype=np.float64)), np.atleast_1d(np.asarray(dec, dtype=np.float64))
    lon, lat = Longitude(ra, units.deg), Latitude(dec, units.deg)
    nearest = np.asarray(lonlat_to_healpix(lon, lat, readout.order)).view(np.int64)
    if readout.kind == "nearest":
        single = np.ones(len(ra))
        return Pixels(nearest, single, nearest[:, None], single[:, None], single)
    single = _single_weight(readout, nearest, ra, dec)
    if readout.kind == "psf-pixel":
        return Pixels(nearest, single, nearest[:, None], single[:, None], single)
    return _fit_neighbours(readout, nearest, single, np.stack(unit_vector(ra, dec), axis=-1))


def nearest_weight(readout: Readout, ipix: int, ra: float, dec: float) -> float:
    """Weight of pixel `ipix` read alone at one position, as `find_pixels` gives it, without arrays."""
    if readout.kind == "nearest":
        return 1.0
    lon, lat = healpix_to_lonlat_scalar(readout.order, ipix)
    a, b = math.radians(dec), lat
    haversine = math.sin(0.5 * (b - a)) ** 2 + math.cos(a) * math.cos(b) * math.sin(0.5 * (lon - math.radians(ra))) ** 2
    separation = math.degrees(2.0 * math.asin(min(1.0, math.sqrt(haversine))))
    return math.exp(FOUR_LN2 * (separation / readout.fwhm_deg) ** 2)


def apply_weights(pixels: Pixels, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the fitted flux and the noise factor of each position and band.

    Parameters
    ----------
    values : (n, k, n_band)
        The map at `pixels.ipix`; NaN where nothing was observed.

    Returns
    -------
    flux, noise_factor : (n, n_band)
        Where a neighbour was not observed, the nearest pixel alone is used; NaN where that one was not observed.
    """
    if values.shape[1] == 1:
        return values[:, 0, :] * pixels.weight, np.broadcast_to(pixels.noise_factor[:, None], values[:, 0, :].shape)
    entering = pixels.weight[:, :, None]
    flux = np.where(entering != 0.0, values * entering, 0.0).sum(axis=1)
    factor = np.broadcast_to(pixels.noise_factor[:, None], flux.shape)
    at_nearest = np.nansum(np.where((pixels.ipix == pixels.nearest[:, None])[:, :, None], values, 0.0), axis=1)
    observed = np.isfinite(np.where((pixels.ipix == pixels.nearest[:, None])[:, :, None], values, 0.0)).all(axis=1)
    single = pixels.nearest_weight[:, None]
    edge = ~np.isfinite(flux)
    flux = np.where(edge, np.where(observed, at_nearest * single, np.nan), flux)
    return flux, np.where(edge, np.broadcast_to(single, flux.shape), factor)


def _single_weight(readout: Readout, ipix: IntArray, ra: FloatArray, dec: FloatArray) -> FloatArray:
    """1/p at each position for the pixel that holds it, from the haversine of the separation."""
    lon, lat = (angle.to_value(units.rad) for angle in healpix_to_lonlat(ipix.view(np.uint64), readout.order))
    here = np.radians(dec)
    square = np.sin(0.5 * (here - lat)) ** 2
    square += np.cos(here) * np.cos(lat) * np.sin(0.5 * (np.radians(ra) - lon)) ** 2
    # asin(y)^2 = y^2 (1 + y^2 / 3 + 8 y^4 / 45 + ...); within a pixel y is small, and the next term below 1e-9
    square *= 1.0 + square / 3.0 + square * square * (8.0 / 45.0)
    return np.exp(square * (FOUR_LN2 * (2.0 / math.radians(readout.fwhm_deg)) ** 2))


def _fit_neighbours(readout: Readout, nearest: IntArray, single: FloatArray, target: FloatArray) -> Pixels:
    ipix = np.asarray(neighbours(nearest.astype(np.uint64), readout.order)).astype(np.int64)
    is_nearest = ipix == nearest[:, None]
    centre = _centres(np.maximum(ipix, 0), readout.order)
    separation = _separation(target[:, None, :], centre)
    radius = max(FIT_RADIUS_FWHM * readout.fwhm_deg, pixel_size_deg(readout.order))
    enters = is_nearest | ((ipix >= 0) & (separation <= radius))
    response = np.where(enters, psf(separation, readout.fwhm_deg), 0.0)
    weight = response / (response**2).sum(axis=1, keepdims=True)
    mutual = _separation(centre[:, :, None, :], centre[:, None, :, :])
    factor = np.sqrt(np.einsum("ni,nij,nj->n", weight, noise_correlation(mutual, readout.fwhm_deg), weight))
    # The choice depends on the position alone, never on the data, so it cannot bias the flux.
    alone = single <= factor
    weight = np.where(alone[:, None], np.where(is_nearest, single[:, None], 0.0), weight)
    return Pixels(nearest, single, ipix, weight, np.minimum(factor, single))


def healpix_to_lonlat_scalar(order: int, ipix: int) -> tuple[float, float]:
    """Longitude and latitude of the centre of one NESTED pixel, radians; cdshealpix costs 100 times more for one.

    References
    ----------
    Gorski et al. 2005, ApJ 622, 759, section 4.1 and equations 4-9.

    Examples
    --------
    >>> [round(math.degrees(angle), 6) for angle in healpix_to_lonlat_scalar(0, 5)]
    [90.0, 0.0]
    """
    nside = 1 << order
    face, inside = ipix >> (2 * order), ipix & (nside * nside - 1)
    x, y = _even_bits(inside), _even_bits(inside >> 1)
    ring = ((face >> 2) + 2) * nside - x - y - 1
    if ring < nside:
        count = ring
        latitude = 0.5 * math.pi - 2.0 * math.asin(ring / (nside * math.sqrt(6.0)))
    elif ring > 3 * nside:
        count = 4 * nside - ring
        latitude = 2.0 * math.asin(count / (nside * math.sqrt(6.0))) - 0.5 * math.pi
    else:
        count = nside
        latitude = math.asin((2 * nside - ring) * 2.0 / (3.0 * nside))
    middle = 2 * (face & 3) + 1 if face < 4 or face > 7 else 2 * (face & 3)
    return (middle * count + x - y) * math.pi / (4.0 * count) % (2.0 * math.pi), latitude


def _even_bits(value: int) -> int:
    value &= 0x5555555555555555
    value = (value | (value >> 1)) & 0x3333333333333333
    value = (value | (value >> 2)) & 0x0F0F0F0F0F0F0F0F
    value = (value | (value >> 4)) & 0x00FF00FF00FF00FF
    value = (value | (value >> 8)) & 0x0000FFFF0000FFFF
    return (value | (value >> 16)) & 0x00000000FFFFFFFF


def _centres(ipix: IntArray, order: int) -> FloatArray:
    lon, lat = healpix_to_lonlat(ipix.astype(np.uint64), order)
    return np.stack(unit_vector(lon.deg, lat.deg), axis=-1)


def _separation(one: FloatArray, other: FloatArray) -> FloatArray:
    """Angle between unit vectors, degrees, from the chord: exact for small angles."""
    chord = np.sqrt(((one - other) ** 2).sum(axis=-1))
    return np.degrees(2.0 * np.arcsin(np.minimum(0.5 * chord, 1.0)))
