"""Bright sources in a map: residues of a coded mask around them add to the noise of their neighbours.

The term is a F in quadrature for each source above 100 mCrab within 12 degrees. a = 0.0003 is provisional, one value
from one mosaic: in the real ISLA mosaic of revolution 0727 the robust scatter exceeds k_sys times the error in two of
six annuli around the Crab (by 0.00017 and 0.00027 of its peak, 1.5 to 5 degrees away) and not in the other four. Over
all real mosaics measured the excess ranges from 0 to 0.03 of the peak, most of it in k_sys already.
"""

import numpy as np
from astropy import units
from cdshealpix.nested import healpix_to_lonlat
from numpy.typing import NDArray

from archive.healpix import unit_vector
from upper_limits.flux import CRABS, DEFAULT_CRAB, crab_photon_flux

FloatArray = NDArray[np.float64]

BRIGHT_MCRAB = 100.0
RESIDUE = 3e-4
"""Provisional; see the head of this module."""
REACH_DEG = 12.0
MIN_SIGNIFICANCE = 10.0
MAX_SOURCES = 200


def bright_threshold(unit: str, energy_min_kev: float, energy_max_kev: float) -> float | None:
    """Return 100 mCrab in the unit of a map; None where the unit does not say what a Crab is.

    Examples
    --------
    >>> bright_threshold("mCrab", 20.0, 40.0), bright_threshold("cnt s-1", 20.0, 40.0)
    (100.0, None)
    """
    if unit.lower() == "mcrab":
        return BRIGHT_MCRAB
    try:
        factor = np.asarray(units.Unit("ph cm-2 s-1").to(unit)).item()
    except (ValueError, TypeError):
        return None
    return 1e-3 * BRIGHT_MCRAB * crab_photon_flux(CRABS[DEFAULT_CRAB], energy_min_kev, energy_max_kev) * factor


def find_bright(flux: NDArray[np.float32], significance: FloatArray, order: int, threshold: float) -> FloatArray:
    """Find sources above `threshold`: (m, 3), ICRS degrees and flux, brightest first, a degree apart.

    Parameters
    ----------
    flux, significance : (12 * 4**order,), NESTED; NaN where nothing was observed
    """
    with np.errstate(invalid="ignore"):
        found = np.flatnonzero((flux > threshold) & (significance > MIN_SIGNIFICANCE))
    found = found[np.argsort(-flux[found], kind="stable")]
    lon, lat = healpix_to_lonlat(found.astype(np.uint64), order)
    ra, dec = np.asarray(lon.deg, dtype=np.float64), np.asarray(lat.deg, dtype=np.float64)
    vectors = np.stack(unit_vector(ra, dec), axis=-1)
    kept: list[int] = []
    free = np.ones(len(found), dtype=np.bool_)
    while free.any() and len(kept) < MAX_SOURCES:
        first = int(np.argmax(free))
        kept.append(first)
        free &= vectors @ vectors[first] < np.cos(np.radians(1.0))
    return np.stack([ra[kept], dec[kept], flux[found[kept]].astype(np.float64)], axis=-1)


def bright_term(sources: FloatArray, cell_order: int) -> FloatArray:
    """Error that the sources add, (12 * 4**cell_order,), unit of their flux: sqrt(sum (a F)^2) over those in reach.

    Examples
    --------
    >>> term = bright_term(np.array([[0.0, 0.0, 1000.0]]), 3)
    >>> round(float(term.max()), 3), round(float((term > 0).mean()), 2)
    (0.3, 0.01)
    """
    lon, lat = healpix_to_lonlat(np.arange(12 << (2 * cell_order), dtype=np.uint64), cell_order)
    cells = np.stack(unit_vector(lon.deg, lat.deg), axis=-1)
    places = np.stack(unit_vector(sources[:, 0], sources[:, 1]), axis=-1)
    near = cells @ places.T > np.cos(np.radians(REACH_DEG))
    return np.sqrt((near * (RESIDUE * sources[:, 2]) ** 2).sum(axis=1))
