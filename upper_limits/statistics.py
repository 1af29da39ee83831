"""Limits, intervals and tests for fluxes with Gaussian errors: numpy and scipy only.

Names used throughout: `flux` is the measured flux F (it may be negative), `error` its one-sigma error s with every
known factor in it (statistical x read-out noise x systematic), x = F/s, and `confidence` the **one-sided** probability
CL. z = ndtri(CL): 0.9 -> 1.2816, 0.95 -> 1.6449, 0.97725 -> 2, 0.99865 -> 3.
Not-a-number in (no exposure) is not-a-number out; nothing else is let through silently.
"""

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, gammaincc, gammainccinv, log_ndtr, ndtr, ndtri, ndtri_exp  # pyright: ignore[reportMissingTypeStubs]

FloatArray = NDArray[np.float64]
Sides = Literal["one", "two"]

_FEW = 1_000
_TABLE_FROM, _TABLE_TO, _TABLE_DENSITY = -20, 30, 1024
_TABLE_CONFIDENCES = (0.5, 1.0 - 1e-9)


def one_sided_confidence(confidence: float, sides: Sides = "one") -> float:
    """Return the one-sided confidence that belongs to a confidence quoted one- or two-sided.

    Parameters
    ----------
    confidence : dimensionless, in (0, 1)
    sides : "one" or "two"
        "two": the limit is the upper edge of a central interval of this probability.

    Raises
    ------
    ValueError
        If `confidence` is not strictly between 0 and 1, or so near to 1 that a double cannot tell it from 1.

    Examples
    --------
    >>> one_sided_confidence(0.9973, "two")
    0.99865
    """
    if not 0.0 < confidence < 1.0:
        msg = f"confidence is {confidence!r}; expected a number strictly between 0 and 1, for example 0.9987"
        raise ValueError(msg)
    if sides not in {"one", "two"}:
        msg = f"sides is {sides!r}; expected 'one' or 'two'"
        raise ValueError(msg)
    one_sided = confidence if sides == "one" else 0.5 * (1.0 + confidence)
    if one_sided == 1.0:
        msg = f"confidence {confidence!r} cannot be told from 1; the largest usable value is 1 - 2.3e-16"
        raise ValueError(msg)
    return one_sided


def confidence_from_sigma(n_sigma: float) -> float:
    """Return the one-sided confidence of `n_sigma` standard deviations.

    Examples
    --------
    >>> round(confidence_from_sigma(3.0), 6)
    0.99865
    """
    return float(ndtr(n_sigma))


def bayesian_upper_limit(flux: ArrayLike, error: ArrayLike, *, confidence: float) -> FloatArray:
    """Bayesian upper limit with a flat prior on F >= 0; numerically equal to the CLs limit.

    Parameters
    ----------
    flux, error : broadcastable, same unit
        Measured flux (any sign) and its one-sigma error (> 0; NaN where there is no exposure).
    confidence : dimensionless, in (0, 1), one-sided

    Returns
    -------
    broadcast shape, unit of `flux`
        F - s ndtri((1 - CL) ndtr(F/s)), computed with logarithms so that it holds for any F/s; always > 0.

    References
    ----------
    Helene 1983, Nucl. Instr. Meth. 212, 319 (Gaussian posterior cut at zero); Read 2002, J. Phys. G 28, 2693 (CLs).

    Examples
    --------
    >>> bayesian_upper_limit([-3.0, 0.0, 3.0], 1.0, confidence=0.95).round(3)
    array([0.817, 1.96 , 4.646])
    """
    confidence = one_sided_confidence(confidence)
    flux, error = np.asarray(flux, dtype=np.float64), _checked_error(error)
    tail = np.log1p(-confidence) + log_ndtr(flux / error)
    return flux - error * ndtri_exp(tail)


def bayesian_upper_limits(flux: ArrayLike, error: ArrayLike, *, confidence: float) -> FloatArray:
    """The limit of `bayesian_upper_limit` for many values, five times as fast: within 1e-7 of it, relative.

    UL / s depends on F / s and the confidence alone, and is interpolated linearly in a table of steps of 1/1024 between
    -20 and 30; what lies outside, and arrays of fewer than 1,000 values, are computed as there.

    Examples
    --------
    >>> many = bayesian_upper_limits(np.full(30_000, 1.0), 1.0, confidence=0.95)
    >>> round(float(many[0]), 6)
    2.727185
    """
    flux, error = np.asarray(flux, dtype=np.float64), _checked_error(error)
    if flux.size < _FEW or not _TABLE_CONFIDENCES[0] <= confidence <= _TABLE_CONFIDENCES[1]:
        return bayesian_upper_limit(flux, error, confidence=confidence)
    table, step = _limit_table(confidence)
    place = flux / error
    place -= _TABLE_FROM
    place *= _TABLE_DENSITY
    with np.errstate(invalid="ignore"):
        # no exposure falls into the first interval and stays NaN by the product below
        at = np.clip(np.nan_to_num(place), 0, len(step) - 1).astype(np.int32)
    beyond = (place < 0.0) | (place > len(step))
    place -= at
    limit = np.take(step, at)
    limit *= place
    limit += np.take(table, at)
    limit *= error
    if beyond.any():
        far = np.broadcast_to(error, flux.shape)[beyond]
        limit[beyond] = bayesian_upper_limit(flux[beyond], far, confidence=confidence)
    return limit


@lru_cache(maxsize=16)
def _limit_table(confidence: float) -> tuple[FloatArray, FloatArray]:
    count = (_TABLE_TO - _TABLE_FROM) * _TABLE_DENSITY
    grid = _TABLE_FROM + np.arange(count + 1) / _TABLE_DENSITY
    table = bayesian_upper_limit(grid, 1.0, confidence=confidence)
    return table[:-1].copy(), np.diff(table)


def classical_upper_bound(flux: ArrayLike, error: ArrayLike, *, confidence: float) -> FloatArray:
    """Classical one-sided upper bound F + z s: exact coverage, may be negative.

    Examples
    --------
    >>> classical_upper_bound([-3.0, 0.0], 1.0, confidence=0.95).round(3)
    array([-1.355,  1.645])
    """
    return np.asarray(flux, dtype=np.float64) + ndtri(one_sided_confidence(confidence)) * _checked_error(error)


def sensitivity(error: ArrayLike, *, n_sigma: float) -> FloatArray:
    """n-sigma sensitivity n s: what the map could have seen, whatever was measured.

    Examples
    --------
    >>> sensitivity(0.2, n_sigma=5.0)
    array(1.)
    """
    return np.asarray(_positive(n_sigma, "n_sigma") * _checked_error(error))


def detectability_limit(error: ArrayLike, *, threshold_sigma: float, power: float) -> FloatArray:
    """Kashyap's *upper limit*: the flux that is detected with probability `power` at the threshold.

    A property of map and procedure, not of the measured flux (that one is the *upper bound*).

    References
    ----------
    Kashyap et al. 2010, ApJ 719, 900, section 2.2.

    Examples
    --------
    >>> detectability_limit([1.0], threshold_sigma=4.5, power=0.9).round(2)
    array([5.78])
    """
    if not 0.0 < power < 1.0:
        msg = f"power is {power!r}; expected a probability strictly between 0 and 1"
        raise ValueError(msg)
    return (_positive(threshold_sigma, "threshold_sigma") + ndtri(power)) * _checked_error(error)


def is_detection(flux: ArrayLike, error: ArrayLike, *, threshold_sigma: float) -> NDArray[np.bool_]:
    """Say where F/s exceeds the threshold; False where there is no exposure.

    Examples
    --------
    >>> is_detection([5.0, 4.0, np.nan], 1.0, threshold_sigma=4.5)
    array([ True, False, False])
    """
    return np.asarray(flux, dtype=np.float64) > _positive(threshold_sigma, "threshold_sigma") * _checked_error(error)


def combine_epochs(flux: ArrayLike, variance: ArrayLike, *, axis: int = 0) -> tuple[FloatArray, FloatArray]:
    """Inverse-variance mean over epochs; epochs with NaN (not observed) are left out.

    Returns
    -------
    flux, variance : the input's shape without `axis`
        NaN where no epoch observed.

    Examples
    --------
    >>> combine_epochs([1.0, 4.0, np.nan], [1.0, 2.0, np.nan])
    (array(2.), array(0.66666667))
    """
    flux, weight = _flux_and_weight(flux, variance)
    total = weight.sum(axis=axis)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(total > 0.0, (weight * flux).sum(axis=axis) / total, np.nan)
        return mean, np.where(total > 0.0, 1.0 / total, np.nan)


def chi2_of_constancy(
    flux: ArrayLike, variance: ArrayLike, *, axis: int = 0
) -> tuple[FloatArray, NDArray[np.int64], FloatArray]:
    """chi2 of the epochs about their weighted mean, degrees of freedom (N - 1) and chance probability.

    Returns
    -------
    chi2, dof, probability : the input's shape without `axis`
        Probability NaN where fewer than two epochs observed.

    Examples
    --------
    >>> chi2_of_constancy([1.0, 3.0], [1.0, 1.0])
    (array(2.), array(1), array(0.15729921))
    """
    flux, weight = _flux_and_weight(flux, variance)
    total = weight.sum(axis=axis, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (weight * flux).sum(axis=axis, keepdims=True) / total
    chi2 = np.nan_to_num(weight * (flux - mean) ** 2).sum(axis=axis)
    dof = np.maximum((weight > 0.0).sum(axis=axis) - 1, 0)
    return np.asarray(chi2), np.asarray(dof), np.where(dof > 0, chdtrc(np.maximum(dof, 1), chi2), np.nan)


def post_trial_probability(probability: ArrayLike, trials: ArrayLike) -> FloatArray:
    """Chance probability after `trials` independent looks, 1 - (1 - p)^n, exact for tiny p.

    For a region, trials = area / area of the PSF.

    Examples
    --------
    >>> post_trial_probability(1e-18, 1000.0)
    array(1.e-15)
    """
    return np.asarray(-np.expm1(np.asarray(trials, dtype=np.float64) * np.log1p(-np.asarray(probability))))


def poisson_upper_limit(counts: ArrayLike, background: ArrayLike, *, confidence: float) -> FloatArray:
    """Bayesian upper limit on source counts S >= 0 for N observed counts and known mean background B.

    For counting data only (JEM-X or OMC counts); a deconvolved coded-mask pixel is Gaussian.

    Parameters
    ----------
    counts : observed counts in the aperture, whole or not (EEF-scaled data), >= 0
    background : expected background counts, >= 0
    confidence : dimensionless, in (0, 1), one-sided

    Returns
    -------
    broadcast shape, counts
        S with 1 - Q(N + 1, S + B) / Q(N + 1, B) = CL, Q the regularised upper incomplete gamma function.

    References
    ----------
    Kraft, Burrows & Nousek 1991, ApJ 374, 344, equations 7-9, with the interval starting at zero.

    Examples
    --------
    >>> poisson_upper_limit([0, 5], [0.0, 5.525], confidence=0.954).round(3)
    array([3.079, 6.2  ])
    """
    confidence = one_sided_confidence(confidence)
    counts, background = np.asarray(counts, dtype=np.float64), np.asarray(background, dtype=np.float64)
    if np.any(counts < 0.0) or np.any(background < 0.0):
        msg = "counts and background must not be negative"
        raise ValueError(msg)
    tail = (1.0 - confidence) * gammaincc(counts + 1.0, background)
    if np.any(tail < np.finfo(np.float64).tiny):
        msg = "the background exceeds the counts so far that the posterior has no digits left in a double"
        raise ValueError(msg)
    return gammainccinv(counts + 1.0, tail) - background


def poisson_interval(counts: float, background: float, *, confidence: float) -> tuple[float, float]:
    """Shortest Bayesian interval of the source counts: the interval that Kraft et al. tabulate.

    Returns
    -------
    lower, upper : counts
        `lower` is 0 when the posterior is highest at or near zero.

    References
    ----------
    Kraft, Burrows & Nousek 1991, ApJ 374, 344, equation 9 and tables 1-3.

    Examples
    --------
    >>> [round(edge, 2) for edge in poisson_interval(4, 1.5, confidence=0.90)]
    [0.09, 6.61]
    """
    highest = float(poisson_upper_limit(counts, background, confidence=confidence))
    shape, below = counts + 1.0, gammaincc(counts + 1.0, background)

    def upper_of(lower: float) -> float:
        tail = gammaincc(shape, background + lower) - confidence * below
        return float(gammainccinv(shape, max(tail, 0.0))) - background

    def log_density(source: float) -> float:
        mean = source + background
        return (counts * np.log(mean) if counts else 0.0) - mean

    start = float(np.finfo(np.float64).tiny) if background == 0.0 else 0.0  # log(0) is not wanted
    if log_density(start) >= log_density(highest):
        return 0.0, highest
    low, high = start, max(counts - background, start)
    for _ in range(200):
        middle = 0.5 * (low + high)
        if gammaincc(shape, background + middle) > confidence * below and (
            log_density(middle) < log_density(upper_of(middle))
        ):
            low = middle
        else:
            high = middle
    return low, upper_of(low)


def _checked_error(error: ArrayLike) -> FloatArray:
    error = np.asarray(error, dtype=np.float64)
    if np.any(error <= 0.0):
        msg = "error must be greater than zero (NaN where there is no exposure)"
        raise ValueError(msg)
    return error


def _positive(value: float, name: str) -> float:
    if not (np.isfinite(value) and value > 0.0):
        msg = f"{name} is {value!r}; expected a finite number greater than zero"
        raise ValueError(msg)
    return value


def _flux_and_weight(flux: ArrayLike, variance: ArrayLike) -> tuple[FloatArray, FloatArray]:
    flux, variance = np.asarray(flux, dtype=np.float64), np.asarray(variance, dtype=np.float64)
    if flux.shape != variance.shape:
        msg = f"flux has shape {flux.shape} and variance {variance.shape}; expected the same"
        raise ValueError(msg)
    if np.any(variance <= 0.0):
        msg = "variance must be greater than zero (NaN where nothing was observed)"
        raise ValueError(msg)
    observed = np.isfinite(flux) & np.isfinite(variance)
    with np.errstate(invalid="ignore"):
        return np.where(observed, flux, 0.0), np.where(observed, 1.0 / variance, 0.0)
