"""The known hard X-ray sources of the simulated sky, and their simulated fluxes."""

import csv
import re
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ingestion.simulation.geometry import vector

FloatArray = NDArray[np.float64]

CRAB_NORM = 10.0
CRAB_INDEX = 2.1
CRAB_CONVENTION = "10*E**-2.1"
"""Photon spectrum of the Crab, ph cm-2 s-1 keV-1, E in keV: what `mCrab` means in every simulated file."""

_ERG_PER_KEV = 1.602176634e-9
_SOFTEST_INDEX = 2.3
_VARIABILITY = {"LMXB": 0.35, "HMXB": 0.45, "XRB": 0.4, "blazar": 0.35, "Seyfert": 0.15, "CV": 0.08}
_PERIODS_D = (1430.0, 371.0, 94.0, 23.7)


@dataclass(frozen=True, slots=True)
class Source:
    """Facts of one source. Position ICRS degrees; flux is the mean 20-60 keV flux in mCrab; N(E) ~ E**-photon_index."""

    source_id: str
    name: str
    ra: float
    dec: float
    source_class: str
    isdc_class: int
    flux_20_60_mcrab: float
    photon_index: float
    aliases: tuple[str, ...]

    @property
    def slug(self) -> str:
        """The name as part of a file name.

        Examples
        --------
        >>> Source("", "GRS 1915+105", 0, 0, "", 0, 0, 0, ()).slug
        'grs_1915_105'
        """
        return re.sub(r"[^a-z0-9]+", "_", self.name.lower()).strip("_")

    @property
    def amplitude(self) -> float:
        """Logarithmic amplitude of the simulated long-term variation, dimensionless; 0 = constant."""
        return _VARIABILITY.get(self.source_class, 0.0)


def load_sources() -> tuple[Source, ...]:
    """Read the package's list of sources, brightest in 20-60 keV first."""
    text = resources.files("ingestion.simulation").joinpath("sources.csv").read_text("ascii")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    sources = [
        Source(
            source_id=row["source_id"],
            name=row["name"],
            ra=float(row["ra"]),
            dec=float(row["dec"]),
            source_class=row["class"],
            isdc_class=int(row["isdc_class"]),
            flux_20_60_mcrab=float(row["flux_20_60_mcrab"]),
            photon_index=float(row["photon_index"]),
            aliases=tuple(row["aliases"].split("; ")) if row["aliases"] else (),
        )
        for row in rows
    ]
    return tuple(sorted(sources, key=lambda source: -source.flux_20_60_mcrab))


def source_vectors(sources: tuple[Source, ...]) -> FloatArray:
    """ICRS unit vectors, (n, 3)."""
    return vector([source.ra for source in sources], [source.dec for source in sources])


def energy_flux(index: ArrayLike, low_kev: ArrayLike, high_kev: ArrayLike) -> FloatArray:
    """Integral of E * E**-index over bands, keV**(2-index); the three arguments are broadcast."""
    low, high = np.asarray(low_kev, dtype=float), np.asarray(high_kev, dtype=float)
    power = 2.0 - np.asarray(index, dtype=float)
    flat = np.abs(power) < 1e-9
    safe = np.where(flat, 1.0, power)
    return np.where(flat, np.log(high / low), (high**safe - low**safe) / safe)


def crab_flux_erg(low_kev: float, high_kev: float) -> float:
    """Energy flux of 1 mCrab in a band, erg cm-2 s-1.

    Examples
    --------
    >>> round(crab_flux_erg(17.0, 60.0) * 1e12, 2)
    14.3
    """
    return float(CRAB_NORM * energy_flux(CRAB_INDEX, low_kev, high_kev) * _ERG_PER_KEV * 1e-3)


def band_fluxes(sources: tuple[Source, ...], low_kev: float, high_kev: float) -> FloatArray:
    """Mean fluxes in a band, mCrab, (n,): power laws pivoted on 20-60 keV; below 20 keV no index is softer than 2.3.

    Without that limit the soft X-ray binaries would outshine the X-ray sky of 3-25 keV by far.
    """
    index = np.array([source.photon_index for source in sources])
    anchor = np.array([source.flux_20_60_mcrab for source in sources])
    if low_kev < 15.0:
        index = np.minimum(index, _SOFTEST_INDEX)
    ratio = energy_flux(index, low_kev, high_kev) / energy_flux(index, 20.0, 60.0)
    crab = energy_flux(CRAB_INDEX, low_kev, high_kev) / energy_flux(CRAB_INDEX, 20.0, 60.0)
    return anchor * ratio / crab


def variation(source: Source, ijd: FloatArray) -> FloatArray:
    """Factor on the mean flux at times IJD (days); about 1 on average, always positive; shape of `ijd`."""
    wave = np.zeros_like(ijd)
    for at, period in enumerate(_PERIODS_D):
        phase = source.ra * (1.0 + at) + source.dec * (3.0 - at)
        wave += np.sin(2.0 * np.pi * ijd / period + np.radians(phase))
    return np.exp(source.amplitude * wave - source.amplitude**2)
