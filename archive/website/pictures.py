"""Pictures drawn from the archive's own numbers: sky exposure and map cut-outs."""

from functools import lru_cache

import numpy as np
from astropy import units
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import bilinear_interpolation, healpix_to_lonlat
from django.db.models import BigIntegerField, ExpressionWrapper, F, Sum, Value
from django.db.models.functions import Coalesce
from numpy.typing import NDArray

from archive.healpix import HPX_ORDER, unit_vector
from archive.models import Release, ScienceWindow
from archive.pictures import encode_png, mollweide_sky
from archive.selectors import rows_of_release
from archive.skymaps import MapVersion, SkyMap

FloatArray = NDArray[np.float64]

COVERAGE_ORDER = 4
COVERAGE_WIDTH = 720
# Radii of IBIS (Ubertini et al. 2003, A&A 411, L131), taken as round:
# fully coded 8.3 x 8.0 deg, zero response 29.1 deg.
FULLY_CODED_RADIUS_DEG = 4.1
ZERO_RESPONSE_RADIUS_DEG = 14.5

# Night water, shelf, surf, sand, light: even steps in lightness, so that more exposure is always brighter.
_RAMP = ("08131c", "0c2a3d", "0d4a5e", "1b7280", "4a9d96", "93c49c", "dbe09a", "fff3c4")


def palette() -> NDArray[np.uint8]:
    """Return the 256 colours of every picture, shape (256, 3)."""
    stops = np.array([[int(code[i : i + 2], 16) for i in (0, 2, 4)] for code in _RAMP], dtype=np.float64)
    at = np.linspace(0, len(_RAMP) - 1, 256)
    return (
        np.stack([np.interp(at, np.arange(len(_RAMP)), stops[:, i]) for i in range(3)], axis=1).round().astype(np.uint8)
    )


@lru_cache(maxsize=4)
def coverage_png(release_number: int) -> bytes:
    """Draw the ISGRI exposure of all pointings of a release: Galactic, Mollweide, logarithmic, l = 0 in the middle."""
    release = Release.objects.get(number=release_number)
    exposure = sky_exposure(release)
    ra, dec, inside = mollweide_sky(COVERAGE_WIDTH)
    pixels, weights = bilinear_interpolation(Longitude(ra, units.deg), Latitude(dec, units.deg), COVERAGE_ORDER)
    values = np.sum(exposure[np.asarray(pixels)] * np.asarray(weights), axis=1)
    picture = np.zeros(inside.shape, dtype=np.uint8)
    if values.max(initial=0.0) > 0:
        floor = max(1e3, float(values.max()) / 1e4)
        level = np.log(np.maximum(values, floor) / floor) / np.log(values.max() / floor)
        picture[inside] = (12 + 243 * level).astype(np.uint8)
    return encode_png(picture, palette().tobytes(), transparent=False)


def sky_exposure(release: Release) -> FloatArray:
    """Effective ISGRI exposure (s) at the centres of the order-4 pixels, shape (3072,).

    Good time (elapsed time where the good time is not known) times a vignetting that is 1 in the fully coded field
    and falls linearly to 0 at the zero-response radius.
    """
    shift = 1 << 2 * (HPX_ORDER - COVERAGE_ORDER)
    pointings = rows_of_release(ScienceWindow, release).filter(kind="pointing", hpx__isnull=False)
    cells = pointings.annotate(cell=ExpressionWrapper(F("hpx") / shift, output_field=BigIntegerField()))
    seen = Coalesce(F("good_isgri_s"), F("elapsed_s"), Value(0.0))
    groups = cells.order_by().values_list("cell").annotate(seconds=Sum(seen))
    pixel_count = 12 * 4**COVERAGE_ORDER
    seconds = np.zeros(pixel_count)
    for cell, total in groups:
        seconds[cell] = total
    lon, lat = healpix_to_lonlat(np.arange(pixel_count, dtype=np.uint64), COVERAGE_ORDER)
    vectors = np.stack(unit_vector(lon.deg, lat.deg), axis=1)
    used = np.flatnonzero(seconds)
    exposure = np.zeros(pixel_count)
    for part in np.array_split(np.arange(pixel_count), 8):
        angle = np.degrees(np.arccos(np.clip(vectors[part] @ vectors[used].T, -1.0, 1.0)))
        coded = 1.0 - (angle - FULLY_CODED_RADIUS_DEG) / (ZERO_RESPONSE_RADIUS_DEG - FULLY_CODED_RADIUS_DEG)
        exposure[part] = np.clip(coded, 0.0, 1.0) @ seconds[used]
    return exposure


def cut_png(version: MapVersion, sky_map: SkyMap, ra: float, dec: float, side_deg: float, pixels: int = 360) -> bytes:
    """Draw a tangent-plane cut-out of a map around a position, north up, east to the left; dark where not observed."""
    offset = np.tan(np.radians(side_deg / 2.0)) * (2.0 * (np.arange(pixels) + 0.5) / pixels - 1.0)
    east, north = np.meshgrid(-offset, -offset)
    lon, lat = deproject(east, north, ra, dec)
    neighbours, weights = bilinear_interpolation(
        Longitude(lon.ravel(), units.rad), Latitude(lat.ravel(), units.rad), sky_map.order
    )
    values = np.asarray(version.values(sky_map))[np.asarray(neighbours)]
    picture = np.sum(values * np.asarray(weights), axis=1).reshape(pixels, pixels)
    seen = np.isfinite(picture)
    indices = np.zeros((pixels, pixels), dtype=np.uint8)
    if seen.any():
        low, high = np.percentile(picture[seen], (10.0, 99.7))
        level = np.clip((picture - low) / max(high - low, 1e-30), 0.0, 1.0)
        indices[seen] = (10 + 245 * np.sqrt(level[seen])).astype(np.uint8)
    return encode_png(indices, palette().tobytes(), transparent=False)


def deproject(east: FloatArray, north: FloatArray, ra: float, dec: float) -> tuple[FloatArray, FloatArray]:
    """Turn tangent-plane offsets (rad) around a position (deg) into longitude and latitude (rad).

    Calabretta & Greisen 2002, A&A 395, 1077, section 5.1.3 (TAN).
    """
    ra0, dec0 = np.radians(ra), np.radians(dec)
    x = np.cos(dec0) - north * np.sin(dec0)
    lon = ra0 + np.arctan2(east, x)
    lat = np.arctan2(np.sin(dec0) + north * np.cos(dec0), np.hypot(x, east))
    return lon % (2.0 * np.pi), lat
