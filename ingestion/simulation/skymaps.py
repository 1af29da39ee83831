"""All-sky flux, variance and exposure maps per band: noise that follows the exposure, sources with the PSF."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ingestion.simulation.exposure import pixel_vectors, refine, sky_exposure, yearly_exposure
from ingestion.simulation.fitsfiles import SKY_KEYWORDS, Column, make_table, time_keywords, write_fits
from ingestion.simulation.geometry import icrs_from_galactic, vector
from ingestion.simulation.options import SimulationOptions
from ingestion.simulation.pointing import Plan
from ingestion.simulation.psffit import SourceFit, fit_sources, pixels_near
from ingestion.simulation.sources import CRAB_CONVENTION, Source, band_fluxes, crab_flux_erg, source_vectors

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]

ISGRI_PSF_ARCMIN = 12.0
JEMX_PSF_ARCMIN = 3.35
YEAR_ORDER = 6
"""Order of the maps of single years, or less where those of the mission are coarser."""

_SHORTEST_EXPOSURE_S = 100.0
_BRIGHT_MCRAB = 100.0
_HALO_PER_MCRAB = 0.004
_HALO_DEG = 4.0


@dataclass(frozen=True, slots=True)
class Band:
    """A band of an instrument; `sigma_1ms_mcrab` is the statistical error at 1 Ms of effective exposure, mCrab."""

    instrument: str
    low_kev: float
    high_kev: float
    sigma_1ms_mcrab: float

    @property
    def name(self) -> str:
        """The band as part of names, `17_60`."""
        return f"{self.low_kev:.0f}_{self.high_kev:.0f}"


# 17-60 keV: 0.77 mCrab at 5 sigma and 1 Ms (Krivonos et al. 2007, A&A 475, 775); the others are assumed in keeping.
BANDS = (
    Band("IBIS", 17.0, 60.0, 0.154),
    Band("IBIS", 20.0, 40.0, 0.18),
    Band("IBIS", 40.0, 60.0, 0.34),
    Band("IBIS", 60.0, 100.0, 0.50),
    Band("JEMX", 3.0, 10.0, 0.25),
    Band("JEMX", 10.0, 25.0, 0.45),
)


def psf_fwhm_arcmin(instrument: str, order: int) -> float:
    """Width of a source in a map, arcmin FWHM of a Gaussian.

    Where pixels are more than 1.2 times as wide as the instrument's PSF, sources would fall between them; such a map is
    smoothed to its pixels: the quadratic sum of PSF and pixel size.

    Examples
    --------
    >>> psf_fwhm_arcmin("IBIS", 8), round(psf_fwhm_arcmin("JEMX", 8), 2), psf_fwhm_arcmin("JEMX", 10)
    (12.0, 14.14, 3.35)
    """
    own = ISGRI_PSF_ARCMIN if instrument == "IBIS" else JEMX_PSF_ARCMIN
    pixel_arcmin = 60.0 * np.degrees(np.sqrt(4.0 * np.pi / (12 * 4**order)))
    return float(np.hypot(own, pixel_arcmin)) if pixel_arcmin > 1.2 * own else own


@dataclass(frozen=True, slots=True)
class Epoch:
    """Of which time maps are: `name` as MAPEPOCH has it, IJD from and to, number of pointings."""

    name: str
    tstart: float
    tstop: float
    pointings: int


@dataclass(frozen=True, slots=True)
class Sky:
    """What the noise of every band has in common; arrays (12 * 4**order,), NESTED, float32.

    `exposure` (s) by instrument, 0 where nothing was observed; `factor`, true over statistical noise; `halo`,
    the extra noise around bright sources, in units of the statistical noise.
    """

    order: int
    exposure: dict[str, Float32Array]
    factor: Float32Array
    halo: Float32Array


def write_maps(
    folder: Path,
    plan: Plan,
    sources: tuple[Source, ...],
    options: SimulationOptions,
    progress: Callable[[str], None],
) -> dict[str, SourceFit]:
    """Write the maps of every band; return what a PSF fit measures in them at the sources, by instrument and band name.

    The statistical error of a pixel is the band's figure times (exposure / 1 Ms)**-1/2 and is what VARIANCE holds. The
    noise put into FLUX is larger by `noise_factor` and has a halo around bright sources, as in real mosaics.
    """
    progress("sky maps: exposure of all pointings")
    sky = make_sky(plan, sources, options.order)
    near = {
        name: pixels_near(options.order, source_vectors(sources), 2.0 * psf_fwhm_arcmin(name, options.order) / 60.0)
        for name in sky.exposure
    }
    mission = Epoch("MISSION", float(plan.tstart[0]), float(plan.tstop[-1]), len(plan.tstart))
    measured: dict[str, SourceFit] = {}
    for number, band in enumerate(BANDS):
        progress(f"sky maps: {band.instrument} {band.low_kev:.0f}-{band.high_kev:.0f} keV")
        fwhm = psf_fwhm_arcmin(band.instrument, options.order)
        flux, variance = make_noise(band, sky, np.random.default_rng([options.seed, 2, number]))
        around = near[band.instrument]
        for at, value in enumerate(band_fluxes(sources, band.low_kev, band.high_kev)):
            flux[around.ipix[at]] += (value * around.profile(at, fwhm)).astype(np.float32)
        exposure = sky.exposure[band.instrument]
        _write_map(folder / map_file(band), band, (flux, variance, exposure), mission, options.order)
        measured[f"{band.instrument}_{band.name}"] = fit_sources(flux, variance, exposure, around, fwhm)
    return measured


def write_year_maps(
    folder: Path, plan: Plan, sources: tuple[Source, ...], options: SimulationOptions, progress: Callable[[str], None]
) -> None:
    """Write the maps of every single year: of the first band alone, and coarse, enough to see the years go by.

    Sources are as bright in every year as in the whole mission; exposure and noise are those of the year.
    """
    band, order = BANDS[0], min(options.order, YEAR_ORDER)
    progress(f"sky maps of single years: {band.instrument} {band.low_kev:.0f}-{band.high_kev:.0f} keV")
    years = plan.years()
    sky = _make_sky({str(year): seen for year, seen in yearly_exposure(plan).items()}, sources, order)
    fwhm = psf_fwhm_arcmin(band.instrument, order)
    around = pixels_near(order, source_vectors(sources), 2.0 * fwhm / 60.0)
    stars = np.zeros(12 * 4**order, dtype=np.float32)
    for at, value in enumerate(band_fluxes(sources, band.low_kev, band.high_kev)):
        stars[around.ipix[at]] += (value * around.profile(at, fwhm)).astype(np.float32)
    for year, exposure in sky.exposure.items():
        if not exposure.any():
            continue
        alone = replace(sky, exposure={band.instrument: exposure})
        flux, variance = make_noise(band, alone, np.random.default_rng([options.seed, 8, int(year)]))
        (used,) = np.nonzero(years == int(year))
        epoch = Epoch(f"YEAR-{year}", float(plan.tstart[used[0]]), float(plan.tstop[used[-1]]), used.size)
        _write_map(folder / map_file(band, year), band, (flux + stars, variance, exposure), epoch, order)


def map_file(band: Band, year: str = "") -> str:
    """File name of a band's maps."""
    return f"{'isgri' if band.instrument == 'IBIS' else 'jemx'}_{band.name}{year and '_'}{year}_maps.fits"


def make_sky(plan: Plan, sources: tuple[Source, ...], order: int) -> Sky:
    """Exposure by instrument, noise factor and halos of the whole sky."""
    return _make_sky(dict(zip(("IBIS", "JEMX"), sky_exposure(plan), strict=True)), sources, order)


def _make_sky(coarse: dict[str, FloatArray], sources: tuple[Source, ...], order: int) -> Sky:
    """Go through the sky one base cell at a time so that memory stays small."""
    size, cell = 12 * 4**order, 4**order
    exposure = {name: np.empty(size, dtype=np.float32) for name in coarse}
    factor, halo = np.empty(size, dtype=np.float32), np.zeros(size, dtype=np.float32)
    bright = [source for source in sources if source.flux_20_60_mcrab > _BRIGHT_MCRAB]
    for base in range(12):
        ipix = np.arange(base * cell, (base + 1) * cell)
        vectors = pixel_vectors(order, ipix)
        for name, seen in refine(coarse, order, ipix).items():
            exposure[name][ipix] = np.where(seen < _SHORTEST_EXPOSURE_S, 0.0, seen)
        factor[ipix] = noise_factor(vectors)
        for source in bright:
            distance = np.degrees(np.arccos(np.clip(vectors @ vector(source.ra, source.dec), -1.0, 1.0)))
            halo[ipix] += source.flux_20_60_mcrab * _HALO_PER_MCRAB * np.exp(-distance / _HALO_DEG)
    return Sky(order, exposure, factor, halo)


def make_noise(band: Band, sky: Sky, rng: np.random.Generator) -> tuple[Float32Array, Float32Array]:
    """Noise (mCrab) and statistical variance (mCrab**2) of a band, without its sources; NaN where nothing was observed.

    Noise is correlated like the PSF within each of the 12 base cells; the correlation does not cross their borders.
    """
    exposure = sky.exposure[band.instrument]
    with np.errstate(divide="ignore"):
        variance = (band.sigma_1ms_mcrab**2 * 1e6 / exposure).astype(np.float32)
    variance[exposure == 0.0] = np.nan
    place = _pixel_of_grid(sky.order)
    pixel_arcmin = 60.0 * np.degrees(np.sqrt(4.0 * np.pi / len(exposure)))
    width_px = psf_fwhm_arcmin(band.instrument, sky.order) / 2.3548 / pixel_arcmin
    flux = np.empty_like(variance)
    for base in range(12):
        part = slice(base * place.size, (base + 1) * place.size)
        # statistics and halos are independent, so one noise field with their joint error serves both
        error = np.sqrt(variance[part] * (sky.factor[part] ** 2 + sky.halo[part] ** 2))
        flux[part] = _smooth_noise(place, width_px, rng) * error
    return flux, variance


def noise_factor(vectors: FloatArray) -> FloatArray:
    """Ratio of true noise to statistical noise at directions (n, 3): 1.03 far from the Galactic centre, 1.5 there."""
    distance = np.degrees(np.arccos(np.clip(vectors @ icrs_from_galactic(0.0, 0.0), -1.0, 1.0)))
    return 1.03 + 0.47 * np.exp(-0.5 * (distance / 12.0) ** 2)


def _pixel_of_grid(order: int) -> NDArray[np.int64]:
    """NESTED index within a base cell at grid point (y, x): the bits of x and y interleaved; (nside, nside)."""
    spread = np.zeros(2**order, dtype=np.int64)
    for bit in range(order):
        spread |= ((np.arange(2**order) >> bit) & 1) << (2 * bit)
    return spread[None, :] | (spread[:, None] << 1)


def _smooth_noise(place: NDArray[np.int64], width_px: float, rng: np.random.Generator) -> Float32Array:
    """Gaussian noise of unit variance for one base cell, correlated like a PSF of `width_px` pixels (1 sigma).

    Its correlation at distance d is exp(-d**2 / 4 sigma**2), that of an image filtered with its PSF; made in Fourier
    space, where this holds also for a PSF narrower than a pixel.
    """
    side = len(place)
    lag = np.minimum(np.arange(side), side - np.arange(side))
    power = np.clip(np.fft.fft(np.exp(-0.25 * (lag / width_px) ** 2)).real, 0.0, None)
    amplitude = np.sqrt(power).astype(np.float32)
    white = np.fft.rfft2(rng.standard_normal(place.shape, dtype=np.float32))
    grid = np.fft.irfft2(white * amplitude[:, None] * amplitude[None, : side // 2 + 1], s=place.shape)
    cell = np.empty(place.size, dtype=np.float32)
    cell[place.ravel()] = grid.ravel()
    return cell


def _write_map(
    path: Path,
    band: Band,
    arrays: tuple[Float32Array, Float32Array, Float32Array],
    epoch: Epoch,
    order: int,
) -> None:
    flux, variance, exposure = arrays
    table = make_table(
        "SKY-MAPS",
        [
            Column("FLUX", "E", flux, "mCrab", "phot.flux;em.X-ray", "flux at the centre of the pixel, PSF-convolved"),
            Column("VARIANCE", "E", variance, "mCrab**2", "stat.variance;phot.flux", "statistical variance of FLUX"),
            Column(
                "EXPOSURE", "E", exposure, "s", "time.duration;obs.exposure", "effective exposure, 0 = not observed"
            ),
        ],
        {
            "INSTRUME": band.instrument,
            "DETNAM": "ISGRI" if band.instrument == "IBIS" else None,
            "PIXTYPE": "HEALPIX",
            "ORDERING": "NESTED",
            "COORDSYS": "C",
            "INDXSCHM": "IMPLICIT",
            "OBJECT": "FULLSKY",
            "NSIDE": 2**order,
            "FIRSTPIX": 0,
            "LASTPIX": 12 * 4**order - 1,
            "E_MIN": band.low_kev,
            "E_MAX": band.high_kev,
            "EUNIT": "keV",
            "FLUXUNIT": "mCrab",
            "CRABCONV": CRAB_CONVENTION,
            "CRABFLUX": crab_flux_erg(band.low_kev, band.high_kev),
            "PSFFWHM": round(psf_fwhm_arcmin(band.instrument, order), 3),
            "PSFSHAPE": "GAUSSIAN",
            "NSCW": epoch.pointings,
            "MAPEPOCH": epoch.name,
            **time_keywords(epoch.tstart, epoch.tstop),
            **SKY_KEYWORDS,
        },
    )
    write_fits(path, [table])
