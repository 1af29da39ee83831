"""Small all-sky maps with a known answer at every pixel."""

import numpy as np
import pytest

from archive.skymaps import SkyMap, write_version

ORDER = 6
BANDS = (("20-40", 20.0, 40.0), ("40-100", 40.0, 100.0))
FWHM_ARCMIN = 110.0  # a pixel of order 6 is 55 arcmin


def sky_map(quantity, band="20-40", **changes):
    low, high = (float(edge) for edge in band.split("-"))
    facts = {
        "map_id": f"isgri_{band}_{quantity}",
        "instrument": "isgri",
        "band": band,
        "energy_min_kev": low,
        "energy_max_kev": high,
        "quantity": quantity,
        "order": ORDER,
        "unit": {"flux": "mCrab", "variance": "mCrab**2", "exposure": "s"}[quantity],
        "tstart_mjd_tt": 52600.0,
        "tstop_mjd_tt": 60000.0,
        "simulated": True,
        "title": f"{quantity} {band} keV",
        "psf_fwhm_arcmin": FWHM_ARCMIN,
        "crab_convention": "10*E**-2.1",
    }
    return SkyMap(**{**facts, **changes})


def sky_arrays(seed=1, order=ORDER):
    """Noise of 1.5 sigma on an error that varies over the sky; base pixel 11 was never observed."""
    rng = np.random.default_rng(seed)
    n = 12 * 4**order
    error = rng.uniform(0.5, 2.0, n)
    flux = rng.normal(0.0, 1.5 * error)
    exposure = 1e6 / error**2
    flux[11 * 4**order :] = error[11 * 4**order :] = np.nan
    exposure[11 * 4**order :] = 0.0
    return flux.astype(np.float32), (error**2).astype(np.float32), exposure.astype(np.float32)


@pytest.fixture
def map_version(tmp_path):
    maps = []
    for seed, (band, _, _) in enumerate(BANDS):
        for quantity, values in zip(("flux", "variance", "exposure"), sky_arrays(seed), strict=True):
            maps.append((sky_map(quantity, band), values))
    return write_version(tmp_path / "maps", "2026.1", maps)
