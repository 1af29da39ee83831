"""From images on their own WCS to HEALPix: resampling mosaics and science-window images, stacking by inverse variance.

A mosaic pixel of ISGRI (4.94 arcmin) is almost half as wide as the PSF (12 arcmin), so the value of the nearest pixel
is up to 20 % wrong beside a source. Interpolation by a quintic spline is right to 1.5 % of the peak. It is done in
significance, S = I / sqrt(V): there the noise is the same everywhere, and the huge noise at the edge of an image does
not ring into what lies inside. V and exposure are smooth; they are interpolated linearly. Noise that is correlated
like the PSF keeps its variance under such an interpolation, so the variance is not reduced.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy import units
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import cone_search, healpix_to_lonlat
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import (  # pyright: ignore[reportMissingTypeStubs]
    binary_erosion,
    distance_transform_edt,
    map_coordinates,
)

from archive.errors import UsageError
from archive.formats.image import Mosaic
from archive.healpix import unit_vector
from upper_limits.readout import pixel_size_deg

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MAX_RADIUS_DEG = 60.0
"""Images wider than this are not fields of view; an all-sky map is delivered as HEALPix."""
MAX_ORDER = 12
_SPLINE = 5


@dataclass(frozen=True, slots=True)
class Pixels:
    """Flux, its variance and the exposure in some HEALPix pixels (NESTED, ICRS), (n,) each, `ipix` rising.

    Only pixels that were observed are listed: every value is finite and every variance greater than zero.
    """

    ipix: IntArray
    flux: FloatArray
    variance: FloatArray
    exposure_s: FloatArray


def order_for(fwhm_deg: float) -> int:
    """Smallest HEALPix order whose pixels are at most a third of the PSF: read with one pixel, without bias.

    Raises
    ------
    UsageError
        If the PSF is so narrow that this needs more than order 12.

    Examples
    --------
    >>> order_for(0.2), order_for(3.35 / 60.0)
    (10, 12)
    """
    for order in range(MAX_ORDER + 1):
        if pixel_size_deg(order) <= fwhm_deg / 3.0:
            return order
    raise UsageError(f"a PSF of {fwhm_deg * 60.0:.3g} arcmin needs maps beyond order {MAX_ORDER}")


def sample_image(mosaic: Mosaic, ra: ArrayLike, dec: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Interpolate an image at positions.

    Parameters
    ----------
    ra, dec : (n,), ICRS degrees

    Returns
    -------
    flux, variance, exposure_s : (n,)
        NaN outside the observed field and in its outermost pixels; exposure NaN where the image has none. At the centre
        of an image pixel these are the values of that pixel.

    Raises
    ------
    UsageError
        If the image has no intensity, or neither variance nor error.
    """
    intensity, variance = mosaic.plane("intensity"), _variance(mosaic)
    if intensity is None or variance is None:
        found = ", ".join(plane.quantity for plane in mosaic.planes)
        raise UsageError(f"the image has the planes {found}; stacking needs intensity, and variance or error")
    observed = np.isfinite(intensity.pixels) & np.isfinite(variance) & (variance > 0.0)
    x, y = mosaic.pixel_of(np.atleast_1d(ra), np.atleast_1d(dec))
    inside = _holds(np.asarray(binary_erosion(observed, np.ones((3, 3))), dtype=np.bool_), x, y)
    flux, var, exposure = (np.full(len(x), np.nan) for _ in range(3))
    if not inside.any():
        return flux, var, exposure
    at = np.stack([y[inside], x[inside]])
    nearest = tuple(np.asarray(distance_transform_edt(~observed, return_distances=False, return_indices=True)))
    significance = np.where(observed, intensity.pixels / np.sqrt(np.where(observed, variance, 1.0)), 0.0)[nearest]
    var[inside] = map_coordinates(variance[nearest], at, order=1, mode="nearest")
    flux[inside] = map_coordinates(significance, at, order=_SPLINE, mode="nearest") * np.sqrt(var[inside])
    plane = mosaic.plane("exposure")
    if plane is not None:
        exposure[inside] = map_coordinates(plane.pixels.astype(np.float64)[nearest], at, order=1, mode="nearest")
    return flux, var, exposure


def resample_image(mosaic: Mosaic, order: int) -> Pixels:
    """Resample an image to the HEALPix pixels of `order` whose centres it covers.

    Raises
    ------
    UsageError
        As `sample_image`, and if the image is wider than a field of view.
    """
    ra, dec = mosaic.center()
    corners = np.array(mosaic.corners())
    middle, around = np.stack(unit_vector(ra, dec)), np.stack(unit_vector(corners[:, 0], corners[:, 1]))
    reach = math.degrees(math.acos(float(np.clip(middle @ around, -1.0, 1.0).min())))
    if not reach <= MAX_RADIUS_DEG:
        raise UsageError(
            f"the image reaches {reach:.0f} degrees from its centre; expected at most {MAX_RADIUS_DEG:.0f}: "
            "deliver maps of the whole sky as HEALPix"
        )
    ipix, _, _ = cone_search(
        Longitude(ra, units.deg), Latitude(dec, units.deg), (reach + 0.1) * units.deg, depth=order, flat=True
    )
    ipix = np.sort(np.asarray(ipix).astype(np.int64))
    lon, lat = healpix_to_lonlat(ipix.astype(np.uint64), order)
    flux, variance, exposure = sample_image(mosaic, lon.deg, lat.deg)
    seen = np.isfinite(flux) & (variance > 0.0)
    return Pixels(ipix[seen], flux[seen], variance[seen], exposure[seen])


def stack_pixels(parts: Sequence[Pixels]) -> Pixels:
    """Combine maps of one band by inverse variance: 1/V = sum 1/V_i, F = V sum F_i/V_i; exposures add.

    Examples
    --------
    >>> one = Pixels(np.array([3, 7]), np.array([1.0, 5.0]), np.array([1.0, 1.0]), np.array([10.0, 10.0]))
    >>> two = Pixels(np.array([3]), np.array([4.0]), np.array([2.0]), np.array([5.0]))
    >>> both = stack_pixels([one, two])
    >>> both.ipix.tolist(), both.flux.tolist(), both.exposure_s.tolist()
    ([3, 7], [2.0, 5.0], [15.0, 10.0])
    """
    if len(parts) == 1:
        return parts[0]
    ipix, place = np.unique(np.concatenate([part.ipix for part in parts]), return_inverse=True)
    weight = np.concatenate([1.0 / part.variance for part in parts])
    total = np.bincount(place, weight, len(ipix))
    flux = np.bincount(place, weight * np.concatenate([part.flux for part in parts]), len(ipix)) / total
    exposure = np.bincount(place, np.concatenate([part.exposure_s for part in parts]), len(ipix)).astype(np.float64)
    return Pixels(ipix, flux, 1.0 / total, exposure)


def _variance(mosaic: Mosaic) -> FloatArray | None:
    variance, error = mosaic.plane("variance"), mosaic.plane("error")
    if variance is not None:
        return variance.pixels.astype(np.float64)
    return None if error is None else error.pixels.astype(np.float64) ** 2


def _holds(mask: NDArray[np.bool_], x: FloatArray, y: FloatArray) -> NDArray[np.bool_]:
    rows, columns = mask.shape
    inside = (x > -0.5) & (y > -0.5) & (x < columns - 0.5) & (y < rows - 0.5)  # False for NaN
    i, j = np.rint(np.where(inside, y, 0.0)).astype(np.int64), np.rint(np.where(inside, x, 0.0)).astype(np.int64)
    return inside & mask[i, j]
