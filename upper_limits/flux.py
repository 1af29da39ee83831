"""Spectral models, conversion between bands and the Crab as a unit.

A map gives a photon flux (or mCrab) in its native band. Its energy flux, in that band or any other, follows from a
spectral model: K = photon flux in the native band / integral of N(E) dE, then K times the integral of E N(E) dE. This
takes the effective area as flat inside the native band.

Where a column of absorbing gas is given, the photon flux in the native band is that which comes through the gas, and
the energy flux is that of the source itself, unabsorbed.

All N(E) are in photons cm-2 s-1 keV-1 for unit normalisation; energies in keV. Names of the models are XSPEC's.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from upper_limits.absorption import EDGES_KEV, transmission

FloatArray = NDArray[np.float64]

ERG_PER_KEV = 1.602176634e-9
"""Exact since the SI of 2019."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """N(E) = E^-index."""

    index: float
    name: ClassVar[str] = "powerlaw"


@dataclass(frozen=True, slots=True)
class BrokenPowerLaw:
    """N(E) = E^-index below `break_kev`, break^(index2 - index) E^-index2 above."""

    index: float
    break_kev: float
    index2: float
    name: ClassVar[str] = "bknpower"


@dataclass(frozen=True, slots=True)
class CutoffPowerLaw:
    """N(E) = E^-index exp(-E / cutoff_kev)."""

    index: float
    cutoff_kev: float
    name: ClassVar[str] = "cutoffpl"


@dataclass(frozen=True, slots=True)
class BlackBody:
    """N(E) = E^2 / (exp(E / kt_kev) - 1)."""

    kt_kev: float
    name: ClassVar[str] = "bbody"


@dataclass(frozen=True, slots=True)
class Band:
    """Band et al. 1993, ApJ 413, 281, equation 1, with E_peak = (2 + alpha) E_0; alpha > -2, alpha > beta."""

    alpha: float
    beta: float
    epeak_kev: float
    name: ClassVar[str] = "grbm"


Model = PowerLaw | BrokenPowerLaw | CutoffPowerLaw | BlackBody | Band


@dataclass(frozen=True, slots=True)
class Crab:
    """A named spectrum of the Crab: `norm` times the model, photons cm-2 s-1 keV-1."""

    name: str
    model: Model
    norm: float
    description: str


CRABS = {
    crab.name: crab
    for crab in (
        Crab("10*E**-2.1", PowerLaw(2.1), 10.0, "10 E^-2.1 ph cm-2 s-1 keV-1 (as Krivonos et al. 2007)"),
        Crab("9.7*E**-2.1", PowerLaw(2.1), 9.7, "9.7 E^-2.1 ph cm-2 s-1 keV-1"),
        Crab(
            "spi-broken",
            BrokenPowerLaw(2.07, 100.0, 2.24),
            6.6e-4 * 100.0**2.07,
            "broken power law 2.07 / 2.24 at 100 keV, 6.6e-4 there (after SPI, values from memory)",
        ),
    )
}
DEFAULT_CRAB = "10*E**-2.1"


def photon_flux(model: Model, energy_min_kev: float, energy_max_kev: float) -> float:
    """Integral of N(E) dE over the band for unit normalisation, photons cm-2 s-1.

    Raises
    ------
    ValueError
        If the band or the model is impossible, or the result does not fit a double.

    Examples
    --------
    >>> round(photon_flux(PowerLaw(2.0), 20.0, 40.0), 6)
    0.025
    """
    return _integrate(model, energy_min_kev, energy_max_kev, power=0)


def energy_flux(model: Model, energy_min_kev: float, energy_max_kev: float) -> float:
    """Integral of E N(E) dE over the band for unit normalisation, erg cm-2 s-1.

    Examples
    --------
    >>> round(energy_flux(PowerLaw(2.0), 20.0, 40.0) / ERG_PER_KEV, 6)
    0.693147
    """
    return ERG_PER_KEV * _integrate(model, energy_min_kev, energy_max_kev, power=1)


def crab_photon_flux(crab: Crab, energy_min_kev: float, energy_max_kev: float) -> float:
    """Photon flux of one Crab in the band, photons cm-2 s-1.

    Examples
    --------
    >>> round(crab_photon_flux(CRABS["10*E**-2.1"], 17.0, 60.0), 4)
    0.3022
    """
    return crab.norm * photon_flux(crab.model, energy_min_kev, energy_max_kev)


def mcrab_energy_flux(crab: Crab, energy_min_kev: float, energy_max_kev: float) -> float:
    """Energy flux of one mCrab in the band, erg cm-2 s-1.

    Examples
    --------
    >>> round(mcrab_energy_flux(CRABS["10*E**-2.1"], 17.0, 60.0) / 1e-12, 2)
    14.3
    """
    return 1e-3 * crab.norm * energy_flux(crab.model, energy_min_kev, energy_max_kev)


def energy_flux_per_photon_flux(
    model: Model, native: tuple[float, float], wanted: tuple[float, float], nh_cm2: float = 0.0
) -> float:
    """Energy flux in the wanted band (erg cm-2 s-1) for one photon cm-2 s-1 in the native band.

    Parameters
    ----------
    nh_cm2 : column of hydrogen in front of the source; the energy flux is unabsorbed

    Examples
    --------
    >>> factor = energy_flux_per_photon_flux(PowerLaw(2.0), (17.0, 60.0), (20.0, 100.0))
    >>> round(factor * 1e-3 * crab_photon_flux(CRABS["10*E**-2.1"], 17.0, 60.0) / 1e-12, 2)
    18.49
    """
    seen = absorbed_flux(model, *native, nh_cm2, power=0) if nh_cm2 else photon_flux(model, *native)
    return energy_flux(model, *wanted) / seen


def photon_density(model: Model, energy_kev: FloatArray) -> FloatArray:
    """N(E) for unit normalisation, photons cm-2 s-1 keV-1.

    Examples
    --------
    >>> photon_density(PowerLaw(2.0), np.array([10.0]))
    array([0.01])
    """
    match model:
        case PowerLaw(index=index):
            return energy_kev**-index
        case BrokenPowerLaw(index=index, break_kev=edge, index2=index2):
            above = edge ** (index2 - index) * energy_kev**-index2
            return np.where(energy_kev < edge, energy_kev**-index, above)
        case CutoffPowerLaw(index=index, cutoff_kev=cutoff):
            return energy_kev**-index * np.exp(-energy_kev / cutoff)
        case BlackBody(kt_kev=kt):
            return energy_kev**2 * np.exp(-energy_kev / kt) / -np.expm1(-energy_kev / kt)
        case Band(alpha=alpha, beta=beta, epeak_kev=peak):
            folding = peak / (2.0 + alpha)
            edge = (alpha - beta) * folding
            below = (energy_kev / 100.0) ** alpha * np.exp(-energy_kev / folding)
            above = (edge / 100.0) ** (alpha - beta) * math.exp(beta - alpha) * (energy_kev / 100.0) ** beta
            return np.where(energy_kev < edge, below, above)


def absorbed_flux(model: Model, low: float, high: float, nh_cm2: float, *, power: int) -> float:
    """Integral of E^power N(E) exp(-NH sigma(E)) dE, unit normalisation: photons cm-2 s-1, or keV cm-2 s-1 (power 1).

    Raises
    ------
    ValueError
        If the band or the model is impossible, or so little comes through that a double does not hold it.

    Examples
    --------
    >>> round(absorbed_flux(PowerLaw(2.0), 3.0, 10.0, 1e22, power=0) / photon_flux(PowerLaw(2.0), 3.0, 10.0), 3)
    0.946
    """
    _integrate(model, low, high, power=power)  # refuses what is impossible without absorption
    knees = [*EDGES_KEV, *(knee for knee in _knees(model) if math.isfinite(knee))]
    edges = [low, *sorted(knee for knee in set(knees) if low < knee < high), high]

    def log_density(energy: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore", under="ignore"):
            return np.log(energy**power * photon_density(model, energy) * transmission(energy, nh_cm2))

    with np.errstate(under="ignore"):
        total = sum(_quadrature(log_density, *pair) for pair in pairwise(edges))
    if not (math.isfinite(total) and total > 0.0):
        raise ValueError(f"nothing of {model.name} comes through {nh_cm2:.3g} cm-2 between {low!r} and {high!r} keV")
    return total


def _knees(model: Model) -> tuple[float, ...]:
    match model:
        case BrokenPowerLaw(break_kev=edge):
            return (edge,)
        case Band(alpha=alpha, beta=beta, epeak_kev=peak):
            return ((alpha - beta) * peak / (2.0 + alpha),)
        case _:
            return ()


def check_model(model: Model) -> None:
    """Refuse a model whose parameters are not finite or not possible.

    Raises
    ------
    ValueError
        One sentence with the parameter, what was found and what is expected.
    """
    for parameter in model.__slots__:
        value = getattr(model, parameter)
        if not math.isfinite(value) or abs(value) > 1e6:
            raise ValueError(f"{model.name}: {parameter} is {value!r}; expected a finite number of moderate size")
        if parameter.endswith("_kev") and value <= 0.0:
            raise ValueError(f"{model.name}: {parameter} is {value!r}; expected an energy in keV greater than zero")
    if isinstance(model, Band) and not model.alpha > -2.0:
        raise ValueError(f"grbm: alpha is {model.alpha!r}; expected more than -2, so that E_peak is a peak")
    if isinstance(model, Band) and not model.alpha > model.beta:
        raise ValueError(f"grbm: alpha {model.alpha!r} is not greater than beta {model.beta!r}")


def _integrate(model: Model, low: float, high: float, *, power: int) -> float:
    if not 1e-3 <= low < high <= 1e9:
        raise ValueError(f"the band is {low!r} to {high!r} keV; expected 0.001 <= lower edge < upper edge <= 1e9")
    check_model(model)
    try:
        with np.errstate(over="raise", under="ignore", invalid="raise", divide="raise"):
            total = _integral(model, low, high, power)
    except (FloatingPointError, OverflowError) as error:
        raise ValueError(f"{model.name} is too steep or too hot for {low!r} to {high!r} keV: no number") from error
    if not (math.isfinite(total) and total > 0.0):
        raise ValueError(f"{model.name} has no measurable flux between {low!r} and {high!r} keV")
    return total


def _integral(model: Model, low: float, high: float, power: int) -> float:
    match model:
        case PowerLaw(index=index):
            return _power_law(power - index, low, high)
        case BrokenPowerLaw(index=index, break_kev=edge, index2=index2):
            below = _power_law(power - index, low, min(high, edge)) if low < edge else 0.0
            above = _power_law(power - index2, max(low, edge), high) if high > edge else 0.0
            return below + edge ** (index2 - index) * above
        case CutoffPowerLaw(index=index, cutoff_kev=cutoff):
            return _quadrature(lambda e: (power - index) * np.log(e) - e / cutoff, low, high)
        case BlackBody(kt_kev=kt):
            return _quadrature(lambda e: (power + 2) * np.log(e) - e / kt - np.log(-np.expm1(-e / kt)), low, high)
        case Band(alpha=alpha, beta=beta, epeak_kev=peak):
            folding = peak / (2.0 + alpha)
            edge = (alpha - beta) * folding
            below, above = 0.0, 0.0
            if low < edge:
                below = _quadrature(
                    lambda e: power * np.log(e) + alpha * np.log(e / 100.0) - e / folding, low, min(high, edge)
                )
            if high > edge:
                scale = math.exp((alpha - beta) * math.log(edge / 100.0) + (beta - alpha)) * 100.0**-beta
                above = scale * _power_law(power + beta, max(low, edge), high)
            return below + above


def _power_law(exponent: float, low: float, high: float) -> float:
    """Integral of E^exponent, smooth through exponent = -1."""
    span = math.log(high / low)
    growth = (exponent + 1.0) * span
    ratio = math.expm1(growth) / growth if growth else 1.0
    return low ** (exponent + 1.0) * span * ratio


def _quadrature(log_density: Callable[[FloatArray], FloatArray], low: float, high: float) -> float:
    """Gauss-Legendre in log E, 48 nodes on each factor 2 of energy: exact to 1e-10 for the models here."""
    pieces = max(1, math.ceil(math.log2(high / low)))
    edges = np.linspace(math.log(low), math.log(high), pieces + 1)
    half = 0.5 * np.diff(edges)[:, None]
    log_energy = 0.5 * (edges[1:] + edges[:-1])[:, None] + half * _NODES
    density = np.exp(log_density(np.exp(log_energy)) + log_energy)
    return float((density * half * _WEIGHTS).sum())
