"""Fields of view: which part of an instrument sees a direction, and the exposure of the whole sky."""

from collections.abc import Mapping

import numpy as np
from astropy import units
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import bilinear_interpolation, healpix_to_lonlat
from numpy.typing import NDArray

from ingestion.simulation.geometry import vector
from ingestion.simulation.pointing import INSTRUMENTS, Plan

FloatArray = NDArray[np.float64]

COARSE_ORDER = 7
"""Order at which exposure is added up; finer maps interpolate, for vignetting changes over degrees only."""

# Full widths along spacecraft Y and Z of the fully and partially coded fields of IBIS
# (Ubertini et al. 2003, A&A 411, L131).
IBIS_FULLY_CODED_DEG = (8.33, 8.0)
IBIS_PARTIALLY_CODED_DEG = (29.1, 29.4)
# Diameters of the fully illuminated and of the whole field of JEM-X (Lund et al. 2003, A&A 411, L231).
JEMX_FULL_DEG = 4.8
JEMX_ZERO_DEG = 13.2
OMC_WIDTH_DEG = 5.0

_REACH_DEG = 20.6
"""No IBIS pixel lies farther from the axis: the corner of the partially coded field."""


def ibis_fraction(y_deg: FloatArray, z_deg: FloatArray) -> FloatArray:
    """Coded fraction of IBIS, 0 to 1, at offsets along spacecraft Y and Z: 1 inside, falling linearly to the edge.

    Examples
    --------
    >>> ibis_fraction(np.array([0.0, 4.0, 14.55]), np.array([0.0, 0.0, 0.0]))
    array([1., 1., 0.])
    """
    parts = []
    for angle, full, partial in zip((y_deg, z_deg), IBIS_FULLY_CODED_DEG, IBIS_PARTIALLY_CODED_DEG, strict=True):
        parts.append(np.clip((partial / 2.0 - np.abs(angle)) / (partial / 2.0 - full / 2.0), 0.0, 1.0))
    return parts[0] * parts[1]


def jemx_fraction(y_deg: FloatArray, z_deg: FloatArray) -> FloatArray:
    """Relative response of JEM-X, 0 to 1: 1 within 2.4 deg of the axis, falling linearly to 0 at 6.6 deg."""
    radius = np.hypot(y_deg, z_deg)
    return np.clip((JEMX_ZERO_DEG / 2.0 - radius) / (JEMX_ZERO_DEG / 2.0 - JEMX_FULL_DEG / 2.0), 0.0, 1.0)


def offsets_deg(vectors: FloatArray, x_axis: FloatArray, z_axis: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Offsets of directions (m, 3) along Y and Z of pointings (n, 3), degrees; (n, m), NaN behind the spacecraft."""
    along = x_axis @ vectors.T
    ahead = np.where(along > 0.5, along, np.nan)
    y_axis = np.cross(z_axis, x_axis)
    return np.degrees(np.arctan(y_axis @ vectors.T / ahead)), np.degrees(np.arctan(z_axis @ vectors.T / ahead))


def fractions(vectors: FloatArray, x_axis: FloatArray, z_axis: FloatArray) -> tuple[FloatArray, FloatArray]:
    """IBIS and JEM-X fractions of directions (m, 3) in pointings (n, 3); each (n, m), 0 outside the field."""
    y_deg, z_deg = offsets_deg(vectors, x_axis, z_axis)
    return np.nan_to_num(ibis_fraction(y_deg, z_deg)), np.nan_to_num(jemx_fraction(y_deg, z_deg))


def pixel_vectors(order: int, ipix: NDArray[np.int64]) -> FloatArray:
    """Unit vectors (n, 3) of the centres of NESTED pixels."""
    lon, lat = healpix_to_lonlat(ipix, order)
    return vector(lon.deg, lat.deg)


def sky_exposure(plan: Plan) -> tuple[FloatArray, FloatArray]:
    """Effective exposure of ISGRI and of JEM-X (both units), s; each (12 * 4**7,), NESTED order 7.

    Good time times the fraction of the instrument that sees the pixel, summed over all pointings.
    """
    sky = pixel_vectors(COARSE_ORDER, np.arange(12 * 4**COARSE_ORDER))
    isgri, jemx = np.zeros(len(sky)), np.zeros(len(sky))
    good = {name: plan.good_s[:, at] for at, name in enumerate(INSTRUMENTS)}
    both = good["jemx1"] + good["jemx2"]
    for observation in plan.observations:
        rows = slice(observation.first, observation.first + observation.count)
        middle = plan.x_axis[rows].mean(axis=0)
        middle /= np.linalg.norm(middle)
        spread = np.degrees(np.arccos(np.clip((plan.x_axis[rows] @ middle).min(), -1.0, 1.0)))
        near = np.flatnonzero(sky @ middle > np.cos(np.radians(min(_REACH_DEG + spread, 89.0))))
        seen_ibis, seen_jemx = fractions(sky[near], plan.x_axis[rows], plan.z_axis[rows])
        isgri[near] += good["isgri"][rows] @ seen_ibis
        jemx[near] += both[rows] @ seen_jemx
    return isgri, jemx


def refine(maps: Mapping[str, FloatArray], order: int, ipix: NDArray[np.int64]) -> dict[str, FloatArray]:
    """Values of order-7 maps at the centres of NESTED pixels of `order`: bilinear; at a coarser order, the mean."""
    if order <= COARSE_ORDER:
        return {
            name: values.reshape(-1, 4 ** (COARSE_ORDER - order)).mean(axis=1)[ipix] for name, values in maps.items()
        }
    lon, lat = healpix_to_lonlat(ipix, order)
    cells, weights = bilinear_interpolation(Longitude(lon), Latitude(lat), COARSE_ORDER)
    corners, shares = np.asarray(cells).astype(np.int64), np.asarray(weights)
    return {name: np.sum(values[corners] * shares, axis=-1) for name, values in maps.items()}


def to_lonlat_quantities(ra: FloatArray, dec: FloatArray) -> tuple[Longitude, Latitude]:
    """Degrees as the angle objects cdshealpix asks for."""
    return Longitude(ra, units.deg), Latitude(dec, units.deg)
