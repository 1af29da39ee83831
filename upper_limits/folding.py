"""Count rates of a spectrum through a response: what a count is worth where an ARF and an RMF say it. No Django.

Photons in each energy bin of the response, times the area, redistributed into channels; channels count by the share of
them that lies in the band (CAL/GEN/92-002). Responses are made for rates of spectra. Rates read from mosaics of ISGRI
are 15 to 27 % lower (docs/decisions/0008), so limits converted this way are that much too low for images of that kind.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archive.formats.response import EffectiveArea, Response
from upper_limits.absorption import transmission
from upper_limits.flux import Crab, Model, energy_flux, photon_density

FloatArray = NDArray[np.float64]
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(6)
_SAME_GRID = 2e-3
"""Edges of ARF and RMF may differ by this share: files of OSA keep them as float32 and rounded."""


@dataclass(frozen=True, slots=True)
class Folded:
    """What a response says of one band: the rate of 1 Crab, and erg cm-2 s-1 (unabsorbed) for one count per second."""

    crab_rate: float
    erg_per_count: float


def fold_band(
    response: Response,
    area: EffectiveArea | None,
    band: tuple[float, float],
    model: Model,
    crab: Crab,
    wanted: tuple[float, float],
    nh_cm2: float = 0.0,
) -> Folded:
    """Fold a model and the Crab through a response.

    Parameters
    ----------
    area : None where the matrix holds the area
    band, wanted : edges in keV of the band of the counts, and of the energy flux

    Raises
    ------
    ValueError
        If ARF and RMF do not belong together, or the response does not cover the band.
    """
    rate = count_rate(response, area, band, model, nh_cm2)
    return Folded(crab.norm * count_rate(response, area, band, crab.model), energy_flux(model, *wanted) / rate)


def count_rate(
    response: Response,
    area: EffectiveArea | None,
    band: tuple[float, float],
    model: Model,
    nh_cm2: float = 0.0,
) -> float:
    """Counts per second in a band from a model of unit normalisation; raises as `fold_band`."""
    low, high = response.energy_low_kev, response.energy_high_kev
    if area is not None and (
        len(area.energy_low_kev) != len(low) or not np.allclose(area.energy_low_kev, low, rtol=_SAME_GRID)
    ):
        msg = f"ARF and RMF do not belong together: {len(area.energy_low_kev)} and {len(low)} energies, or other ones"
        raise ValueError(msg)
    first, last = float(response.channel_min_kev.min()), float(response.channel_max_kev.max())
    if band[0] < first or band[1] > last:
        msg = f"the response has channels of {first:g} to {last:g} keV, which do not cover {band[0]:g}-{band[1]:g} keV"
        raise ValueError(msg)
    low = np.maximum(low, 1e-3)
    half = 0.5 * (high - low)[:, None]
    energy = 0.5 * (high + low)[:, None] + half * _NODES
    with np.errstate(under="ignore"):
        density = photon_density(model, energy)
        if nh_cm2:
            density = density * transmission(np.maximum(energy, 0.03), nh_cm2)
    photons = (density * half * _WEIGHTS).sum(axis=1)
    detected = photons if area is None else photons * area.area_cm2
    channels = detected @ response.matrix.astype(np.float64)
    width = response.channel_max_kev - response.channel_min_kev
    inside = np.minimum(response.channel_max_kev, band[1]) - np.maximum(response.channel_min_kev, band[0])
    rate = float((channels * np.clip(inside, 0.0, None) / width).sum())
    if not (np.isfinite(rate) and rate > 0.0):
        raise ValueError(f"{model.name} makes no counts in {band[0]:g}-{band[1]:g} keV")
    return rate
