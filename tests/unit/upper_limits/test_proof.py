"""The real mosaics as maps of the store: GRB 221009A."""

import numpy as np
import pytest

from archive.skymaps import SkyMap, write_version
from tests.unit.upper_limits.test_stacking import GRB, real
from upper_limits.limits import Options, compute_rows
from upper_limits.stacking import resample_image
from upper_limits.statistics import bayesian_upper_limit
from upper_limits.store import build_version

ORDER = 10


def maps_of(mosaic, band):
    pixels = resample_image(mosaic, ORDER)
    for quantity, unit, plane in (("flux", "ct/s", pixels.flux), ("variance", "ct**2/s**2", pixels.variance)):
        values = np.full(12 * 4**ORDER, np.nan, dtype=np.float32)
        values[pixels.ipix] = plane
        low, high = mosaic.energy_min_kev, mosaic.energy_max_kev
        facts = ("isgri", band, low, high, quantity, ORDER, unit, 59861.0, 59862.0)
        yield SkyMap(f"isgri_{band}_{quantity}", *facts, simulated=False, title=quantity, psf_fwhm_arcmin=12.0), values


def test_grb_221009a_is_detected_in_28_80_kev(tmp_path):
    maps = list(maps_of(real("mosaics/isgri_mosaic.fits.gz", 28), "28-80"))
    (totals,) = build_version(tmp_path / "store", write_version(tmp_path / "maps", "grb", maps)).totals
    rows = compute_rows(totals, [0], np.array([GRB[0]]), np.array([GRB[1]]), Options(0.99865, 0.99865, "one"))
    # the image has 12.04 sigma there, statistical; k_sys, 1.6 and more in this shallow mosaic, is ours
    statistical = rows["flux"] / (np.sqrt(rows["variance"]) * rows["noise_factor"])
    assert statistical[0, 0] == pytest.approx(12.0, abs=0.9)
    assert rows["detection"].tolist() == [[True]]
    assert 1.3 < rows["k_sys"][0, 0] < 2.2
    expected = bayesian_upper_limit(rows["flux"], rows["flux_error"], confidence=0.99865)
    assert rows["upper_limit"] == pytest.approx(expected)
