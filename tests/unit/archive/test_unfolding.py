"""Unfolding against folding done another way: numerical integration of the law, a response with tails."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.integrate import quad

from archive.errors import UsageError
from archive.unfolding import ERG_PER_KEV, unfold

EDGES = np.geomspace(15.0, 300.0, 61)
CHANNELS = np.geomspace(20.0, 200.0, 31)


def response():
    """Redistribute each energy as a Gaussian of 8 % width; an area that rises and falls."""
    low, high = EDGES[:-1], EDGES[1:]
    middle = np.sqrt(low * high)
    centre = np.sqrt(CHANNELS[:-1] * CHANNELS[1:])
    matrix = np.exp(-0.5 * ((centre[None, :] - middle[:, None]) / (0.08 * middle[:, None])) ** 2)
    matrix /= np.maximum(matrix.sum(axis=1, keepdims=True), 1e-12) * 1.2
    area = 400.0 * np.exp(-0.5 * (np.log(middle / 60.0) / 0.9) ** 2)
    numbers = np.arange(1, len(CHANNELS))
    return (
        SimpleNamespace(energy_low_kev=low, energy_high_kev=high, matrix=matrix.astype(np.float32), channel=numbers),
        SimpleNamespace(energy_low_kev=low, energy_high_kev=high, area_cm2=area),
    )


def spectrum(index, norm=3.0, *, relative_error=0.01, first_channel=1):
    """Fold a power law, its photons integrated numerically."""
    rmf, arf = response()
    photons = np.array([quad(lambda e: norm * e**-index, a, b)[0] for a, b in pairwise(EDGES)])
    rate = (photons * arf.area_cm2) @ rmf.matrix.astype(float)
    count = len(rate)
    return SimpleNamespace(
        channel=np.arange(count) + first_channel,
        energy_min_kev=CHANNELS[:-1],
        energy_max_kev=CHANNELS[1:],
        rate=rate,
        error=relative_error * rate,
        systematic_error=np.zeros(count),
        quality=np.zeros(count, dtype=np.int64),
    )


@pytest.mark.parametrize("index", [1.0, 2.1, 3.4])
def test_a_folded_power_law_comes_back(index):
    found = unfold(spectrum(index), *response())
    assert found.fitted
    assert found.index == pytest.approx(index, abs=2e-3)
    assert found.norm == pytest.approx(3.0, rel=0.01)
    assert found.chi2 < 0.1
    middle = np.sqrt(CHANNELS[:-1] * CHANNELS[1:])
    assert found.photon_flux == pytest.approx(3.0 * middle**-index, rel=5e-3)
    assert found.energy_flux == pytest.approx(found.photon_flux * middle**2 * ERG_PER_KEV)
    assert found.photon_flux_error == pytest.approx(0.01 * found.photon_flux)


def test_the_error_of_the_index_is_where_chi2_rises_by_one():
    found = unfold(spectrum(2.0, relative_error=0.05), *response())
    rng = np.random.default_rng(5)
    fits = []
    for _ in range(40):
        noisy = spectrum(2.0, relative_error=0.05)
        noisy.rate = noisy.rate + rng.normal(0.0, noisy.error)
        fits.append(unfold(noisy, *response()).index)
    assert np.std(fits) == pytest.approx(found.index_error, rel=0.35)


def test_a_wrong_index_bends_the_spectrum_but_little():
    right, wrong = unfold(spectrum(2.0), *response()), unfold(spectrum(2.0), *response(), index=3.0)
    assert not wrong.fitted
    assert wrong.index_error is None
    assert wrong.chi2 > 100
    assert np.abs(wrong.photon_flux / right.photon_flux - 1).max() < 0.3


def test_bad_channels_and_those_without_response_are_left_out():
    data = spectrum(2.0)
    data.quality[3] = 5
    data.error[4] = 0.0
    data.rate[5] = np.nan
    found = unfold(data, *response())
    assert not {4, 5, 6} & set(found.channel.tolist())
    assert len(found.channel) == len(data.rate) - 3
    shifted = unfold(spectrum(2.0, first_channel=2), *response())
    assert len(shifted.channel) == len(data.rate) - 1


def test_what_cannot_be_unfolded_is_refused():
    rmf, arf = response()
    with pytest.raises(UsageError, match="photon index from"):
        unfold(spectrum(2.0), rmf, arf, index=20.0)
    with pytest.raises(UsageError, match="not on one grid"):
        unfold(spectrum(2.0), rmf, SimpleNamespace(energy_low_kev=EDGES[:5], area_cm2=np.ones(5)))
    bad = spectrum(2.0)
    bad.quality[1:] = 1
    with pytest.raises(UsageError, match="only 1 channels"):
        unfold(bad, rmf, arf)


def test_systematic_errors_are_added_in_quadrature():
    data = spectrum(2.0, relative_error=0.03)
    data.systematic_error[:] = 0.04
    found = unfold(data, *response())
    assert found.photon_flux_error == pytest.approx(0.05 * found.photon_flux)
