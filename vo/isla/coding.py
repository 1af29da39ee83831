"""How much of IBIS's detector sees a direction: the coded fraction.

The mask is opaque around its pattern, so the shadowed part of the detector grows linearly from the edge of the fully
coded field to the edge of the field, in both axes alike (Ubertini et al. 2003, A&A 411, L131: 8.3 and 29.1 degrees,
taken as square).
"""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

FULLY_CODED_HALF_DEG = 4.15
ZERO_RESPONSE_HALF_DEG = 14.55


def coded_fraction(direction: FloatArray, x_axis: FloatArray, z_axis: FloatArray) -> FloatArray:
    """Return the fraction of the detector that a direction illuminates through the mask.

    Parameters
    ----------
    direction : (3,)
        Unit vector, ICRS.
    x_axis, z_axis : (n, 3)
        Spacecraft axes, unit vectors, ICRS. Where Z is NaN the field is taken as a circle.

    Returns
    -------
    (n,), dimensionless
        1 in the fully coded field, 0 outside the field.

    Examples
    --------
    >>> x, z = np.array([[1.0, 0, 0]]), np.array([[0.0, 0, 1]])
    >>> ten = np.radians(10.0)
    >>> coded_fraction(np.array([np.cos(ten), np.sin(ten), 0.0]), x, z).round(4).tolist()
    [0.4375]
    """
    y_axis = np.cross(z_axis, x_axis)
    along = x_axis @ direction
    known = np.isfinite(z_axis).all(axis=1)
    offset_y = np.degrees(np.arctan2(y_axis @ direction, along))
    offset_z = np.degrees(np.arctan2(z_axis @ direction, along))
    separation = np.degrees(2.0 * np.arcsin(np.clip(np.linalg.norm(x_axis - direction, axis=1) / 2.0, 0.0, 1.0)))
    return np.where(known, _one_axis(offset_y) * _one_axis(offset_z), _one_axis(separation))


def _one_axis(offset_deg: FloatArray) -> FloatArray:
    width = ZERO_RESPONSE_HALF_DEG - FULLY_CODED_HALF_DEG
    return np.clip((ZERO_RESPONSE_HALF_DEG - np.abs(offset_deg)) / width, 0.0, 1.0)
