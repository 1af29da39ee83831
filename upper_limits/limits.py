"""From readings of the maps to the table of limits: which columns, in which units, and how each is computed.

Pure numpy: the page, the JSON API, CSV and VOTable all show this one table.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from astropy import units
from numpy.typing import NDArray

from archive.errors import UsageError
from upper_limits.flux import (
    CRABS,
    DEFAULT_CRAB,
    ERG_PER_KEV,
    Crab,
    Model,
    PowerLaw,
    absorbed_flux,
    crab_photon_flux,
    energy_flux_per_photon_flux,
)
from upper_limits.statistics import (
    bayesian_upper_limits,
    classical_upper_bound,
    detectability_limit,
    is_detection,
    sensitivity,
)
from upper_limits.store import BandTotals, Totals

FloatArray = NDArray[np.float64]
Array = NDArray[np.float64] | NDArray[np.int64] | NDArray[np.bool_] | NDArray[np.str_] | NDArray[np.object_]

LIMIT, DETECTION, OUTSIDE, BAD = "limit", "detection", "outside coverage", "bad position"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table. `datatype` is VOTable's; unit "" = dimensionless, "map" = the unit of the band's map."""

    name: str
    datatype: str
    unit: str
    ucd: str
    description: str


COLUMNS = (
    Column("index", "int", "", "meta.number", "Number of the position in the request, from 0"),
    Column("name", "char", "", "meta.id", "Name or label given for the position"),
    Column("ra", "double", "deg", "pos.eq.ra;meta.main", "Right ascension, ICRS"),
    Column("dec", "double", "deg", "pos.eq.dec;meta.main", "Declination, ICRS"),
    Column("instrument", "char", "", "meta.id;instr", "Instrument of the map"),
    Column("band", "char", "", "instr.bandpass", "Energy band of the map"),
    Column("energy_min_kev", "double", "keV", "em.energy;stat.min", "Lower edge of the band"),
    Column("energy_max_kev", "double", "keV", "em.energy;stat.max", "Upper edge of the band"),
    Column("status", "char", "", "meta.code.status", "limit, detection, outside coverage, or bad position"),
    Column("message", "char", "", "meta.note", "What to know about this row; empty when nothing"),
    Column("upper_limit", "double", "map", "phot.flux;stat.max", "Bayesian upper limit (flat prior, flux >= 0)"),
    Column("flux", "double", "map", "phot.flux", "Flux fitted at the position; may be negative"),
    Column(
        "flux_error",
        "double",
        "map",
        "stat.error;phot.flux",
        "One sigma: sqrt(variance * (noise_factor * k_sys)**2 + bright_term**2)",
    ),
    Column("significance", "double", "", "stat.snr;phot.flux", "flux / flux_error"),
    Column("classical_bound", "double", "map", "phot.flux;stat.max", "flux + z * flux_error; may be negative"),
    Column(
        "sensitivity", "double", "map", "phot.flux;stat.min", "threshold_sigma * flux_error: detected half the time"
    ),
    Column("detectability", "double", "map", "phot.flux;stat.min", "Flux detected with probability `power`"),
    Column("unit", "char", "", "meta.unit", "Unit of the columns before this one that have no other"),
    Column("upper_limit_mcrab", "double", "mCrab", "phot.flux;stat.max", "upper_limit in thousandths of the Crab"),
    Column("upper_limit_erg", "double", "erg.cm**-2.s**-1", "phot.flux;stat.max", "upper_limit as energy flux"),
    Column("flux_erg", "double", "erg.cm**-2.s**-1", "phot.flux", "flux as energy flux"),
    Column("flux_error_erg", "double", "erg.cm**-2.s**-1", "stat.error;phot.flux", "flux_error as energy flux"),
    Column("erg_min_kev", "double", "keV", "em.energy;stat.min", "Lower edge of the band of the energy fluxes"),
    Column("erg_max_kev", "double", "keV", "em.energy;stat.max", "Upper edge of the band of the energy fluxes"),
    Column("variance", "double", "map2", "stat.variance;phot.flux", "Statistical variance of the nearest pixel"),
    Column("noise_factor", "double", "", "stat.error", "Growth of the error by the PSF fit at this position"),
    Column("k_sys", "double", "", "stat.error.sys", "Local systematic factor of the noise, >= 1"),
    Column(
        "bright_term", "double", "map", "stat.error.sys", "Error added by sources > 100 mCrab within 12 deg; 0 = none"
    ),
    Column("near_bright", "boolean", "", "meta.code", "True: a source above 100 mCrab lies within 12 deg"),
    Column("exposure_s", "double", "s", "time.duration;obs.exposure", "Effective exposure of the nearest pixel"),
    Column("tstart_mjd_tt", "double", "d", "time.start", "First day of the map, MJD (TT)"),
    Column("tstop_mjd_tt", "double", "d", "time.end", "Last day of the map, MJD (TT)"),
    Column("readout", "char", "", "meta.note", "psf-pixel, psf-neighbours or nearest: how the map was read"),
    Column("order", "int", "", "pos.healpix", "HEALPix order of the map (NESTED, ICRS)"),
    Column("ipix", "long", "", "pos.healpix", "HEALPix index of the nearest pixel"),
    Column("simulated", "boolean", "", "meta.code.status", "True: made by a simulation, not measured"),
    Column("map_version", "char", "", "meta.version", "Version of the sky maps"),
)

FORMULA = {
    "error": "s = sqrt(variance * (noise_factor * k_sys)**2 + bright_term**2)",
    "upper_limit": "F - s * ndtri((1 - CL) * ndtr(F / s)), CL one-sided; flat prior on F >= 0; equal to the CLs limit",
    "classical_bound": "F + ndtri(CL) * s",
    "sensitivity": "threshold_sigma * s",
    "detectability": "(threshold_sigma + ndtri(power)) * s",
    "status": "detection where F / s > threshold_sigma; the limit is then the upper bound of a measured flux",
    "references": "Helene 1983 NIM 212 319; Read 2002 J.Phys.G 28 2693; Kashyap et al. 2010 ApJ 719 900",
}


def choose_columns(known: tuple[Column, ...], names: Sequence[str]) -> tuple[Column, ...]:
    """Columns asked for, in the order asked; all where none is.

    Raises
    ------
    UsageError
        If there is no such column.
    """
    by_name = {column.name: column for column in known}
    for name in names:
        if name not in by_name:
            raise UsageError(f"there is no column {name[:40]!r}; there are {', '.join(by_name)}")
    return tuple(by_name[name] for name in dict.fromkeys(names)) or known


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller may choose. `confidence` is one-sided; `quoted_confidence` and `sides` are as asked."""

    confidence: float
    quoted_confidence: float
    sides: str
    threshold_sigma: float = 4.5
    power: float = 0.9
    model: Model = field(default_factory=lambda: PowerLaw(2.1))
    crab: Crab = field(default_factory=lambda: CRABS[DEFAULT_CRAB])
    flux_band_kev: tuple[float, float] | None = None
    preset: str = ""
    nh_cm2: float = 0.0
    response: str = ""


@dataclass(frozen=True, slots=True)
class Conversion:
    """Factors from the unit of a map: to mCrab of the chosen convention and to erg cm-2 s-1; NaN = not possible."""

    to_mcrab: float
    to_erg: float
    erg_band_kev: tuple[float, float]


def plan_conversion(band: BandTotals, options: Options) -> Conversion:
    """Find the factors for one band; ValueError where the spectral model has no number there."""
    native = (band.energy_min_kev, band.energy_max_kev)
    wanted = options.flux_band_kev or native
    one_mcrab = 1e-3 * crab_photon_flux(options.crab, *native)
    photons = _photons_per_unit(band, options, native)
    if photons is None:
        return Conversion(math.nan, math.nan, wanted)
    per_photon = energy_flux_per_photon_flux(options.model, native, wanted, options.nh_cm2)
    return Conversion(photons / one_mcrab, photons * per_photon, wanted)


def erg_per_mcrab(band: BandTotals, options: Options) -> float:
    """Energy flux, erg cm-2 s-1 in the band wanted, of a source that makes as many photons in the band as 1 mCrab."""
    native = (band.energy_min_kev, band.energy_max_kev)
    photons = 1e-3 * crab_photon_flux(options.crab, *native)
    return photons * energy_flux_per_photon_flux(options.model, native, options.flux_band_kev or native, options.nh_cm2)


def compute_rows(
    totals: Totals, chosen: list[int], ra: FloatArray, dec: FloatArray, options: Options
) -> Mapping[str, Array]:
    """Compute the numeric columns of the chosen bands of one instrument at n good positions.

    Returns
    -------
    mapping of column name to (n, n_chosen) array
        NaN where the position is outside the coverage of the band.
    """
    readings = totals.read_one(float(ra[0]), float(dec[0])) if len(ra) == 1 else totals.read(ra, dec)
    pick = np.array(chosen)
    flux, error = readings.flux[:, pick], readings.error[:, pick]
    conversions = [plan_conversion(totals.bands[number], options) for number in chosen]
    to_mcrab = np.array([conversion.to_mcrab for conversion in conversions])
    to_erg = np.array([conversion.to_erg for conversion in conversions])
    limit = bayesian_upper_limits(flux, error, confidence=options.confidence)
    shape = flux.shape
    return {
        "flux": flux,
        "flux_error": error,
        "significance": flux / error,
        "upper_limit": limit,
        "classical_bound": classical_upper_bound(flux, error, confidence=options.confidence),
        "sensitivity": sensitivity(error, n_sigma=options.threshold_sigma),
        "detectability": detectability_limit(error, threshold_sigma=options.threshold_sigma, power=options.power),
        "upper_limit_mcrab": limit * to_mcrab,
        "upper_limit_erg": limit * to_erg,
        "flux_erg": flux * to_erg,
        "flux_error_erg": error * to_erg,
        "erg_min_kev": np.broadcast_to(np.array([c.erg_band_kev[0] for c in conversions]), shape),
        "erg_max_kev": np.broadcast_to(np.array([c.erg_band_kev[1] for c in conversions]), shape),
        "variance": readings.variance[:, pick],
        "noise_factor": np.where(np.isfinite(flux), readings.noise_factor[:, pick], np.nan),
        "k_sys": readings.k_sys[:, pick],
        "bright_term": np.where(np.isfinite(flux), readings.bright_term[:, pick], np.nan),
        "near_bright": readings.bright_term[:, pick] > 0.0,
        "exposure_s": readings.exposure_s[:, pick],
        "ipix": np.broadcast_to(readings.ipix[:, None], shape),
        "detection": is_detection(flux, error, threshold_sigma=options.threshold_sigma),
    }


def _photons_per_unit(band: BandTotals, options: Options, native: tuple[float, float]) -> float | None:
    """Photons cm-2 s-1 in the native band for one unit of the map; None when the unit does not say."""
    if band.unit.lower() == "mcrab":
        crab = CRABS.get(band.crab_convention)
        return None if crab is None else 1e-3 * crab_photon_flux(crab, *native)
    photons = _unit_factor(band.unit, "ph cm-2 s-1")
    if photons is not None:
        return photons
    energy = _unit_factor(band.unit, "erg cm-2 s-1")
    if energy is None:
        return None
    seen = ERG_PER_KEV * absorbed_flux(options.model, *native, options.nh_cm2, power=1)
    return energy * absorbed_flux(options.model, *native, options.nh_cm2, power=0) / seen


@lru_cache(maxsize=256)
def _unit_factor(text: str, wanted: str) -> float | None:
    """Value of one unit in another; None where it is no such unit. Kept, as reading a unit costs most of a request."""
    try:
        unit = units.Unit(text)
        return np.asarray(unit.to(wanted)).item() if unit.is_equivalent(wanted) else None
    except ValueError:
        return None


def model_facts(options: Options) -> dict[str, object]:
    """Describe the spectral model and the Crab convention for the head of an answer."""
    model = options.model
    parameters = {name: getattr(model, name) for name in model.__slots__}
    return {
        "model": {"name": model.name, **parameters},
        "crab": {"name": options.crab.name, "spectrum": options.crab.description},
        "flux_band_kev": options.flux_band_kev,
        "preset": options.preset,
        "response": options.response,
        "absorption": {
            "nh_cm2": options.nh_cm2,
            "cross_section": "Morrison & McCammon 1983, ApJ 270, 119 (wabs); energy fluxes are unabsorbed",
        },
    }
