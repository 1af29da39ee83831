"""k_sys finds the scatter of the noise whatever the sources, and never falls below 1."""

import gzip

import numpy as np
import pytest
from astropy.io import fits
from scipy.ndimage import binary_dilation

from upper_limits.systematics import robust_scatter, source_mask, systematic_factor


def noise(order, scatter, seed=1):
    return np.random.default_rng(seed).normal(0.0, scatter, 12 * 4**order)


@pytest.mark.parametrize("scatter", [1.0, 1.26, 2.0])
def test_scatter_of_noise_with_bright_sources_in_it(scatter):
    significance = noise(7, scatter)
    significance[np.random.default_rng(2).integers(0, len(significance), 200)] += 500.0
    found = systematic_factor(significance, 7, 2)
    assert found == pytest.approx(np.full(192, scatter), rel=0.06)
    assert np.all(found >= 1.0)


def test_quiet_noise_does_not_tighten_a_limit():
    assert systematic_factor(noise(6, 0.5), 6, 2).tolist() == [1.0] * 192


def test_noise_may_differ_over_the_sky_and_part_of_it_be_unobserved():
    significance = noise(8, 1.0).reshape(12, -1)
    significance[3] *= 2.0
    significance[5] = np.nan
    found = systematic_factor(significance.reshape(-1), 8, 3).reshape(12, -1)
    assert np.isnan(found[5]).all()
    assert np.median(found[3]) == pytest.approx(2.0, rel=0.05)
    assert np.median(found[0]) == pytest.approx(1.0, abs=0.05)


def test_a_cell_full_of_sources_takes_its_neighbours_value():
    significance = noise(7, 1.3).reshape(192, -1)
    significance[20] = 100.0
    assert systematic_factor(significance.reshape(-1), 7, 2)[20] == pytest.approx(1.3, rel=0.1)


def test_mask_reaches_four_tenths_of_a_degree():
    significance = np.zeros(12 * 4**9)
    significance[1_000_000] = 50.0
    area = source_mask(significance, 9, 4).sum() * (41252.96 / significance.size)
    assert 0.3 < area < 0.7


def test_nothing_observed_gives_nothing():
    assert np.isnan(systematic_factor(np.full(192, np.nan), 2, 0)).all()
    assert np.isnan(robust_scatter(np.array([np.nan, np.nan])))


def test_grid_finer_than_the_map_is_refused():
    with pytest.raises(ValueError, match="cell_order"):
        systematic_factor(noise(3, 1.0), 3, 4)


@pytest.mark.shared
def test_real_crab_mosaic_has_a_factor_of_one_and_a_quarter(shared_data):
    path = shared_data / "products" / "isla" / "ISGRI_0727_88601650001_28_40_mosaic_original.fits.gz"
    with gzip.open(path) as file, fits.open(file) as hdus:
        planes = {hdu.header.get("IMATYPE"): hdu.data for hdu in hdus if hdu.name == "ISGR-MOSA-IMA"}
        significance, exposure = planes["SIGNIFICANCE"].astype(float), planes["EXPOSURE"]
    near_sources = binary_dilation(significance > 5.0, iterations=12)
    empty = np.where((exposure > 0.0) & ~near_sources, significance, np.nan)
    assert robust_scatter(empty.reshape(-1)) == pytest.approx(1.26, abs=0.02)
