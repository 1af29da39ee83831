"""Unit vectors, Galactic frame, dither offsets and the Sun: what a pointing plan needs of spherical astronomy.

All frames are ICRS unless a name ends in `_gal`; vectors have shape (..., 3).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

# Rows: Galactic x, y, z axes in ICRS
# (ESA 1997, The Hipparcos and Tycho Catalogues, vol. 1, section 1.5.3, equation 1.5.11).
_ICRS_TO_GAL = np.array(
    [
        [-0.0548755604, -0.8734370902, -0.4838350155],
        [+0.4941094279, -0.4448296300, +0.7469822445],
        [-0.8676661490, -0.1980763734, +0.4559837762],
    ]
)


_NUDGE = np.array([0.0, 1e-12, 0.0])
"""Gives the poles themselves an east."""


def vector(ra: ArrayLike, dec: ArrayLike) -> FloatArray:
    """Unit vectors (..., 3) towards longitude and latitude in degrees."""
    lon, lat = np.radians(np.asarray(ra, dtype=float)), np.radians(np.asarray(dec, dtype=float))
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def lonlat(vec: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Longitude (0 to 360) and latitude of vectors (..., 3), degrees."""
    lon = np.degrees(np.arctan2(vec[..., 1], vec[..., 0])) % 360.0
    # % can round up to 360 itself
    lon = np.where(lon >= 360.0, 0.0, lon)
    return lon, np.degrees(np.arctan2(vec[..., 2], np.hypot(vec[..., 0], vec[..., 1])))


def unit(vec: FloatArray) -> FloatArray:
    """Vectors scaled to length one."""
    return vec / np.linalg.norm(vec, axis=-1, keepdims=True)


def galactic(vec: FloatArray) -> FloatArray:
    """ICRS vectors (..., 3) in the Galactic frame."""
    return vec @ _ICRS_TO_GAL.T


def icrs_from_galactic(lon_gal: ArrayLike, lat_gal: ArrayLike) -> FloatArray:
    """ICRS unit vectors of Galactic longitude and latitude, degrees.

    Examples
    --------
    >>> [float(x.round(2)) for x in lonlat(icrs_from_galactic(0.0, 0.0))]
    [266.4, -28.94]
    """
    return vector(lon_gal, lat_gal) @ _ICRS_TO_GAL


def separation(a: FloatArray, b: FloatArray) -> FloatArray:
    """Angle between unit vectors (..., 3), degrees; exact for small angles."""
    return np.degrees(2.0 * np.arcsin(np.clip(np.linalg.norm(a - b, axis=-1) / 2.0, 0.0, 1.0)))


def sun_vector(ijd: ArrayLike) -> FloatArray:
    """Direction of the Sun, ICRS unit vectors (..., 3), good to 0.03 deg.

    Low-precision formula of the Astronomical Almanac, section C ("Low precision formulas for the Sun"). Its equinox is
    that of date; the general precession of 50.29 arcsec a year takes it back to J2000.
    """
    day = np.asarray(ijd, dtype=float) - 0.5
    mean = 280.460 + 0.9856474 * day
    anomaly = np.radians(357.528 + 0.9856003 * day)
    precession = 50.29 / 3600.0 / 365.25 * day
    lon = np.radians(mean + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2.0 * anomaly) - precession)
    tilt = np.radians(23.439)
    return np.stack([np.cos(lon), np.cos(tilt) * np.sin(lon), np.sin(tilt) * np.sin(lon)], axis=-1)


def tangent_frame(centre: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Unit vectors towards east and north at `centre` (..., 3)."""
    east = unit(np.stack([-centre[..., 1], centre[..., 0], np.zeros_like(centre[..., 0])], axis=-1) + _NUDGE)
    return east, np.cross(centre, east)


def offset(centre: FloatArray, east_deg: FloatArray, north_deg: FloatArray) -> FloatArray:
    """Directions at small offsets (deg, tangent plane) from `centre` (3,); result (n, 3)."""
    east, north = tangent_frame(centre)
    return unit(
        centre + np.tan(np.radians(east_deg))[..., None] * east + np.tan(np.radians(north_deg))[..., None] * north
    )


def roll_axis(x_axis: FloatArray, sun: FloatArray) -> FloatArray:
    """Spacecraft Z axis (..., 3): across the pointing, in the plane of pointing and Sun, on the Sun's side."""
    return unit(sun - np.sum(sun * x_axis, axis=-1, keepdims=True) * x_axis)


def position_angle(x_axis: FloatArray, z_axis: FloatArray) -> FloatArray:
    """Position angle of Z at the pointing, from north through east, degrees 0 to 360."""
    east, north = tangent_frame(x_axis)
    angle = np.degrees(np.arctan2(np.sum(z_axis * east, axis=-1), np.sum(z_axis * north, axis=-1))) % 360.0
    return np.where(angle >= 360.0, 0.0, angle)
