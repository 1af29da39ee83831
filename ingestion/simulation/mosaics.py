"""ISGRI mosaics of single observations, in OSA and ISLA layout."""

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ingestion.simulation.exposure import fractions
from ingestion.simulation.fitsfiles import SKY_KEYWORDS, Column, Keyword, make_image, make_table, write_fits
from ingestion.simulation.geometry import lonlat, separation, vector
from ingestion.simulation.pointing import INSTRUMENTS, Observation, Plan
from ingestion.simulation.response import Response, band_rate
from ingestion.simulation.skymaps import ISGRI_PSF_ARCMIN
from ingestion.simulation.sources import Source, source_vectors, variation
from ingestion.simulation.visits import observation_keywords

FloatArray = NDArray[np.float64]

BAND_KEV = (20.0, 40.0)
_SIGMA_1MS_MCRAB = 0.18
_PIXELS = 361
_PIXEL_DEG = 0.0823
_SHORTEST_EXPOSURE_S = 200.0
_IMAGE_TYPES = ("INTENSITY", "VARIANCE", "SIGNIFICANCE", "EXPOSURE")
_UNITS = ("count/s", "(count/s)**2", "no units", "s")


def write_mosaic(
    folder: Path,
    plan: Plan,
    observation: Observation,
    sources: tuple[Source, ...],
    response: Response,
    rng: np.random.Generator,
) -> None:
    """Write the 20-40 keV mosaic of an observation: 361 x 361 pixels of 4.9 arcmin, TAN."""
    ra, dec = (float(value) for value in lonlat(observation.centre))
    wcs_keywords = _wcs_keywords(ra, dec)
    vectors = _pixel_directions(wcs_keywords)
    rows = slice(observation.first, observation.first + observation.count)
    seen, _ = fractions(vectors.reshape(-1, 3), plan.x_axis[rows], plan.z_axis[rows])
    exposure = (plan.good_s[rows, INSTRUMENTS.index("isgri")] @ seen).reshape(_PIXELS, _PIXELS)
    exposure[exposure < _SHORTEST_EXPOSURE_S] = np.nan
    crab = next(source for source in sources if source.name == "Crab")
    sigma = 1e-3 * _SIGMA_1MS_MCRAB * band_rate(response, crab, *BAND_KEV) * np.sqrt(1e6 / exposure)
    psf_deg = ISGRI_PSF_ARCMIN / 60.0 / 2.3548
    noise = gaussian_filter(rng.standard_normal((_PIXELS, _PIXELS)), psf_deg / _PIXEL_DEG)
    intensity = sigma * noise / noise.std()
    middle = np.array([(plan.tstart[rows][0] + plan.tstop[rows][-1]) / 2.0])
    near = separation(source_vectors(sources), observation.centre) < 0.75 * _PIXELS * _PIXEL_DEG
    for source in (source for source, inside in zip(sources, near, strict=True) if inside):
        distance = separation(vectors, vector(source.ra, source.dec))
        rate = band_rate(response, source, *BAND_KEV) * float(variation(source, middle)[0])
        intensity += rate * np.exp(-0.5 * (distance / psf_deg) ** 2)
    planes = (intensity, sigma**2, intensity / sigma, exposure)
    keywords: dict[str, Keyword] = {
        "INSTRUME": "IBIS",
        "DETNAM": "ISGRI",
        "ISDCLEVL": "IMA",
        "CHANTYPE": "PI",
        "OBJECT": observation.target,
        **observation_keywords(plan, observation),
        **SKY_KEYWORDS,
    }
    band: dict[str, Keyword] = {
        "E_MIN": BAND_KEV[0],
        "E_MAX": BAND_KEV[1],
        "E_MEAN": sum(BAND_KEV) / 2.0,
        "HDUCLASS": "OGIP",
        "HDUCLAS1": "IMAGE",
    }
    images = [
        make_image(
            "ISGR-MOSA-IMA",
            plane,
            {**keywords, **band, **wcs_keywords, "IMATYPE": kind, "BUNIT": unit, "EXTVER": number},
        )
        for number, (plane, kind, unit) in enumerate(zip(planes, _IMAGE_TYPES, _UNITS, strict=True), start=1)
    ]
    name = f"isgri_{observation.obs_id}_{BAND_KEV[0]:.0f}_{BAND_KEV[1]:.0f}_mosaic.fits"
    write_fits(folder / name, [_grouping(keywords), *images])


def _wcs_keywords(ra: float, dec: float) -> dict[str, Keyword]:
    centre = (_PIXELS + 1) / 2.0
    return {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CUNIT1": "deg",
        "CUNIT2": "deg",
        "CRVAL1": ra,
        "CRVAL2": dec,
        "CRPIX1": centre,
        "CRPIX2": centre,
        "CD1_1": -_PIXEL_DEG,
        "CD1_2": 0.0,
        "CD2_1": 0.0,
        "CD2_2": _PIXEL_DEG,
        "LONPOLE": 180.0,
        "LATPOLE": dec,
    }


def _pixel_directions(wcs_keywords: dict[str, Keyword]) -> FloatArray:
    """Directions (ny, nx, 3) of the pixel centres."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [wcs_keywords["CTYPE1"], wcs_keywords["CTYPE2"]]
    wcs.wcs.crval = [wcs_keywords["CRVAL1"], wcs_keywords["CRVAL2"]]
    wcs.wcs.crpix = [wcs_keywords["CRPIX1"], wcs_keywords["CRPIX2"]]
    wcs.wcs.cd = [[-_PIXEL_DEG, 0.0], [0.0, _PIXEL_DEG]]
    y, x = np.mgrid[0:_PIXELS, 0:_PIXELS]
    ra, dec = wcs.wcs_pix2world(x, y, 0)
    return vector(ra, dec)


def _grouping(keywords: dict[str, Keyword]) -> fits.BinTableHDU:
    count = len(_IMAGE_TYPES)
    columns = [
        Column("MEMBER_XTENSION", "8A", np.full(count, "IMAGE"), comment="type of extension"),
        Column("MEMBER_NAME", "32A", np.full(count, "ISGR-MOSA-IMA"), comment="EXTNAME"),
        Column("MEMBER_VERSION", "J", np.arange(1, count + 1), comment="EXTVER"),
        Column("MEMBER_POSITION", "J", np.arange(3, count + 3), comment="number of the HDU, the primary is 1"),
        Column("IMATYPE", "32A", _IMAGE_TYPES, comment="type of image"),
        Column("E_MIN", "E", np.full(count, BAND_KEV[0]), "keV", "em.energy;stat.min", "lower edge of the band"),
        Column("E_MAX", "E", np.full(count, BAND_KEV[1]), "keV", "em.energy;stat.max", "upper edge of the band"),
    ]
    return make_table("GROUPING", columns, {**keywords, "GRPNAME": "ISGR-MOSA-IMA-IDX"})
