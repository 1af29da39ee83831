"""Fields of view: which part of an instrument sees a direction, and the exposure of the whole sky."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from astropy import units
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import bilinear_interpolation, healpix_to_lonlat
from numpy.typing import NDArray

from ingestion.simulation.geometry import vector
from ingestion.simulation.pointing import INSTRUMENTS, Observation, Plan

FloatArray = NDArray[np.float64]
AnyFloatArray = NDArray[np.floating]

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

_IBIS_REACH_DEG = 20.6
"""The corner of the partially coded field of IBIS is no farther from the axis."""

_CELL_ORDER = 3
_CELL_REACH_DEG = 7.5

_GROUP = 7
"""Pointings taken at once: neighbours share most of their pixels."""


def ibis_fraction(y_deg: AnyFloatArray, z_deg: AnyFloatArray) -> AnyFloatArray:
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


def jemx_fraction(y_deg: AnyFloatArray, z_deg: AnyFloatArray) -> AnyFloatArray:
    """Relative response of JEM-X, 0 to 1: 1 within 2.4 deg of the axis, falling linearly to 0 at 6.6 deg."""
    radius = np.hypot(y_deg, z_deg)
    return np.clip((JEMX_ZERO_DEG / 2.0 - radius) / (JEMX_ZERO_DEG / 2.0 - JEMX_FULL_DEG / 2.0), 0.0, 1.0)


def offsets_deg(
    vectors: AnyFloatArray, x_axis: AnyFloatArray, z_axis: AnyFloatArray
) -> tuple[AnyFloatArray, AnyFloatArray]:
    """Offsets of directions (m, 3) along Y and Z of pointings (n, 3), degrees; (n, m), NaN behind the spacecraft."""
    along = x_axis @ vectors.T
    ahead = np.where(along > 0.5, along, np.nan)
    y_axis = np.cross(z_axis, x_axis)
    return np.degrees(np.arctan(y_axis @ vectors.T / ahead)), np.degrees(np.arctan(z_axis @ vectors.T / ahead))


def fractions(
    vectors: AnyFloatArray, x_axis: AnyFloatArray, z_axis: AnyFloatArray
) -> tuple[AnyFloatArray, AnyFloatArray]:
    """IBIS and JEM-X fractions of directions (m, 3) in pointings (n, 3); each (n, m), 0 outside the field."""
    y_deg, z_deg = offsets_deg(vectors, x_axis, z_axis)
    return np.nan_to_num(ibis_fraction(y_deg, z_deg)), np.nan_to_num(jemx_fraction(y_deg, z_deg))


def pixel_vectors(order: int, ipix: NDArray[np.int64]) -> FloatArray:
    """Unit vectors (n, 3) of the centres of NESTED pixels."""
    lon, lat = healpix_to_lonlat(ipix, order)
    return vector(lon.deg, lat.deg)


def sky_exposure(plan: Plan) -> tuple[FloatArray, FloatArray]:
    """Effective exposure of ISGRI and of JEM-X (both units), s; each (12 * 4**7,), NESTED order 7.

    Good time times the fraction of the instrument that sees the pixel, summed over all pointings. Offsets are taken in
    single precision, good to 1e-5 deg and twice as quick.
    """
    good = _good_time(plan)
    totals = np.zeros((2, 12 * 4**COARSE_ORDER))
    for _, near, seconds in _add_up(plan, good["isgri"], ibis_fraction, _IBIS_REACH_DEG):
        totals[0, near] += seconds
    for _, near, seconds in _add_up(plan, good["jemx1"] + good["jemx2"], jemx_fraction, JEMX_ZERO_DEG / 2.0):
        totals[1, near] += seconds
    return totals[0], totals[1]


def yearly_exposure(plan: Plan) -> dict[int, FloatArray]:
    """Effective exposure of ISGRI, s, in each calendar year with a pointing; (12 * 4**7,), NESTED order 7.

    An observation belongs to the year in which it begins.
    """
    years = plan.years()
    totals = {int(year): np.zeros(12 * 4**COARSE_ORDER) for year in np.unique(years)}
    for observation, near, seconds in _add_up(plan, _good_time(plan)["isgri"], ibis_fraction, _IBIS_REACH_DEG):
        totals[int(years[observation.first])][near] += seconds
    return totals


def _good_time(plan: Plan) -> dict[str, NDArray[np.float32]]:
    return {name: plan.good_s[:, at].astype(np.float32) for at, name in enumerate(INSTRUMENTS)}


def _add_up(
    plan: Plan,
    good_s: NDArray[np.float32],
    response: Callable[[AnyFloatArray, AnyFloatArray], AnyFloatArray],
    reach_deg: float,
) -> Iterator[tuple[Observation, NDArray[np.int64], AnyFloatArray]]:
    """Observation, pixels and effective seconds of a few neighbouring pointings after the other."""
    sky = pixel_vectors(COARSE_ORDER, np.arange(12 * 4**COARSE_ORDER)).astype(np.float32)
    cells = pixel_vectors(_CELL_ORDER, np.arange(12 * 4**_CELL_ORDER)).astype(np.float32)
    x_axis, z_axis = plan.x_axis.astype(np.float32), plan.z_axis.astype(np.float32)
    for observation in plan.observations:
        for first in range(observation.first, observation.first + observation.count, _GROUP):
            rows = slice(first, min(first + _GROUP, observation.first + observation.count))
            near = _around(sky, cells, x_axis[rows], reach_deg)
            seen = response(*offsets_deg(sky[near], x_axis[rows], z_axis[rows]))
            yield observation, near, good_s[rows] @ np.nan_to_num(seen)


def _around(sky: AnyFloatArray, cells: AnyFloatArray, x_axis: AnyFloatArray, reach_deg: float) -> NDArray[np.int64]:
    """Indices of the pixels within `reach_deg` of any of some neighbouring pointings, and a few more.

    Whole cells of order 3 are sorted out first: `cells` are their centres, `_CELL_REACH_DEG` the farthest a pixel lies.
    """
    middle = x_axis.mean(axis=0)
    middle /= np.linalg.norm(middle)
    spread = np.degrees(np.arccos(np.clip((x_axis @ middle).min(), -1.0, 1.0)))
    reach_deg = min(reach_deg + spread + 0.1, 89.0 - _CELL_REACH_DEG)
    chosen = np.flatnonzero(cells @ middle > np.cos(np.radians(reach_deg + _CELL_REACH_DEG)))
    children = len(sky) // len(cells)
    ipix = (chosen[:, None] * children + np.arange(children)).ravel()
    return ipix[sky[ipix] @ middle > np.cos(np.radians(reach_deg))]


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
