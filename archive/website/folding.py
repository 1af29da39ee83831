"""Light curves folded with a period. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Profile:
    """Weighted means in equal bins of phase: middles of the bins, means, their errors, numbers of points; (n_bin,)."""

    phase: FloatArray
    value: FloatArray
    error: FloatArray
    count: NDArray[np.int64]


def phase_of(time_mjd: FloatArray, period_d: float, epoch_mjd: float) -> FloatArray:
    """Return the phase in [0, 1) of times (MJD, days), phase 0 at `epoch_mjd`.

    Examples
    --------
    >>> phase_of(np.array([10.0, 11.5, 9.0]), 2.0, 10.0).tolist()
    [0.0, 0.75, 0.5]
    """
    phase = np.mod((time_mjd - epoch_mjd) / period_d, 1.0)
    return np.where(phase >= 1.0, 0.0, phase)  # a tiny negative number rounds to 1


def mean_profile(phase: FloatArray, value: FloatArray, error: FloatArray, bins: int) -> Profile:
    """Average in bins of phase, weighted by 1/error^2 (Bevington & Robinson 2003, 4.2); empty bins are left out.

    Parameters
    ----------
    phase, value, error : (n,); errors must be positive and finite

    Examples
    --------
    >>> found = mean_profile(np.array([0.1, 0.2, 0.9]), np.array([1.0, 3.0, 7.0]), np.array([1.0, 1.0, 2.0]), 2)
    >>> found.phase.tolist(), found.value.tolist(), found.count.tolist()
    ([0.25, 0.75], [2.0, 7.0], [2, 1])
    """
    place = np.minimum((phase * bins).astype(np.int64), bins - 1)
    weight = error**-2.0
    total = np.bincount(place, weight, minlength=bins)
    count = np.bincount(place, minlength=bins)
    full = count > 0
    mean = np.bincount(place, weight * value, minlength=bins)[full] / total[full]
    middle = (np.arange(bins) + 0.5) / bins
    return Profile(middle[full], mean, 1.0 / np.sqrt(total[full]), count[full])
