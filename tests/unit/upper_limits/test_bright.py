"""The term of bright neighbours, and the fast limits against the exact ones."""

import numpy as np
import pytest

from archive.healpix import pixels_nested
from archive.skymaps import write_version
from tests.unit.upper_limits.conftest import sky_arrays, sky_map
from upper_limits.statistics import bayesian_upper_limit, bayesian_upper_limits
from upper_limits.store import build_version


def test_a_bright_source_raises_the_error_around_it_and_nowhere_else(tmp_path):
    flux, variance, exposure = sky_arrays()
    flux[pixels_nested(6, np.array([83.6]), np.array([22.0]))[0]] = 1000.0
    planes = (("flux", flux), ("variance", variance), ("exposure", exposure))
    maps = write_version(tmp_path / "maps", "v", [(sky_map(quantity), values) for quantity, values in planes])
    (totals,) = build_version(tmp_path / "store", maps).totals
    ((band, ra, dec, peak),) = totals.bright
    assert (band, peak) == (0, 1000.0)
    assert (ra, dec) == pytest.approx((83.6, 22.0), abs=0.7)
    readings = totals.read([83.6, 90.0, 120.0], [26.0, 22.0, 22.0])
    assert readings.bright_term[:, 0].tolist() == pytest.approx([0.3, 0.3, 0.0])
    without = np.sqrt(readings.variance) * readings.noise_factor * readings.k_sys
    assert readings.error == pytest.approx(np.hypot(without, readings.bright_term))
    one = totals.read_one(90.1, 22.1)
    assert one.bright_term[0, 0] == pytest.approx(0.3)


def test_a_map_whose_unit_is_no_crab_says_that_bright_sources_are_not_known(tmp_path):
    planes = [(sky_map(q, unit="ct/s" if q == "flux" else "s"), v) for q, v in
              zip(("flux", "variance", "exposure"), sky_arrays(), strict=True)]  # fmt: skip
    store = build_version(tmp_path / "store", write_version(tmp_path / "maps", "v", planes))
    assert any("bright sources are not known" in note for note in store.notes)
    assert not store.totals[0].bright_term.any()


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99865, 1 - 1e-9])
def test_the_fast_limits_agree_with_the_exact_ones(confidence):
    rng = np.random.default_rng(3)
    x = np.concatenate([rng.uniform(-40, 60, 20_000), rng.normal(0, 1.5, 20_000), [np.nan, -20.0, 30.0, 1e4, -300.0]])
    error = rng.uniform(0.1, 10, len(x))
    fast = bayesian_upper_limits(x * error, error, confidence=confidence)
    exact = bayesian_upper_limit(x * error, error, confidence=confidence)
    np.testing.assert_allclose(fast, exact, rtol=1e-7)
