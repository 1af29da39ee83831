"""HEALPix maps in FITS files of any flavour, brought to our own: NESTED, ICRS, float32, NaN = not observed."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning
from numpy.typing import NDArray

from archive.errors import UsageError
from archive.healpix import pixel_centres, pixels_nested
from archive.pictures import GALACTIC_TO_ICRS
from archive.skymaps import MAX_ORDER
from hips.tiles import UNSEEN

_CHUNK = 1 << 20
_FRAMES: Mapping[str, str] = {
    "C": "icrs",
    "EQUATORIAL": "icrs",
    "ICRS": "icrs",
    "G": "galactic",
    "GALACTIC": "galactic",
}


@dataclasses.dataclass(frozen=True)
class HealpixFile:
    """What one column of a HEALPix file holds.

    Attributes
    ----------
    values : (12 * 4**order,), float32
        NESTED, ICRS, NaN where nothing was observed.
    unit : str
        As written in the file; empty where it says nothing.
    rotated : bool
        Whether the file was in Galactic coordinates: each pixel then has the value of the one its centre lies in.
    """

    values: NDArray[np.float32]
    order: int
    unit: str
    rotated: bool


def read_healpix_file(path: Path, *, column: str | None = None) -> HealpixFile:
    """Read one map from a HEALPix FITS file.

    RING or NESTED, equatorial or Galactic, whole or partial sky (INDXSCHM EXPLICIT); UNSEEN, BAD_DATA and NaN become
    NaN. Values are never averaged or interpolated.

    Parameters
    ----------
    column : str, optional
        Name of the column; needed where the file has several.

    Raises
    ------
    UsageError
        If the file is no HEALPix map, is truncated, contradicts itself or holds no observed pixel.
    """
    try:
        # astropy only warns of a truncated file
        with (
            warnings.catch_warnings(action="error", category=AstropyUserWarning),
            fits.open(path, memmap=False) as file,
        ):
            tables = [hdu for hdu in file if isinstance(hdu, fits.BinTableHDU)]
            table = next((hdu for hdu in tables if str(hdu.header.get("PIXTYPE", "")).upper() == "HEALPIX"), None)
            if table is None:
                raise UsageError(f"{path.name} holds no HEALPix table (no extension says PIXTYPE = 'HEALPIX').")
            return _read_table(path.name, table, column)
    except (OSError, TypeError, ValueError, fits.VerifyError, AstropyUserWarning) as error:
        raise UsageError(f"{path.name} is not a readable FITS file: truncated or damaged.") from error


def _read_table(name: str, table: fits.BinTableHDU, wanted: str | None) -> HealpixFile:
    header = table.header
    order = _order(name, header.get("NSIDE"))
    ring = _ordering(name, header.get("ORDERING"))
    frame = _FRAMES.get(str(header.get("COORDSYS", "")).strip().upper())
    if frame is None:
        raise UsageError(f"{name}: COORDSYS is {header.get('COORDSYS')!r}; expected 'C' (ICRS) or 'G' (Galactic).")
    explicit = str(header.get("INDXSCHM", "IMPLICIT")).strip().upper() == "EXPLICIT"
    column = _column(name, table, wanted, explicit=explicit)
    values = np.asarray(table.data[column], dtype=np.float32).ravel()
    size = 12 << (2 * order)
    pixels = np.asarray(table.data["PIXEL"], dtype=np.int64).ravel() if explicit else np.arange(size)
    if values.size != pixels.size:
        raise UsageError(
            f"{name}: column {column} has {values.size} values; NSIDE {1 << order} asks for {pixels.size}."
        )
    if explicit and (
        pixels.size == 0 or pixels.min() < 0 or pixels.max() >= size or np.unique(pixels).size != pixels.size
    ):
        raise UsageError(f"{name}: PIXEL must name each pixel once, from 0 to {size - 1}.")
    bad = float(str(header.get("BAD_DATA", UNSEEN)))
    values = np.where((values <= UNSEEN * 0.99) | (values == np.float32(bad)), np.float32(np.nan), values)
    if np.isinf(values).any():
        raise UsageError(f"{name}: {int(np.isinf(values).sum())} values of column {column} are infinite.")
    if not np.isfinite(values).any():
        raise UsageError(f"{name}: column {column} holds no observed pixel.")
    whole = np.full(size, np.nan, dtype=np.float32)
    whole[_ring_to_nested(order, pixels) if ring else pixels] = values
    unit = str(fits.ColDefs(table)[column].unit or "")
    return HealpixFile(_rotate(order, whole) if frame == "galactic" else whole, order, unit, frame == "galactic")


def _order(name: str, nside: object) -> int:
    if isinstance(nside, int) and 0 < nside <= 1 << MAX_ORDER and nside & (nside - 1) == 0:
        return nside.bit_length() - 1
    raise UsageError(f"{name}: NSIDE is {nside!r}; expected a power of two up to {1 << MAX_ORDER}.")


def _ordering(name: str, ordering: object) -> bool:
    """Whether the pixels are in RING order."""
    text = str(ordering).strip().upper()
    if text in {"RING", "NESTED", "NEST"}:
        return text == "RING"
    raise UsageError(f"{name}: ORDERING is {ordering!r}; expected RING or NESTED (multi-order maps are not read).")


def _column(name: str, table: fits.BinTableHDU, wanted: str | None, *, explicit: bool) -> str:
    every = [str(text) for text in fits.ColDefs(table).names]
    names = [text for text in every if not (explicit and text.upper() == "PIXEL")]
    if explicit and len(names) == len(every):
        raise UsageError(f"{name}: INDXSCHM is EXPLICIT, but there is no column PIXEL.")
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted is not None and wanted in names:
        return wanted
    raise UsageError(
        f"{name} has the columns {', '.join(names)}; name one of them{f', not {wanted}' if wanted else ''}."
    )


def _ring_to_nested(order: int, pixels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Nested numbers of RING pixels, through the positions of their centres."""
    from cdshealpix.ring import healpix_to_lonlat  # noqa: PLC0415 - astropy.coordinates, which most maps do without

    result = np.empty(pixels.size, dtype=np.int64)
    for start in range(0, pixels.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        lon, lat = healpix_to_lonlat(pixels[part].astype(np.uint64), nside=1 << order)
        result[part] = pixels_nested(order, lon.to_value("deg"), lat.to_value("deg"))
    return result


def _rotate(order: int, galactic: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give each ICRS pixel the value of the Galactic pixel in which its centre lies."""
    result = np.empty_like(galactic)
    for start in range(0, galactic.size, _CHUNK):
        pixels = np.arange(start, min(start + _CHUNK, galactic.size))
        lon, lat = (np.radians(angle) for angle in pixel_centres(order, pixels))
        icrs = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        x, y, z = GALACTIC_TO_ICRS.T @ icrs
        where = pixels_nested(order, np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arcsin(np.clip(z, -1, 1))))
        result[start : start + pixels.size] = galactic[where]
    return result
