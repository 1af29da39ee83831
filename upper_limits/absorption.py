"""Photoelectric absorption by cold gas between the source and us: the cross section that XSPEC calls wabs.

Morrison & McCammon 1983, ApJ 270, 119, table 2: sigma(E) = (c0 + c1 E + c2 E^2) E^-3 1e-24 cm2 for each hydrogen atom,
from 0.03 to 10 keV; beyond 10 keV the last piece is continued as E^-3, as wabs does. Scattering is not in it, so it is
good for columns well below 1e24 cm-2.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

MIN_KEV, MAX_KEV = 0.03, 10.0
MAX_NH_CM2 = 1e24
TABLE = (
    (0.100, 17.3, 608.1, -2150.0),
    (0.284, 34.6, 267.9, -476.1),
    (0.400, 78.1, 18.8, 4.3),
    (0.532, 71.4, 66.8, -51.4),
    (0.707, 95.5, 145.8, -61.1),
    (0.867, 308.9, -380.6, 294.0),
    (1.303, 120.6, 169.3, -47.7),
    (1.840, 141.3, 146.8, -31.5),
    (2.471, 202.7, 104.7, -17.0),
    (3.210, 342.7, 18.7, 0.0),
    (4.038, 352.2, 18.7, 0.0),
    (7.111, 433.9, -2.4, 0.75),
    (8.331, 629.0, 30.9, 0.0),
    (10.00, 701.2, 25.2, 0.0),
)
"""Upper edge of each piece in keV, c0, c1, c2."""
EDGES_KEV = tuple(row[0] for row in TABLE)
_PIECES = np.array(TABLE)


def cross_section(energy_kev: ArrayLike) -> FloatArray:
    """Cross section for each hydrogen atom, cm2.

    Parameters
    ----------
    energy_kev : >= 0.03 keV

    Raises
    ------
    ValueError
        Below 0.03 keV, where the fit ends.

    Examples
    --------
    >>> cross_section([1.0, 5.0, 20.0])
    array([2.4220e-22, 3.5252e-24, 1.1915e-25])
    """
    energy = np.asarray(energy_kev, dtype=np.float64)
    if np.any(energy < MIN_KEV):
        msg = f"the absorption is known from {MIN_KEV} keV on; found {float(energy.min())!r} keV"
        raise ValueError(msg)
    inside = np.minimum(energy, MAX_KEV)
    piece = np.minimum(np.searchsorted(_PIECES[:, 0], inside), len(_PIECES) - 1)
    c0, c1, c2 = (_PIECES[piece, column] for column in (1, 2, 3))
    return (c0 + c1 * inside + c2 * inside**2) / energy**3 * 1e-24


def transmission(energy_kev: ArrayLike, nh_cm2: float) -> FloatArray:
    """Share of the photons that come through a column of hydrogen, exp(-NH sigma).

    Examples
    --------
    >>> transmission([3.0, 10.0], 1e23).round(3)
    array([0.228, 0.909])
    """
    return np.exp(-nh_cm2 * cross_section(energy_kev))
