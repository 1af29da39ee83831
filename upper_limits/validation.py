"""Validation of the limits: simulations with a known truth, and the maps against published depths.

Nothing here is drawn from the code that it tests but the functions under test themselves: sources are planted with a
Gaussian written out here, intervals are judged by the truth that was drawn.
"""

import math
from dataclasses import dataclass

import numpy as np
from astropy import units
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import cone_search, healpix_to_lonlat
from numpy.typing import NDArray

from archive.healpix import unit_vector
from upper_limits.readout import pixel_size_deg, plan_readout
from upper_limits.statistics import bayesian_upper_limits, classical_upper_bound
from upper_limits.store import BandTotals, Totals

FloatArray = NDArray[np.float64]

CONFIDENCES = (0.9, 0.95, 0.9986501)
TRUTHS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0)
PUBLISHED_AREAS = (
    (0.12, 1.0, "4 years, Krivonos et al. 2007, A&A 475, 775 (abstract)"),
    (0.80, 5.0, "4 years, Krivonos et al. 2007, A&A 475, 775 (abstract)"),
    (0.10, 0.60, "7 years, Krivonos et al. 2010, A&A 523, A61 (abstract)"),
    (0.90, 4.32, "7 years, Krivonos et al. 2010, A&A 523, A61 (abstract)"),
)
"""Share of the sky, 5 sigma flux in mCrab, 17-60 keV. Curves of 14 and 17 years were not obtained."""
PUBLISHED_DEPTH = (0.77, "5 sigma, 17-60 keV: 0.77 mCrab (T / Ms)^-1/2; from memory, not verified")


@dataclass(frozen=True, slots=True)
class Recovery:
    """Planted sources of one flux: mean of found / planted without noise, mean and scatter of (found - planted) / s."""

    order: int
    planted_sigma: float
    count: int
    ratio: float
    pull_mean: float
    pull_scatter: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """Share of draws whose limit lies above the truth."""

    confidence: float
    truth_sigma: float
    bayesian: float
    classical: float


@dataclass(frozen=True, slots=True)
class Depths:
    """One band of a store, n sigma with all factors: by exposure (s) and by share of the sky, unit of the map."""

    instrument: str
    band: str
    unit: str
    simulated: bool
    exposure_s: tuple[float, ...]
    statistical: tuple[float, ...]
    slope: float
    at_1_ms: float
    share: tuple[float, ...]
    depth: tuple[float, ...]


def recover_sources(order: int, fwhm_deg: float, planted: float, *, count: int = 1000, seed: int = 1) -> Recovery:
    """Plant Gaussian sources of `planted` sigma at random places, read them back without and with noise.

    The noise of the pixels is white with variance 1; a place is used once, so planted sources do not touch.
    """
    rng = np.random.default_rng(seed)
    ra = rng.uniform(0.0, 360.0, count)
    dec = np.degrees(np.arcsin(rng.uniform(-1.0, 1.0, count)))
    values = np.zeros((12 << (2 * order), 3), dtype=np.float32)
    values[:, 1:] = 1.0
    band = BandTotals("20-40", 20.0, 40.0, "mCrab", "", 0.0, 1.0, simulated=True, has_exposure=True)
    ones = np.ones((12, 1), dtype=np.float32)
    totals = Totals("simulated", plan_readout(order, fwhm_deg), 0, (band,), values, ones, 0.0 * ones)
    clean, noisy, error = np.empty(count), np.empty(count), np.empty(count)
    for number in range(count):
        near = _plant(values, order, fwhm_deg, float(ra[number]), float(dec[number]), planted)
        clean[number] = totals.read_one(ra[number], dec[number]).flux[0, 0]
        values[near, 0] += rng.normal(size=len(near)).astype(np.float32)
        found = totals.read_one(ra[number], dec[number])
        noisy[number], error[number] = found.flux[0, 0], found.error[0, 0]
        values[near, 0] = 0.0
    pull = (noisy - planted) / error
    return Recovery(order, planted, count, float((clean / planted).mean()), float(pull.mean()), float(pull.std()))


def _plant(
    values: NDArray[np.float32], order: int, fwhm_deg: float, ra: float, dec: float, flux: float
) -> NDArray[np.int64]:
    place = Longitude(ra, units.deg), Latitude(dec, units.deg)
    near = np.asarray(cone_search(*place, 3.0 * fwhm_deg * units.deg, order, flat=True)[0]).astype(np.int64)
    lon, lat = healpix_to_lonlat(near.astype(np.uint64), order)
    cosine = np.stack(unit_vector(lon.deg, lat.deg), axis=-1) @ np.array(unit_vector(ra, dec))
    separation = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
    values[near, 0] = flux * np.exp2(-((separation / (0.5 * fwhm_deg)) ** 2))
    return near


def measure_coverage(*, draws: int = 200_000, seed: int = 2) -> list[Coverage]:
    """Draw fluxes around truths of 0 to 6 sigma and count the limits that hold the truth."""
    rng = np.random.default_rng(seed)
    error = np.ones(draws)
    found = []
    for confidence in CONFIDENCES:
        for truth in TRUTHS:
            flux = truth + rng.normal(size=draws)
            bayesian = bayesian_upper_limits(flux, error, confidence=confidence)
            classical = classical_upper_bound(flux, error, confidence=confidence)
            shares = float((bayesian >= truth).mean()), float((classical >= truth).mean())
            found.append(Coverage(confidence, truth, *shares))
    return found


def measure_depths(totals: Totals, number: int, *, n_sigma: float = 5.0) -> Depths:
    """Measure how deep a band is against its exposure (statistics only) and over the sky (with all factors)."""
    n_band, band = len(totals.bands), totals.bands[number]
    variance = np.asarray(totals.values[:, n_band + number], dtype=np.float64)
    exposure = np.asarray(totals.values[:, 2 * n_band + number], dtype=np.float64)
    cells = np.arange(len(variance)) >> (2 * (totals.readout.order - totals.cell_order))
    observed = np.isfinite(variance) & (variance > 0.0)
    statistical = n_sigma * np.sqrt(variance[observed])
    depth = np.hypot(
        statistical * totals.k_sys[cells[observed], number], n_sigma * totals.bright_term[cells[observed], number]
    )
    seen = exposure[observed]
    known = np.isfinite(seen) & (seen > 0.0)
    slope, at_1_ms, bins, medians = math.nan, math.nan, [], []
    if known.sum() > 100 and np.ptp(np.log10(seen[known])) > 0.3:
        edges = np.quantile(np.log10(seen[known]), np.linspace(0.0, 1.0, 21))
        slot = np.clip(np.searchsorted(edges, np.log10(seen[known])) - 1, 0, 19)
        for one in np.unique(slot):
            bins.append(float(np.median(seen[known][slot == one])))
            medians.append(float(np.median(statistical[known][slot == one])))
        line = np.polyfit(np.log10(bins) - 6.0, np.log10(medians), 1)
        slope, at_1_ms = float(line[0]), float(10.0 ** line[1])
    share = np.linspace(0.0, 1.0, 101)[1:] * observed.mean()
    curve = np.quantile(depth, np.linspace(0.0, 1.0, 101)[1:])
    return Depths(
        totals.instrument, band.band, band.unit, band.simulated, tuple(bins), tuple(medians), slope, at_1_ms,
        tuple(share.tolist()), tuple(curve.tolist()),
    )  # fmt: skip


def find_faults(recovered: list[Recovery], covered: list[Coverage]) -> list[str]:
    """Name what fails: flux off by more than 1 % or 4 standard errors, a limit that holds the truth too rarely."""
    faults = []
    for one in recovered:
        if abs(one.ratio - 1.0) > 0.01 or abs(one.pull_mean) > 4.0 / math.sqrt(one.count):
            size = pixel_size_deg(one.order) * 60.0
            faults.append(
                f"sources of {one.planted_sigma:g} sigma in pixels of {size:.1f} arcmin are found at {one.ratio:.4f} "
                f"of their flux, pull {one.pull_mean:+.3f}"
            )
    for one in covered:
        slack = 4.0 * math.sqrt(one.confidence * (1.0 - one.confidence) / 200_000)
        if one.bayesian < one.confidence - slack or abs(one.classical - one.confidence) > slack:
            faults.append(
                f"at {one.truth_sigma:g} sigma and {one.confidence:g} the limits hold the truth in {one.bayesian:.4f} "
                f"(Bayesian) and {one.classical:.4f} (classical) of the draws"
            )
    return faults
