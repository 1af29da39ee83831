"""What a count is worth: the Crab's rate in the same images, epoch by epoch.

Mosaics of ISGRI are in counts per second and do not say what a count is worth; it changes over the mission and with the
software. The Crab was observed twice a year, so the history itself holds the answer: a rate is turned into mCrab with
the Crab's rate in the same band, in the epoch nearest in time that saw the Crab with at least 20 sigma, not farther
than a year away; simulated epochs weigh simulated ones only. Without such an epoch there is no conversion, and rows say
so. The Crab itself varies by about 7 % over years (Wilson-Hodge et al. 2011, ApJ 727, L40), and its statistical error
here is at most 5 %: neither is added.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from astropy import units
from numpy.typing import NDArray

if TYPE_CHECKING:
    from upper_limits.history import EpochReadings

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CRAB_POSITION = (83.6333, 22.0145)
"""ICRS degrees, the pulsar (the nebula's hard X-ray centroid lies within 0.3 arcmin)."""
MIN_SIGMA = 20.0
MAX_DAYS = 366.0
_COUNT_RATES = (units.Unit("ct/s"), units.Unit("ct/(s cm2)"))


@dataclass(frozen=True, slots=True)
class CrabRates:
    """For each epoch and band of a history, (n_epoch, n_band): the rate of 1 Crab, and which epoch measured it.

    `rate` is NaN and `epoch` -1 where no epoch near enough saw the Crab, or the band is not in counts per second.
    """

    rate: FloatArray
    epoch: IntArray


@lru_cache(maxsize=256)
def is_count_rate(unit: str) -> bool:
    """Whether a unit is counts per time, or per time and area as mosaics of JEM-X are.

    Examples
    --------
    >>> is_count_rate("count/s"), is_count_rate("ct/(cm**2.s)"), is_count_rate("mCrab"), is_count_rate("nonsense")
    (True, True, False, False)
    """
    try:
        return any(units.Unit(unit).is_equivalent(rate) for rate in _COUNT_RATES)
    except ValueError:
        return False


def measure_crab(
    read: Callable[[float, float], "EpochReadings"],
    middle: FloatArray,
    simulated: NDArray[np.bool_],
    band_units: Sequence[str],
) -> CrabRates:
    """Find the Crab's rate for every epoch and band.

    Parameters
    ----------
    read : reads all epochs at one position, as `upper_limits.history.History.read`
    middle, simulated : (n_epoch,), MJD (TT) in the middle of each epoch, and whether a simulation made it
    """
    shape = (len(middle), len(band_units))
    rate, source = np.full(shape, np.nan), np.full(shape, -1, dtype=np.int64)
    found = read(*CRAB_POSITION)
    for band, unit in enumerate(band_units):
        if not is_count_rate(unit):
            continue
        flux, error = found.flux[:, band], found.error[:, band]
        good = np.isfinite(flux) & (flux > MIN_SIGMA * error)
        for kind in (False, True):
            known, wanted = np.flatnonzero(good & (simulated[found.epoch] == kind)), np.flatnonzero(simulated == kind)
            if len(known):
                measured = found.epoch[known]
                nearest = nearest_in_time(middle[measured], middle[wanted])
                near = np.abs(middle[measured][nearest] - middle[wanted]) <= MAX_DAYS
                rate[wanted[near], band] = flux[known][nearest][near]
                source[wanted[near], band] = measured[nearest][near]
    return CrabRates(rate, source)


def nearest_in_time(known: FloatArray, wanted: FloatArray) -> IntArray:
    """Index into `known`, in any order, of the time nearest to each of `wanted`; the earlier of two as near.

    Examples
    --------
    >>> nearest_in_time(np.array([30.0, 10.0]), np.array([0.0, 19.0, 20.0, 21.0])).tolist()
    [1, 1, 1, 0]
    """
    order = np.argsort(known, kind="stable")
    times = known[order]
    after = np.clip(np.searchsorted(times, wanted), 1, max(len(times) - 1, 1)) if len(times) > 1 else None
    if after is None:
        return np.zeros(len(wanted), dtype=np.int64)
    take_after = times[after] - wanted < wanted - times[after - 1]
    return order[np.where(take_after, after, after - 1)]
