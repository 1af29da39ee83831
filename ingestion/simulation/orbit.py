"""Revolutions of INTEGRAL: perigee passages, belts and height.

Numbers and dates are the real ones to some hours, interpolated between the perigee passages below, which come from the
mission's radiation monitor records (crossings of IREM TC3 = 600 counts, revolutions 2 to 2131). The period fell from
2.99 d to 2.66 d in January 2015.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

FIRST_REVOLUTION = 2
MISSION_STOP_IJD = 9190.0
"""2025-02-28, the end of science operations."""

_PERIGEES = np.array(
    [
        (2, 1022.9998), (3, 1025.7573), (10, 1046.3308), (50, 1165.9621), (100, 1315.4806), (300, 1913.7559),
        (500, 2511.6962), (700, 3109.9579), (900, 3708.3058), (1100, 4306.5559), (1300, 4904.7940), (1400, 5203.9120),
        (1494, 5485.0604), (1497, 5493.9585), (1500, 5502.6907), (1503, 5510.9036),
        (1506, 5518.9658), (1509, 5526.9458),
        (1550, 5635.9813), (1700, 6034.8484), (1900, 6566.6944), (2131, 7180.9367),
    ]
)  # fmt: skip
_LAST_PERIOD_D = (7180.9367 - 6566.6944) / (2131 - 1900)

_EARTH_GM_KM3_S2 = 398600.44
_EARTH_RADIUS_KM = 6378.1
_ECCENTRICITY = 0.83


@dataclass(frozen=True, slots=True)
class Revolutions:
    """Consecutive revolutions; all arrays (n,), times IJD (days, TT)."""

    number: NDArray[np.int64]
    tstart: FloatArray
    tstop: FloatArray
    belt_exit: FloatArray
    belt_entry: FloatArray


def make_revolutions() -> Revolutions:
    """Every whole revolution from the first one with data to the end of science operations."""
    beyond = int((MISSION_STOP_IJD - _PERIGEES[-1, 1]) / _LAST_PERIOD_D)
    number = np.arange(FIRST_REVOLUTION, int(_PERIGEES[-1, 0]) + beyond + 1)
    perigee = np.interp(number, _PERIGEES[:, 0], _PERIGEES[:, 1])
    perigee = np.where(number > 2131, _PERIGEES[-1, 1] + (number - 2131) * _LAST_PERIOD_D, perigee)
    tstart, tstop = perigee[:-1], perigee[1:]
    season = np.sin(2.0 * np.pi * tstart / 365.25)
    return Revolutions(
        number=number[:-1],
        tstart=tstart,
        tstop=tstop,
        belt_exit=tstart + 0.14 + 0.04 * season,
        belt_entry=tstop - 0.27 - 0.04 * season,
    )


def altitude_km(revolutions: Revolutions, ijd: FloatArray) -> FloatArray:
    """Height above the Earth, km, of an ellipse with the period of each revolution; shape of `ijd`."""
    at = np.clip(np.searchsorted(revolutions.tstart, ijd, side="right") - 1, 0, len(revolutions.number) - 1)
    period_d = (revolutions.tstop - revolutions.tstart)[at]
    mean = 2.0 * np.pi * (ijd - revolutions.tstart[at]) / period_d
    eccentric = mean + _ECCENTRICITY * np.sin(mean)
    for _ in range(8):  # Newton's steps for Kepler's equation
        error = eccentric - _ECCENTRICITY * np.sin(eccentric) - mean
        eccentric = eccentric - error / (1.0 - _ECCENTRICITY * np.cos(eccentric))
    axis = np.cbrt(_EARTH_GM_KM3_S2 * (period_d * 86400.0 / (2.0 * np.pi)) ** 2)
    return axis * (1.0 - _ECCENTRICITY * np.cos(eccentric)) - _EARTH_RADIUS_KM
