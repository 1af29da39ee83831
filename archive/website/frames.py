"""One position in the frames that people use."""

from dataclasses import dataclass

from astropy import units
from astropy.coordinates import FK5, BarycentricMeanEcliptic, SkyCoord

from archive.templatetags.archive_tags import dms, hms


@dataclass(frozen=True, slots=True)
class FramePosition:
    """A position in one frame: name of the frame, text in degrees, and in hours and degrees where that is usual."""

    frame: str
    degrees: str
    sexagesimal: str = ""


def in_all_frames(ra: float, dec: float) -> tuple[FramePosition, ...]:
    """Write an ICRS position (deg) in ICRS, FK5 J2000, Galactic and ecliptic (barycentric, mean, J2000) coordinates."""
    icrs = SkyCoord(ra * units.deg, dec * units.deg, frame="icrs")
    fk5 = icrs.transform_to(FK5(equinox="J2000"))
    ecliptic = icrs.transform_to(BarycentricMeanEcliptic(equinox="J2000"))
    galactic = icrs.galactic
    return (
        FramePosition("ICRS", _pair(ra, dec), f"{hms(ra)} {dms(dec)}"),
        FramePosition("FK5 J2000", _pair(fk5.ra.deg, fk5.dec.deg), f"{hms(fk5.ra.deg)} {dms(fk5.dec.deg)}"),
        FramePosition("Galactic", _pair(galactic.l.deg, galactic.b.deg)),
        FramePosition("Ecliptic J2000", _pair(ecliptic.lon.deg, ecliptic.lat.deg)),
    )


def _pair(lon: float, lat: float) -> str:
    return f"{float(lon):.5f} {float(lat):+.5f}"
