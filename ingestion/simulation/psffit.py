"""Reading source fluxes out of a HEALPix map: a fit of the PSF of all sources at once."""

from dataclasses import dataclass

import numpy as np
from astropy import units
from cdshealpix.nested import cone_search
from numpy.typing import NDArray

from ingestion.simulation.exposure import pixel_vectors, to_lonlat_quantities
from ingestion.simulation.geometry import lonlat, separation

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_FWHM_PER_SIGMA = 2.3548


@dataclass(frozen=True, slots=True)
class Near:
    """Pixels around sources: NESTED index, distance (arcmin) and unit vectors, one array per source."""

    ipix: tuple[IntArray, ...]
    distance_arcmin: tuple[FloatArray, ...]
    vectors: tuple[FloatArray, ...]

    def profile(self, at: int, fwhm_arcmin: float) -> FloatArray:
        """Gaussian PSF of source `at` in its pixels, 1 at the source."""
        sigma = fwhm_arcmin / _FWHM_PER_SIGMA
        return np.exp(-0.5 * (self.distance_arcmin[at] / sigma) ** 2)


def pixels_near(order: int, vectors: FloatArray, radius_deg: float) -> Near:
    """Find the NESTED pixels of `order` whose centre lies within `radius_deg` of each direction (n, 3)."""
    found: list[tuple[IntArray, FloatArray, FloatArray]] = []
    for direction in vectors:
        lon, lat = to_lonlat_quantities(*lonlat(direction))
        cells = np.asarray(cone_search(lon, lat, radius_deg * units.deg, order, flat=True)[0]).astype(np.int64)
        centres = pixel_vectors(order, cells)
        distance = separation(centres, direction)
        inside = distance <= radius_deg
        found.append((cells[inside], 60.0 * distance[inside], centres[inside]))
    return Near(
        ipix=tuple(cells for cells, _, _ in found),
        distance_arcmin=tuple(distance for _, distance, _ in found),
        vectors=tuple(centres for _, _, centres in found),
    )


@dataclass(frozen=True, slots=True)
class SourceFit:
    """Fitted flux and its 1-sigma statistical error (mCrab) and exposure (s) per source; NaN where not observed."""

    flux: FloatArray
    error: FloatArray
    exposure: FloatArray


def fit_sources(
    flux: NDArray[np.float32],
    variance: NDArray[np.float32],
    exposure: NDArray[np.float32],
    near: Near,
    fwhm_arcmin: float,
) -> SourceFit:
    """Least-squares fluxes of all sources at once, so that neighbours do not add to each other.

    The error follows from the statistical variance and a noise correlated like exp(-d**2 / 4 sigma**2), propagated
    through the fit of the source alone.
    """
    count = len(near.ipix)
    used = np.unique(np.concatenate(near.ipix))
    used = used[np.isfinite(flux[used])]
    design = np.zeros((len(used), count))
    error, seen = np.full(count, np.nan), np.zeros(count)
    for at in range(count):
        row = np.searchsorted(used, near.ipix[at])
        known = (row < len(used)) & (used[np.minimum(row, len(used) - 1)] == near.ipix[at])
        if not known.all():
            continue  # the source lies at the edge of the observed sky or outside it
        profile = near.profile(at, fwhm_arcmin)
        design[row, at] = profile
        error[at] = _error_of_fit(profile, np.sqrt(variance[near.ipix[at]]), near.vectors[at], fwhm_arcmin)
        seen[at] = exposure[near.ipix[at]][profile.argmax()]
    fitted = np.flatnonzero(np.isfinite(error))
    result = np.full(count, np.nan)
    if len(fitted):
        part = design[:, fitted]
        # the tiny diagonal keeps two sources closer than the map can tell apart from making the system singular
        normal = part.T @ part + 1e-6 * np.eye(len(fitted))
        result[fitted] = np.linalg.solve(normal, part.T @ flux[used].astype(float))
    return SourceFit(result, error, seen)


def _error_of_fit(profile: FloatArray, sigma: FloatArray, vectors: FloatArray, fwhm_arcmin: float) -> float:
    width = fwhm_arcmin / _FWHM_PER_SIGMA
    distance = 60.0 * separation(vectors[:, None, :], vectors[None, :, :])
    weighted = profile * sigma
    return float(np.sqrt(weighted @ np.exp(-0.25 * (distance / width) ** 2) @ weighted) / np.sum(profile**2))
