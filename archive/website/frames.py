"""One position in the frames that people use. Degrees in, degrees out."""

from dataclasses import dataclass
from typing import cast

import numpy as np
from astropy import units
from astropy.coordinates import (
    FK5,
    ICRS,
    BarycentricMeanEcliptic,
    BaseCoordinateFrame,
    CartesianRepresentation,
    Galactic,
    UnitSphericalRepresentation,
)
from django.utils.translation import pgettext
from numpy.typing import ArrayLike, NDArray

from archive.templatetags.archive_tags import dms, hms

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FramePosition:
    """A position in one frame: name of the frame, text in degrees, and in hours and degrees where that is usual."""

    frame: str
    degrees: str
    sexagesimal: str = ""


def in_all_frames(ra: float, dec: float) -> tuple[FramePosition, ...]:
    """Write an ICRS position (deg) in ICRS, FK5 J2000, Galactic and ecliptic (barycentric, mean, J2000) coordinates."""
    fk5 = _pair(ra, dec, ICRS(), FK5(equinox="J2000"))
    galactic = _pair(ra, dec, ICRS(), Galactic())
    ecliptic = _pair(ra, dec, ICRS(), BarycentricMeanEcliptic(equinox="J2000"))
    return (
        FramePosition("ICRS", _write(ra, dec), f"{hms(ra)} {dms(dec)}"),
        FramePosition("FK5 J2000", _write(*fk5), f"{hms(fk5[0])} {dms(fk5[1])}"),
        FramePosition(pgettext("frame of coordinates", "Galactic"), _write(*galactic)),
        FramePosition(pgettext("frame of coordinates", "Ecliptic J2000"), _write(*ecliptic)),
    )


def icrs_from_galactic(lon: ArrayLike, lat: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Turn Galactic longitude and latitude (deg) into ICRS right ascension and declination (deg)."""
    return transform(lon, lat, Galactic(), ICRS())


def transform(
    lon: ArrayLike, lat: ArrayLike, given: BaseCoordinateFrame, wanted: BaseCoordinateFrame
) -> tuple[FloatArray, FloatArray]:
    """Turn longitude and latitude (deg) of one frame into those of another; arrays of one shape."""
    points = UnitSphericalRepresentation(np.asarray(lon) * units.deg, np.asarray(lat) * units.deg)
    place = given.realize_frame(points).transform_to(wanted)
    x, y, z = cast("CartesianRepresentation", place.represent_as(CartesianRepresentation)).xyz.value
    return np.degrees(np.arctan2(y, x)) % 360.0, np.degrees(np.arctan2(z, np.hypot(x, y)))


def _pair(lon: float, lat: float, given: BaseCoordinateFrame, wanted: BaseCoordinateFrame) -> tuple[float, float]:
    new_lon, new_lat = transform(lon, lat, given, wanted)
    return float(new_lon), float(new_lat)


def _write(lon: float, lat: float) -> str:
    return f"{lon:.5f} {lat:+.5f}"
