"""Cut-outs of mosaics: every plane cut to the smallest rectangle of pixels around a region, nothing resampled."""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from archive.formats import headers
from archive.formats.container import AnyHdu, FitsFile, open_fits
from archive.formats.image import AnyWcs, is_sky_image, wcs_of
from vo.products.facts import KEV_METRE
from vo.soda.params import Cut
from vo.soda.regions import Region, anchors, contains


@dataclass(frozen=True, slots=True)
class _Box:
    """Pixels [x0, x1) and [y0, y1), counted from 0."""

    x0: int
    x1: int
    y0: int
    y1: int


def cut_image(path: Path, cut: Cut, history: tuple[str, ...]) -> bytes | None:
    """Return a FITS file with the part of the images of a file that lies in a region and band; None if there is none.

    Headers stay as they are but for the reference pixel; tables of the file are left out, which HISTORY says.

    Raises
    ------
    FormatError
        If the file is damaged.
    """
    with open_fits(path) as file:
        chosen = _in_band([hdu for hdu in file.hdus if is_sky_image(hdu)], cut.band)
        parts = [part for hdu in chosen if (part := _cut_plane(file, hdu, cut.region)) is not None]
        if not parts:
            return None
        primary = fits.PrimaryHDU(header=_plain(file.hdus[0].header) if file.hdus[0].data is None else None)
        for line in (*history, *_left_out(file)):
            primary.header["HISTORY"] = line
        content = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyWarning)  # cards of the file that astropy writes in its own way
            fits.HDUList([primary, *parts]).writeto(content, checksum=True, output_verify="silentfix")
        return content.getvalue()


def _left_out(file: FitsFile) -> tuple[str, ...]:
    tables = [hdu.name or "table" for hdu in file.hdus if not hdu.is_image]
    return (f"left out: tables {', '.join(tables)}",) if tables else ()


def _plain(header: fits.Header) -> fits.Header:
    kept = header.copy()
    for name in ("CHECKSUM", "DATASUM"):
        kept.remove(name, ignore_missing=True)
    return kept


def _in_band(images: list[AnyHdu], band: tuple[float, float] | None) -> list[AnyHdu]:
    """Keep the images whose band overlaps; those without a band belong to all, if any is kept."""
    if band is None:
        return images
    stated = [(hdu, headers.number(hdu.header, "E_MIN"), headers.number(hdu.header, "E_MAX")) for hdu in images]
    kept = [
        hdu
        for hdu, low, high in stated
        if low is None or high is None or (KEV_METRE / high <= band[1] and KEV_METRE / low >= band[0])
    ]
    without = sum(low is None or high is None for _, low, high in stated)
    return kept if len(kept) > without else []


def _cut_plane(file: FitsFile, hdu: AnyHdu, region: Region | None) -> fits.ImageHDU | None:
    header = _plain(hdu.header)
    pixels = hdu.data
    if region is not None:
        box = _box(wcs_of(hdu.header, file.label(file.hdus.index(hdu))), headers.frame_of(hdu.header), pixels.shape,
                   region)  # fmt: skip
        if box is None:
            return None
        pixels = pixels[box.y0 : box.y1, box.x0 : box.x1]
        for name, first in (("CRPIX1", box.x0), ("CRPIX2", box.y0)):
            header[name] = (headers.number(hdu.header, name) or 0.0) - first
    image = fits.ImageHDU(np.ascontiguousarray(pixels), header=header)
    image.name = hdu.name
    return image


def _box(wcs: AnyWcs, frame: str, shape: tuple[int, int], region: Region) -> _Box | None:
    rows, columns = shape
    y, x = np.mgrid[0:rows, 0:columns]
    ra, dec = wcs.all_pix2world(x.ravel(), y.ravel(), 0)
    inside = contains(region, *_to_icrs(ra, dec, frame)).reshape(shape)
    # A region smaller than a pixel has no pixel's centre inside.
    for place_x, place_y in zip(*_pixels_of(wcs, frame, region), strict=True):
        if -0.5 <= place_x < columns - 0.5 and -0.5 <= place_y < rows - 0.5:
            inside[round(place_y), round(place_x)] = True
    if not inside.any():
        return None
    across, up = np.flatnonzero(inside.any(axis=0)), np.flatnonzero(inside.any(axis=1))
    return _Box(int(across[0]), int(across[-1]) + 1, int(up[0]), int(up[-1]) + 1)


def _to_icrs(ra: Any, dec: Any, frame: str) -> tuple[Any, Any]:
    return (ra, dec) if frame == "icrs" else headers.icrs_from_fk5(ra, dec)


def _pixels_of(wcs: AnyWcs, frame: str, region: Region) -> tuple[Any, Any]:
    """Pixel coordinates of the places that belong to a region; far away where the projection folds them back."""
    sky: Any = SkyCoord(*(values * units.deg for values in anchors(region)), frame="icrs").transform_to(frame)
    x, y = wcs.all_world2pix(sky.ra.deg, sky.dec.deg, 0)
    back_ra, back_dec = wcs.all_pix2world(x, y, 0)
    back: Any = SkyCoord(back_ra * units.deg, back_dec * units.deg, frame=frame)
    near = np.asarray(back.separation(sky).deg) < 1e-3
    return np.where(near, x, -1e9), np.where(near, y, -1e9)
