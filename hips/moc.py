"""Coverage maps (MOC) that follow the observed pixels exactly."""

from __future__ import annotations

import io

import numpy as np
from cdshealpix.nested import healpix_to_lonlat
from mocpy import MOC
from numpy.typing import NDArray

from hips.tiles import Pixels

_CHUNK = 1 << 20
_MAX_ORDER = 29


def observed_ranges(pixels: Pixels) -> NDArray[np.uint64]:
    """Ranges of nested pixel numbers that hold a value.

    Returns
    -------
    (n, 2), uint64
        First and one past the last pixel of each range, at the order of the map, ascending and separate.
    """
    edges: list[NDArray[np.int64]] = []
    before = False
    for start in range(0, pixels.size, _CHUNK):
        valid = np.isfinite(pixels.read(start, min(start + _CHUNK, pixels.size)))
        change = np.flatnonzero(valid[1:] != valid[:-1]) + 1 + start
        if valid[0] != before:
            change = np.concatenate([[start], change])
        edges.append(change)
        before = bool(valid[-1])
    if before:
        edges.append(np.array([pixels.size]))
    return np.concatenate(edges).astype(np.uint64).reshape(-1, 2)


def observed_moc(pixels: Pixels) -> MOC:
    """Coverage of a map at its own order: exactly the pixels that hold a value."""
    shift = np.uint64(2 * (_MAX_ORDER - pixels.order))
    return MOC.from_depth29_ranges(pixels.order, observed_ranges(pixels) << shift)


def moc_centre(moc: MOC) -> tuple[float, float]:
    """Right ascension and declination of the mean direction of a coverage, ICRS degrees, to about a degree."""
    order = min(moc.max_order, 6)
    cells = np.asarray(moc.degrade_to_order(order).flatten(), dtype=np.uint64)
    lon, lat = (np.asarray(angle.to_value("rad"), dtype=np.float64) for angle in healpix_to_lonlat(cells, depth=order))
    x, y, z = (np.cos(lat) * np.cos(lon)).sum(), (np.cos(lat) * np.sin(lon)).sum(), np.sin(lat).sum()
    return float(np.degrees(np.arctan2(y, x)) % 360.0), float(np.degrees(np.arctan2(z, np.hypot(x, y))))


def encode_moc(moc: MOC) -> bytes:
    """FITS file of a coverage map (MOC 2.0, section 4.3), in ICRS."""
    buffer = io.BytesIO()
    moc.serialize(format="fits").writeto(buffer)
    return buffer.getvalue()
