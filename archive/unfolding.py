"""Spectra unfolded with an assumed power law: counts of channels as flux, the shape of the law deciding how. Pure.

The flux of channel *i* is C_i M(E_i) / (R x M)_i: measured count rate over predicted count rate, times the model at the
middle of the channel. It does not depend on the norm of the model, but on its shape, which has to be stated with it.

References
----------
Nowak et al. 2005, ApJ 626, 1006, section 3.1 (unfolded spectra and what they may not be used for); Arnaud 1996, ASP
Conf. Ser. 101, 17 (XSPEC, plot eufspec). CAL/GEN/92-002 for RMF and ARF.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archive.errors import UsageError
from archive.formats import EffectiveArea, Response, Spectrum

FloatArray = NDArray[np.float64]
ERG_PER_KEV = 1.602176634e-9
"""CODATA 2018, exact."""

INDEX_RANGE = (-3.0, 9.0)


@dataclass(frozen=True, slots=True)
class Unfolded:
    """An unfolded spectrum; arrays of shape (n_used_channel,).

    `photon_flux` in ph/(cm**2.s.keV), `energy_flux` is E^2 times it, erg/(cm**2.s); `norm` is that of the law at 1 keV.
    """

    channel: NDArray[np.int64]
    energy_min_kev: FloatArray
    energy_max_kev: FloatArray
    photon_flux: FloatArray
    photon_flux_error: FloatArray
    energy_flux: FloatArray
    energy_flux_error: FloatArray
    model_energy_flux: FloatArray
    index: float
    index_error: float | None
    fitted: bool
    norm: float
    chi2: float
    degrees_of_freedom: int


def power_law_photons(low_kev: FloatArray, high_kev: FloatArray, index: float) -> FloatArray:
    """Integrate E^-index between energies (keV), shape (n,): ph/(cm**2.s) for a norm of 1 at 1 keV.

    Examples
    --------
    >>> power_law_photons(np.array([1.0]), np.array([10.0]), 2.0).round(6).tolist()
    [0.9]
    >>> power_law_photons(np.array([1.0]), np.array([10.0]), 1.0).round(6).tolist()
    [2.302585]
    """
    power = 1.0 - index
    if abs(power) < 1e-9:
        return np.log(high_kev / low_kev)
    return (high_kev**power - low_kev**power) / power


def unfold(spectrum: Spectrum, response: Response, area: EffectiveArea, *, index: float | None = None) -> Unfolded:
    """Unfold a spectrum with a power law whose photon index is given, or fitted by chi2 to the channels.

    Used are channels of quality 0 with a finite rate, a positive error, known energies and a predicted rate above 0.

    Raises
    ------
    UsageError
        If the index is outside `INDEX_RANGE`, the response and area are not on one grid, or fewer than 2 channels are
        left.
    """
    if index is not None and not INDEX_RANGE[0] <= index <= INDEX_RANGE[1]:
        raise UsageError(f"index is {index:g}; expected a photon index from {INDEX_RANGE[0]:g} to {INDEX_RANGE[1]:g}.")
    folding, place = _folding(spectrum, response, area)
    low, high = response.energy_low_kev, response.energy_high_kev
    steep = folding @ power_law_photons(low, high, 2.0)
    error = np.hypot(spectrum.error, spectrum.systematic_error * np.abs(spectrum.rate))[place]
    rate = spectrum.rate[place]
    emin, emax = spectrum.energy_min_kev[place], spectrum.energy_max_kev[place]
    use = (
        (spectrum.quality[place] == 0) & np.isfinite(rate) & np.isfinite(error) & (error > 0)
        & (emin > 0) & (emax > emin) & (steep > 0)
    )  # fmt: skip
    if use.sum() < 2:
        raise UsageError(f"only {int(use.sum())} channels of the spectrum can be unfolded; at least 2 are needed.")
    folding, rate, error, emin, emax = folding[use], rate[use], error[use], emin[use], emax[use]

    def fit(trial: float) -> tuple[float, float, FloatArray]:
        shape = folding @ power_law_photons(low, high, trial)
        norm = float((rate * shape / error**2).sum() / (shape**2 / error**2).sum())
        return float((((rate - norm * shape) / error) ** 2).sum()), norm, shape

    fitted = index is None
    spread = None
    if index is None:
        index, spread = _minimum(lambda trial: fit(trial)[0])
    chi2, norm, shape = fit(index)
    middle = np.sqrt(emin * emax)
    model = middle**-index
    scale = model / shape
    energy = middle**2 * ERG_PER_KEV
    return Unfolded(
        spectrum.channel[place][use], emin, emax,
        rate * scale, error * scale, energy * rate * scale, energy * error * scale, energy * norm * model,
        index, spread, fitted, norm, chi2, len(rate) - (2 if fitted else 1),
    )  # fmt: skip


def _folding(spectrum: Spectrum, response: Response, area: EffectiveArea) -> tuple[FloatArray, NDArray[np.int64]]:
    """Return matrix times area, (n_common, n_energy) in cm2, and the places of these channels in the spectrum."""
    same = len(area.area_cm2) == len(response.energy_low_kev) and np.allclose(
        area.energy_low_kev, response.energy_low_kev, rtol=1e-3, atol=1e-3
    )
    if not same:
        raise UsageError(
            f"the effective area has {len(area.area_cm2)} energies and the response {len(response.energy_low_kev)}; "
            "they are not on one grid, so the spectrum cannot be unfolded."
        )
    _, place, column = np.intersect1d(spectrum.channel, response.channel, return_indices=True)
    matrix = np.asarray(response.matrix, dtype=np.float64)[:, column].T
    return matrix * area.area_cm2, place


def _minimum(chi2_of: Callable[[float], float]) -> tuple[float, float | None]:
    """Return the index of least chi2 by a refined grid, and where chi2 is 1 above it (None: outside the range)."""
    low, high = INDEX_RANGE
    index, least = low, np.inf
    for _ in range(8):
        trials = np.linspace(low, high, 25)
        values = np.array([chi2_of(float(trial)) for trial in trials])
        index, least = float(trials[values.argmin()]), float(values.min())
        step = float(trials[1] - trials[0])
        low, high = max(INDEX_RANGE[0], index - step), min(INDEX_RANGE[1], index + step)
    for reach in np.geomspace(1e-4, INDEX_RANGE[1] - INDEX_RANGE[0], 400):
        if index + reach > INDEX_RANGE[1] or index - reach < INDEX_RANGE[0]:
            return index, None
        if (chi2_of(index + reach) + chi2_of(index - reach)) / 2 >= least + 1.0:
            return index, float(reach)
    return index, None
