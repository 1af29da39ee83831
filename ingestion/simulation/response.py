"""A plausible ISGRI response: effective area (ARF), redistribution (RMF) and background, and folding through them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ingestion.simulation.sources import CRAB_INDEX, CRAB_NORM, Source, energy_flux

FloatArray = NDArray[np.float64]

CRAB_20_60_COUNT_S = 230.92
"""ISGRI rate of the Crab in 20-60 keV in the ISDC reference catalogue, version 43; fixes the effective area."""

JEMX1_CRAB_3_10_COUNT_S = 100.0
"""Assumed JEM-X 1 rate of the Crab in 3-10 keV."""

DEAD_TIME_FACTOR = 0.82
CHANNELS = 62
_ENERGY_BINS = 240


@dataclass(frozen=True, slots=True)
class Response:
    """ARF and RMF. Energies keV: `energy` (241,) edges of the model bins, `channel` (63,) edges of the channels.

    `area` (240,) cm2; `matrix` (240, 62) probability that a photon of a model bin is counted in a channel.
    """

    energy: FloatArray
    area: FloatArray
    matrix: FloatArray
    channel: FloatArray

    def fold(self, photons: FloatArray) -> FloatArray:
        """Count rate per channel (62,), count/s, of photon fluxes (240,), ph cm-2 s-1 per model bin."""
        return (photons * self.area) @ self.matrix


def make_response() -> Response:
    """Make the response.

    Area: rises through the low threshold near 18 keV, falls above 100 keV as CdTe becomes transparent; scaled to the
    catalogue rate of the Crab. Redistribution: a Gaussian of 8 % FWHM at 60 keV (Lebrun et al. 2003, A&A 411, L141),
    widening with the square root of energy, plus a flat low-energy tail of charge loss that grows with energy.
    """
    energy = np.geomspace(12.0, 1100.0, _ENERGY_BINS + 1)
    channel = np.geomspace(13.0, 1000.0, CHANNELS + 1)
    middle = np.sqrt(energy[1:] * energy[:-1])
    shape = (1.0 - np.exp(-((middle / 18.0) ** 3))) / (1.0 + (middle / 110.0) ** 1.8)
    crab = power_law_photons(CRAB_INDEX, CRAB_NORM, energy)
    inside = (middle >= 20.0) & (middle < 60.0)
    area = shape * CRAB_20_60_COUNT_S / np.sum((shape * crab)[inside])
    width = 0.08 * 60.0 / 2.3548 * np.sqrt(middle / 60.0)
    peak = np.diff(ndtr((channel[None, :] - middle[:, None]) / width[:, None]), axis=1)
    covered = np.minimum(channel[None, 1:], middle[:, None]) - np.minimum(channel[None, :-1], middle[:, None])
    tail = np.maximum(covered, 0.0) / middle[:, None]
    lost = np.clip(0.05 + 0.25 * np.log10(middle / 30.0), 0.05, 0.5)[:, None]
    return Response(energy, area, (1.0 - lost) * peak + lost * tail, channel)


def power_law_photons(index: float, norm: float, edges: FloatArray) -> FloatArray:
    """Photons per bin, ph cm-2 s-1, of norm * E**-index (E in keV) between `edges` (n + 1,); exact integral."""
    # the integral of E**-index is that of E * E**-(index + 1)
    return norm * energy_flux(index + 1.0, edges[:-1], edges[1:])


def norm_at_1_kev(source: Source) -> float:
    """Photon flux density at 1 keV, ph cm-2 s-1 keV-1, of a source's power law, from its 20-60 keV flux."""
    crab = CRAB_NORM * energy_flux(CRAB_INDEX, 20.0, 60.0)
    own = energy_flux(source.photon_index, 20.0, 60.0)
    return float(1e-3 * source.flux_20_60_mcrab * crab / own)


def band_rate(response: Response, source: Source, low_kev: float, high_kev: float) -> float:
    """Rate of a source at photon energies within a band, count/s, on axis; no redistribution."""
    photons = power_law_photons(source.photon_index, norm_at_1_kev(source), response.energy)
    middle = np.sqrt(response.energy[1:] * response.energy[:-1])
    inside = (middle >= low_kev) & (middle < high_kev)
    return float(np.sum((photons * response.area)[inside]))


def background_rate(response: Response) -> FloatArray:
    """Assumed background per channel (62,), count/s: 550 in all, falling as E**-1.1, with a line at 60 keV."""
    middle = np.sqrt(response.channel[1:] * response.channel[:-1])
    shape = middle**-1.1 * np.diff(response.channel) * (1.0 + 0.8 * np.exp(-0.5 * ((middle - 60.0) / 4.0) ** 2))
    return 550.0 * shape / shape.sum()
