"""Limits against the contract's table, numerical integration, astropy and Monte Carlo with fixed seeds."""

import numpy as np
import pytest
from astropy.stats import poisson_conf_interval
from scipy import stats
from scipy.integrate import quad
from scipy.special import ndtr, ndtri

from upper_limits.statistics import (
    bayesian_upper_limit,
    chi2_of_constancy,
    classical_upper_bound,
    combine_epochs,
    confidence_from_sigma,
    detectability_limit,
    is_detection,
    one_sided_confidence,
    poisson_interval,
    poisson_upper_limit,
    post_trial_probability,
    sensitivity,
)

# Computed independently (brute force) when the method was chosen: x, classical 95, Bayes 95, 90, 99.865 %.
TABLE = [
    (-3, -1.355, 0.817, 0.643, 1.631),
    (-2, -0.355, 1.052, 0.837, 2.007),
    (-1, 0.645, 1.412, 1.148, 2.522),
    (0, 1.645, 1.960, 1.645, 3.205),
    (1, 2.645, 2.727, 2.378, 4.052),
    (2, 3.645, 3.656, 3.295, 5.007),
    (3, 4.645, 4.646, 4.282, 6.000),
]


@pytest.mark.parametrize(("x", "classical", "bayes95", "bayes90", "bayes3sigma"), TABLE)
def test_table_of_limits(x, classical, bayes95, bayes90, bayes3sigma):
    assert classical_upper_bound(x, 1.0, confidence=0.95) == pytest.approx(classical, abs=6e-4)
    assert bayesian_upper_limit(x, 1.0, confidence=0.95) == pytest.approx(bayes95, abs=6e-4)
    assert bayesian_upper_limit(x, 1.0, confidence=0.90) == pytest.approx(bayes90, abs=6e-4)
    assert bayesian_upper_limit(x, 1.0, confidence=0.99865) == pytest.approx(bayes3sigma, abs=6e-4)


@pytest.mark.parametrize("x", [-8.0, -3.0, -0.5, 0.0, 1.7, 6.0])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99865])
def test_bayesian_limit_holds_the_asked_share_of_the_posterior(x, confidence):
    limit = float(bayesian_upper_limit(x, 1.0, confidence=confidence))

    def posterior(flux):
        return np.exp(-0.5 * (flux - x) ** 2 + (0.5 * x**2 if x < 0 else 0.0))

    top = max(x, 0.0) + 40.0
    options = {"epsabs": 0.0, "epsrel": 1e-11, "limit": 500}
    # the far side first: it is the small one
    above = quad(posterior, limit, top, **options)[0]
    whole = quad(posterior, 0.0, limit, points=[max(x, 0.0)], **options)[0] + above
    assert above / whole == pytest.approx(1.0 - confidence, rel=1e-7)


def test_bayesian_limit_is_stable_three_hundred_sigma_below_zero():
    # far below zero the posterior is exponential with scale s/|x|
    x = np.array([-30.0, -100.0, -300.0])
    limit = bayesian_upper_limit(x, 1.0, confidence=0.95)
    assert limit == pytest.approx(-np.log(0.05) / np.abs(x), rel=1e-2)
    assert np.all(limit > 0.0)


def test_stable_form_equals_the_direct_one():
    x = np.linspace(-5, 8, 200)
    direct = x - ndtri((1 - 0.95) * ndtr(x))
    assert bayesian_upper_limit(x, 1.0, confidence=0.95) == pytest.approx(direct, rel=1e-10)


@pytest.mark.parametrize(
    ("true_flux", "classical", "bayes"),
    [(0.0, 0.950, 1.0), (1.0, 0.950, 0.999), (2.0, 0.951, 0.974), (4.0, 0.95, 0.951)],
)
def test_coverage_by_simulation(true_flux, classical, bayes):
    flux = np.random.default_rng(20230605).normal(true_flux, 1.0, 400_000)
    tolerance = 4 * np.sqrt(0.05 * 0.95 / 400_000)
    covered = np.mean(classical_upper_bound(flux, 1.0, confidence=0.95) >= true_flux)
    assert covered == pytest.approx(0.95, abs=tolerance)
    assert covered == pytest.approx(classical, abs=tolerance + 5e-4)
    assert np.mean(bayesian_upper_limit(flux, 1.0, confidence=0.95) >= true_flux) == pytest.approx(bayes, abs=2e-3)


def test_no_exposure_stays_without_a_number():
    assert np.isnan(bayesian_upper_limit([np.nan], [np.nan], confidence=0.9)).all()
    assert not is_detection([np.nan], [np.nan], threshold_sigma=3.0).any()


@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.1, 1.1, np.nan, np.inf])
def test_impossible_confidence_is_refused(confidence):
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        bayesian_upper_limit(0.0, 1.0, confidence=confidence)


def test_confidence_too_near_to_one_is_refused():
    with pytest.raises(ValueError, match="cannot be told from 1"):
        one_sided_confidence(1 - 2**-53, "two")


def test_sides_are_one_or_two():
    with pytest.raises(ValueError, match="expected 'one' or 'two'"):
        one_sided_confidence(0.9, "three")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("error", [0.0, -1.0])
def test_impossible_error_is_refused(error):
    with pytest.raises(ValueError, match="error must be greater than zero"):
        classical_upper_bound(0.0, error, confidence=0.9)


def test_confidence_of_one_two_three_sigma():
    # RapidXMM's published confidences of its 1, 2, 3 sigma limits
    assert [confidence_from_sigma(n) for n in (1, 2, 3)] == pytest.approx([0.8413, 0.9772, 0.9986], abs=6e-5)


def test_detectability_is_reached_as_often_as_it_says():
    flux = detectability_limit(1.0, threshold_sigma=4.5, power=0.9)
    assert float(flux) == pytest.approx(5.78, abs=5e-3)
    seen = is_detection(np.random.default_rng(7).normal(flux, 1.0, 200_000), 1.0, threshold_sigma=4.5)
    assert seen.mean() == pytest.approx(0.9, abs=4 * np.sqrt(0.09 / 200_000))
    assert sensitivity([2.0], n_sigma=4.5) == detectability_limit([2.0], threshold_sigma=4.5, power=0.5)


@pytest.mark.parametrize("power", [0.0, 1.0, np.nan])
def test_impossible_power_is_refused(power):
    with pytest.raises(ValueError, match="power"):
        detectability_limit(1.0, threshold_sigma=3.0, power=power)


@pytest.mark.parametrize("n_sigma", [0.0, -2.0, np.nan, np.inf])
def test_impossible_threshold_is_refused(n_sigma):
    with pytest.raises(ValueError, match="n_sigma"):
        sensitivity(1.0, n_sigma=n_sigma)


def test_epochs_combine_like_one_long_observation():
    rng = np.random.default_rng(3)
    error = rng.uniform(0.5, 3.0, (40, 2000))
    flux = rng.normal(1.5, error)
    flux[3, :100] = error[3, :100] = np.nan
    mean, variance = combine_epochs(flux, error**2)
    assert mean.mean() == pytest.approx(1.5, abs=5 * np.sqrt(variance.mean() / 2000))
    assert np.std((mean - 1.5) / np.sqrt(variance)) == pytest.approx(1.0, abs=0.06)
    assert variance[200] == pytest.approx(1.0 / (1.0 / error[:, 200] ** 2).sum())
    chi2, dof, probability = chi2_of_constancy(flux, error**2)
    assert set(dof[:100]) == {38}
    assert set(dof[100:]) == {39}
    assert stats.kstest(probability, "uniform").pvalue > 1e-3
    assert chi2[500] == pytest.approx((((flux[:, 500] - mean[500]) / error[:, 500]) ** 2).sum())


def test_nothing_observed_combines_to_nothing():
    mean, variance = combine_epochs([[np.nan], [np.nan]], [[np.nan], [np.nan]])
    chi2, dof, probability = chi2_of_constancy([[np.nan], [1.0]], [[np.nan], [1.0]])
    assert np.isnan([mean, variance, probability]).all()
    assert (chi2, dof) == (0.0, 0)


def test_epochs_of_different_shape_or_impossible_variance_are_refused():
    with pytest.raises(ValueError, match="shape"):
        combine_epochs([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="variance must be greater than zero"):
        combine_epochs([1.0, 2.0], [1.0, 0.0])


def test_trials():
    assert post_trial_probability([0.01, 0.0], 10) == pytest.approx([1 - 0.99**10, 0.0])


def test_hiligt_example_row():
    # HILIGT, published example row: N = 5, B = 5.525, t = 449.3 s, EEF = 0.58, limit 0.023794615 ct/s at "2 sigma"
    source = poisson_upper_limit(5, 5.525, confidence=0.9540)
    assert source / (449.3 * 0.58) == pytest.approx(0.023794615, rel=2e-3)


def test_lsxps_example_row():
    # LSXPS, published example row: N = 17, B = 22.10, correction 1.327, 55396 s, limit 3.21e-4 ct/s at "3 sigma"
    source = poisson_upper_limit(17, 22.10, confidence=0.9973)
    assert source * 1.327 / 55396 == pytest.approx(3.21e-4, rel=5e-3)


def test_no_counts_give_the_logarithm_whatever_the_background():
    limits = poisson_upper_limit(0, [0.0, 1.0, 10.0], confidence=0.95)
    assert limits == pytest.approx([-np.log(0.05)] * 3)


@pytest.mark.parametrize(
    ("counts", "background", "confidence"),
    [(4, 1.5, 0.9), (3, 6.0, 0.95), (10, 3.2, 0.99), (7, 5.525, 0.954), (20, 1.0, 0.6827), (1, 0.5, 0.95)],
)
def test_shortest_interval_equals_astropy(counts, background, confidence):
    expected = poisson_conf_interval(counts, "kraft-burrows-nousek", background=background, confidence_level=confidence)
    assert poisson_interval(counts, background, confidence=confidence) == pytest.approx(expected.ravel(), abs=2e-5)


def test_shortest_interval_without_background():
    lower, upper = poisson_interval(5, 0.0, confidence=0.9)
    posterior = stats.gamma(6)
    assert posterior.cdf(upper) - posterior.cdf(lower) == pytest.approx(0.9, abs=1e-9)
    assert posterior.pdf(upper) == pytest.approx(posterior.pdf(lower), rel=1e-6)
    assert poisson_interval(0, 0.0, confidence=0.9) == (0.0, pytest.approx(-np.log(0.1)))


@pytest.mark.parametrize(
    ("counts", "background", "words"), [(-1, 1, "negative"), (1, -1, "negative"), (0, 1e4, "no digits")]
)
def test_impossible_counts_are_refused(counts, background, words):
    with pytest.raises(ValueError, match=words):
        poisson_upper_limit(counts, background, confidence=0.9)
